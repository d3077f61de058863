/** MobileBERT, warm in one process and as a command: times, memory, and where the time goes. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Inferences } from './inferences.ts';
import { median, OCTET, ROOT, timed } from './process.ts';

export interface MobileBert {
  readonly layers: number;
  /** Wall seconds. */
  readonly seconds: {
    /** One more inference in a process that has made one: machine, load, run, result. Median. */
    readonly warm: number;
    /** The first in a process, Node's start not included. */
    readonly first: number;
    /** `octet infer`, whole process, with network and ELF file already built. Median. */
    readonly commandLine: number;
  };
  /** Processor seconds over all threads, median. */
  readonly cpuSeconds: { readonly warm: number; readonly commandLine: number };
  readonly inferences: Inferences;
  /** Peak memory of the process after all inferences over that after the first. */
  readonly memoryRatio: number;
  /** Seconds of the command by phase, from its own report; `node` is the rest. */
  readonly command: { readonly build: number; readonly run: number; readonly node: number };
}

interface Report {
  readonly match: boolean | null;
  readonly elf: string;
  readonly memoryHash: string;
  readonly seconds: { readonly build: number; readonly run: number };
}

export interface MobileBertOptions {
  readonly layers: number;
  /** Inferences in one process. */
  readonly inferences: number;
  /** Runs of the command. */
  readonly commands: number;
  readonly progress: (text: string) => void;
}

/** @throws Error where a result differs from the integer reference */
export function measureMobileBert(options: MobileBertOptions): MobileBert {
  const { layers, progress } = options;
  const infer = (check: string): { report: Report; wallSeconds: number; cpuSeconds: number } => {
    const result = timed([
      ...OCTET,
      'infer',
      'mobilebert',
      '--layers',
      `${layers}`,
      `--check=${check}`,
      '--json',
    ]);
    return { ...result, report: JSON.parse(result.stdout) as Report };
  };
  progress('mobilebert: building, and checking against the integer reference');
  const checked = infer('output').report;
  if (checked.match !== true) throw new Error('mobilebert: the firmware differs from the integer reference');
  infer('none'); // builds the firmware that the timed commands find
  const commands = Array.from({ length: options.commands }, (_, i) => {
    progress(`mobilebert: octet infer, run ${i + 1} of ${options.commands}`);
    return infer('none');
  });
  progress(`mobilebert: ${options.inferences} inferences in one process`);
  const script = fileURLToPath(new URL('inferences.ts', import.meta.url));
  const project = dirname(`${ROOT}/${checked.elf}`);
  const child = timed([process.execPath, '--import', 'tsx', script, project, `${options.inferences}`]);
  const inferences = JSON.parse(child.stdout) as Inferences;
  const wrong = inferences.memoryHashes.findIndex((hash) => hash !== checked.memoryHash);
  if (wrong >= 0)
    throw new Error(`mobilebert: inference ${wrong + 1} in one process differs from the checked one`);
  const middle = (of: (command: (typeof commands)[number]) => number): number => median(commands.map(of));
  const commandLine = middle((c) => c.wallSeconds);
  const build = middle((c) => c.report.seconds.build);
  const run = middle((c) => c.report.seconds.run);
  return {
    layers,
    seconds: { warm: median(inferences.seconds.slice(1)), first: inferences.seconds[0], commandLine },
    cpuSeconds: { warm: median(inferences.cpuSeconds.slice(1)), commandLine: middle((c) => c.cpuSeconds) },
    inferences,
    memoryRatio: inferences.peakBytes[1] / inferences.peakBytes[0],
    command: { build, run, node: commandLine - build - run },
  };
}
