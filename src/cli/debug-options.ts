/** Options of the debugger that `octet run` and `octet debug` share; apart from debug.ts, so that a plain run loads no debugger. */
import { type Command, Option } from 'commander';
import type { EngineChoice } from '../cluster/machine.ts';
import { type MachineFlags, parseSize } from './options.ts';

/** The parsed values of the options that `run` and `debug` share. */
export interface DebugFlags extends MachineFlags {
  readonly engine: EngineChoice;
  readonly hostDirectory?: string;
  readonly gdbRun?: boolean;
  readonly gdbExit?: boolean;
  readonly gdbLog?: string;
  readonly gdbStdio?: boolean;
  readonly gdbRoot?: string;
  readonly history: number;
  /** A saved state to begin with. */
  readonly restore?: string;
}

const HISTORY = '256MiB';

const group = (option: Option): Option => option.helpGroup('Debugger:');

/** Adds `--gdb-run`, `--gdb-log` and their kin. */
export function addDebugOptions(command: Command): Command {
  return command
    .addOption(group(new Option('--gdb-run', 'start at once instead of waiting, halted, for a client')))
    .addOption(group(new Option('--gdb-exit', 'end when the client has gone')))
    .addOption(group(new Option('--gdb-log <file>', 'keep every packet, one on each line')))
    .addOption(group(new Option('--gdb-stdio', 'speak over standard input and output instead of a port')))
    .addOption(group(new Option('--gdb-root <dir>', 'where the client may name programs and snapshots')))
    .addOption(
      group(
        new Option('--history <size>', 'memory for going backwards')
          .argParser(parseSize)
          .default(parseSize(HISTORY), HISTORY),
      ),
    );
}
