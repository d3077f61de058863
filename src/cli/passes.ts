/** The options of `octet deploy` about graph passes: which run, what they did, and the network after each. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { emitOnnx } from '../deploy/onnx/emit.ts';
import { emitDot } from '../deploy/passes/dot.ts';
import { passNames, type PassOptions, type PassReport } from '../deploy/passes/pass.ts';
import { PASSES } from '../deploy/passes/passes.ts';

export interface PassFlags {
  readonly disablePass?: readonly string[];
  readonly passes?: string;
  readonly dumpPasses?: string;
}

const gathered = (name: string, before: readonly string[] = []): string[] => [...before, ...name.split(',')];

export function addPassOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--disable-pass <name>', 'leave a graph pass out; may be repeated').argParser(gathered),
    )
    .option('--passes <names>', 'run only these graph passes, separated by commas; none for the empty list')
    .option('--dump-passes <dir>', 'write the network after each pass that changed it, as ONNX and Graphviz')
    .option('--list-passes', 'list the graph passes and end')
    .on('option:list-passes', () => {
      process.stdout.write(passList());
      process.exit(0);
    });
}

/** The passes in order, one to a line; those without a switch say so. */
export function passList(): string {
  const width = Math.max(...PASSES.map(({ name }) => name.length));
  return PASSES.map(
    ({ name, does, always }) => `${name.padEnd(width)}  ${does}${always ? ' (always)' : ''}\n`,
  ).join('');
}

/**
 * What the flags say about the passes.
 * @param reports gets what each pass did
 * @throws UsageError naming a pass that does not exist
 */
export function passOptions(
  { disablePass, passes, dumpPasses }: PassFlags,
  reports: PassReport[],
): PassOptions {
  const disabled = passNames(PASSES, disablePass ?? []);
  if (passes !== undefined) {
    const wanted = passNames(PASSES, passes === '' ? [] : passes.split(','));
    for (const { name } of PASSES) if (!wanted.has(name)) disabled.add(name);
  }
  if (dumpPasses !== undefined) mkdirSync(dumpPasses, { recursive: true });
  return {
    disabled,
    observe: (report, graph) => {
      reports.push(report);
      if (dumpPasses === undefined) return;
      const file = join(dumpPasses, `${String(reports.length).padStart(2, '0')}-${report.pass}`);
      writeFileSync(`${file}.onnx`, emitOnnx(graph));
      writeFileSync(`${file}.dot`, emitDot(graph));
    },
  };
}
