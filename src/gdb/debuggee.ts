/** What is debugged: the machine under control, and the program in it with the file it came from. */
import type { Machine } from '../cluster/machine.ts';
import type { Target } from '../debug/target.ts';
import type { Program } from '../elf/elf.ts';

export interface Debuggee {
  /** The machine as far as it is controlled: registers, memory, execution. */
  readonly target: Target;
  /** The same machine, for the views of its devices; only looked at, and another one after a reset. */
  readonly machine: Machine;
  readonly program: Program;
  /** Absolute path of the program's file, and its bytes, which the client may read to find symbols. */
  readonly path: string;
  readonly elf: Uint8Array;
}

/** Files of the host that monitor commands may read and write: those below one directory. */
export interface Files {
  /** @throws UsageError for what is not below the directory or cannot be read */
  read(name: string): Uint8Array;
  write(name: string, data: Uint8Array): void;
}

/** What the stub needs of the program it is part of. */
export interface Host {
  /**
   * A new machine in its reset state with the program loaded.
   * @param file name as the client gave it; absent: the program of the command line, or the last one
   * @param args the guest's command line without the program's name
   * @throws UsageError for a file the client may not name, or that is no program
   */
  create(file: string | undefined, args: readonly string[]): Debuggee;
  /** Calls `action` soon, after input that waits has been taken; `milliseconds` later where given. */
  defer(action: () => void, milliseconds?: number): void;
  /** Shows output of the guest on our own terminal. */
  print(bytes: Uint8Array): void;
  /** A line for who runs the emulator. */
  log(line: string): void;
  /** One line of the packet log; absent when none is kept. */
  readonly record?: (line: string) => void;
  /** Below `--gdb-root`; absent without. */
  readonly files?: Files;
  /** Ends the emulator. */
  quit(status: number): void;
}
