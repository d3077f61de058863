/**
 * What cluster timing costs the emulator: the workloads of bench/workloads and MobileBERT in both timing modes, paired. The
 * peer is instruction timing; the goal of 265 million instructions a second is five times the timed model of GVSoC (53
 * measured on two cores such as these).
 *
 *     npx tsx bench/timing.ts [--runs n] [--scale part]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Progress, table } from '../src/cli/text.ts';
import { median, OCTET, timed } from './support/process.ts';
import { integerWorkloads, otherWorkloads, type Workload, Workshop } from './support/workloads.ts';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, scale: { type: 'string', default: '0.25' } },
});
const runs = Number(flags.runs);
const scale = Number(flags.scale);

interface Report {
  readonly instructions: number;
  readonly cycles: number;
  readonly wallSeconds: number;
}

const MODES = ['instruction', 'cluster'] as const;
type Mode = (typeof MODES)[number];

interface Row {
  readonly name: string;
  /** Millions of instructions a second over all harts, whole processes. */
  readonly speed: Readonly<Record<Mode, number>>;
  /** In cluster timing. */
  readonly cyclesPerInstruction: number;
  /** Wall time in cluster timing over that in instruction timing: the median over pairs. */
  readonly slowdown: number;
}

const bar = new Progress();
const directory = mkdtempSync(join(tmpdir(), 'octet-timing-'));

const number = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

/** Runs `command` in both modes, one after the other, `runs` times. */
function pairs(name: string, command: (mode: Mode) => readonly string[]): Row {
  const measured = Array.from({ length: runs }, (_, i) => {
    bar.show(`${name}: run ${i + 1} of ${runs}`);
    const [instruction, cluster] = MODES.map((mode) => timed(command(mode)));
    return { instruction, cluster };
  });
  const { instructions, cycles } = JSON.parse(measured[0].cluster.stdout) as Report;
  const total = ([] as number[]).concat(instructions).reduce((sum, n) => sum + n, 0);
  const speed = (mode: Mode): number => total / median(measured.map((m) => m[mode].wallSeconds)) / 1e6;
  return {
    name,
    speed: { instruction: speed('instruction'), cluster: speed('cluster') },
    cyclesPerInstruction: cycles / total,
    slowdown: median(measured.map((m) => m.cluster.wallSeconds / m.instruction.wallSeconds)),
  };
}

function measure(workload: Workload, workshop: Workshop): Row {
  const { name, harts, repeat } = workload;
  const { bare } = workshop.build(workload, Math.max(1, Math.round(repeat * scale)));
  const machine = harts === 1 ? ['--preset', 'bare'] : ['--preset', 'octa', '--harts', String(harts)];
  const row = pairs(name, (mode) => [
    ...OCTET,
    'run',
    ...machine,
    '--dram',
    '4MiB',
    `--timing=${mode}`,
    '--json',
    bare,
  ]);
  return { ...row, cyclesPerInstruction: row.cyclesPerInstruction * harts };
}

try {
  const workshop = new Workshop(directory);
  const rows = [...integerWorkloads, ...otherWorkloads].map((workload) => measure(workload, workshop));
  const infer = (mode: Mode): readonly string[] => [
    ...OCTET,
    'infer',
    'mobilebert',
    '--check=none',
    `--timing=${mode}`,
    '--json',
  ];
  for (const mode of MODES) timed(infer(mode)); // builds the firmware that the timed commands find
  const mobilebert = pairs('mobilebert', infer);
  bar.done();
  const line = ({ name, speed, cyclesPerInstruction, slowdown }: Row, cpi = true): string[] => [
    name,
    number(speed.instruction),
    number(speed.cluster),
    slowdown.toFixed(2),
    cpi ? cyclesPerInstruction.toFixed(2) : '',
  ];
  process.stdout.write(
    `${table([
      ['', 'instruction timing', 'cluster timing', 'slowdown', 'CPI'],
      ...rows.map((row) => line(row)),
      line(mobilebert, false),
    ])}\n`,
  );
  const least = Math.min(...rows.map(({ speed }) => speed.cluster));
  process.stdout.write(
    `Millions of instructions a second over all harts, whole processes, medians of ${runs}; load ${loadavg()[0].toFixed(1)}.\n` +
      `Least in cluster timing: ${number(least)} (goal 265). MobileBERT: ${mobilebert.slowdown.toFixed(2)} times the wall time (goal at most 6).\n`,
  );
} finally {
  bar.done();
  rmSync(directory, { recursive: true });
}
