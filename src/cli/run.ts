/** `octet run`: executes an ELF file and exits as the guest does. */
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { Machine } from '../cluster/machine.ts';
import { parseElf } from '../elf/elf.ts';
import { energyOf } from '../energy/energy.ts';
import { ProcessConsole } from '../host/console.ts';
import { emitChromeTrace } from '../trace/perfetto.ts';
import { Recorder } from '../trace/recorder.ts';
import { addDebugOptions, type DebugFlags } from './debug-options.ts';
import { engineOption } from './engine-option.ts';
import { addMachineOptions, machineOf, parseWhole, readInput, writeOutput } from './options.ts';
import { addSnapshotOptions, runWithSnapshots, type SnapshotFlags } from './snapshots.ts';
import { printStatistics, translationOf } from './statistics.ts';

interface RunFlags extends DebugFlags, SnapshotFlags {
  /** Where to wait for a debugger, `[host:]port`. */
  readonly gdb?: string;
  readonly maxInstructions?: number;
  readonly stats?: boolean;
  readonly json?: boolean;
  /** Where to write when each part was at work. */
  readonly timeline?: string;
}

/** Exit status of a run that used up its instruction budget. */
const BUDGET_EXHAUSTED = 124;

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .summary('run an ELF file')
    .description(
      "Runs an ELF file on the emulated machine until the guest exits, and exits with the guest's status.\n" +
        'The guest prints and exits through HTIF (tohost), RISC-V semihosting or the UART.',
    )
    .argument('<firmware.elf>', 'program, built by a RISC-V compiler for rv32')
    .argument('[args...]', "the guest's command line (after --), for semihosting")
    .option('--max-instructions <n>', 'stop with status 124 after so many instructions', parseWhole(1))
    .option('--stats', 'print counts and speed to standard error')
    .addOption(engineOption())
    .option('--json', 'print counts as one JSON object; the output of the guest goes to standard error')
    .addOption(
      new Option(
        '--timeline <out.json>',
        'write when harts, accelerator and DMA were at work, for Perfetto',
      ).conflicts('restore'),
    )
    .option('--host-directory <dir>', 'let the guest open files below this directory');
  addSnapshotOptions(command);
  command.addOption(
    new Option('--gdb [[host:]port]', 'wait for GDB there, at 127.0.0.1:3333 without a value')
      .conflicts(['stats', 'json', 'timeline', 'maxInstructions', 'save', 'saveAt'])
      .helpGroup('Debugger:'),
  );
  addMachineOptions(addDebugOptions(command)).action(
    async (file: string, args: string[], flags: RunFlags) => {
      if (flags.gdb === undefined && !flags.gdbStdio) process.exitCode = await run(file, args, flags);
      else process.exitCode = await (await import('./debug.ts')).debug(file, args, flags.gdb ?? '0', flags);
    },
  );
}

async function run(file: string, args: readonly string[], flags: RunFlags): Promise<number> {
  const program = parseElf(readInput(file), file);
  const machine = new Machine(machineOf(flags), {
    console: new ProcessConsole(flags.json ? process.stderr : process.stdout),
    args: [file, ...args],
    engine: flags.engine,
    ...(flags.hostDirectory === undefined ? {} : { hostDirectory: flags.hostDirectory }),
  });
  machine.load(program);
  const recorder = flags.timeline === undefined ? undefined : new Recorder(machine);
  const start = performance.now();
  const outcome = await runWithSnapshots(machine, flags, flags.maxInstructions).finally(() => {
    // Also of a run that fails: what came before is what one wants to see.
    if (recorder === undefined || flags.timeline === undefined) return;
    writeOutput(flags.timeline, emitChromeTrace(recorder.timeline(), { title: basename(file) }));
  });
  const wallSeconds = (performance.now() - start) / 1000;
  const status = outcome.kind === 'exit' ? outcome.code & 0xff : BUDGET_EXHAUSTED;
  if (outcome.kind === 'budget') {
    process.stderr.write(`octet: the budget of ${flags.maxInstructions} instructions is used up\n`);
  }
  if (flags.json) {
    const { statistics } = machine;
    const report = {
      outcome: outcome.kind,
      status,
      ...statistics,
      energy: energyOf(machine.config, statistics),
      translation: translationOf(machine) ?? null,
      memoryHash: machine.memoryHash(),
      wallSeconds,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else if (flags.stats) {
    process.stderr.write(printStatistics(machine, wallSeconds));
  }
  return status;
}
