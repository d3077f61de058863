/**
 * RISC-V semihosting: services a guest asks for with a marked `ebreak`, a0 being the operation and a1 its
 * parameter, usually the address of a block of words (RISC-V Semihosting Specification 1.0, which takes the
 * operations from Arm's "Semihosting for AArch32 and AArch64").
 *
 * Everything a guest can observe is a function of its program, its input and the cycle: time is derived from
 * cycles, and no host file is visible outside a directory the user granted.
 */
import { BusError, InputError } from '../errors.ts';
import type { HostConsole } from './console.ts';
import {
  consoleFile,
  ERRNO,
  FileError,
  type FileState,
  fixedFile,
  HostDirectory,
  type OpenFile,
  type OpenMode,
} from './files.ts';
import { type GuestMemory, peekString, peekWords, pokeWords } from './guest-memory.ts';

/** The new a0, or the exit code of the guest (signed 32 bit). */
export type SemihostingResult = { readonly value: number } | { readonly exit: number };

export interface SemihostingOptions {
  readonly memory: GuestMemory;
  readonly console: HostConsole;
  /** The guest's command line. */
  readonly args?: readonly string[];
  /** Cycles since reset. */
  readonly cycles: () => number;
  /** Clock rate that turns cycles into seconds, in Hz; 425 MHz is that of the published cluster at 0.65 V. */
  readonly frequency?: number;
  /** Host directory whose files the guest may open, create and remove; none when absent. */
  readonly directory?: string;
}

/** `slli x0, x0, 0x1f`, `ebreak`, `srai x0, x0, 7`: all uncompressed. */
const SEQUENCE = [0x01f0_1013, 0x0010_0073, 0x4070_5013] as const;

/** Whether the `ebreak` at `pc` is a semihosting call. `wordAt` gives the instruction words, undefined where there is none. */
export function isSemihostingCall(pc: number, wordAt: (address: number) => number | undefined): boolean {
  return SEQUENCE.every((word, i) => ((wordAt((pc + 4 * (i - 1)) >>> 0) ?? 0) | 0) === word);
}

const APPLICATION_EXIT = 0x2_0026;
const CONSOLE_NAME = ':tt';
const FEATURES_NAME = ':semihosting-features';
/** Magic, then a byte of features: extended exit (bit 0), standard error apart from standard output (bit 1). */
const FEATURES = Uint8Array.of(0x53, 0x48, 0x46, 0x42, 0b11);
const MODES: readonly OpenMode[] = ['r', 'r+', 'w', 'w+', 'a', 'a+'];

const FAILED = -1;

/** The error number of SYS_ERRNO and the open files, by handle; null where a handle is free. */
export interface SemihostingState {
  readonly errno: number;
  readonly files: readonly (FileState | null)[];
}

/** What one operation gave the guest. */
export interface Call {
  readonly result: SemihostingResult;
  readonly errno: number;
  /** What it wrote to the guest's memory. */
  readonly pokes: readonly { readonly address: number; readonly data: Uint8Array }[];
  /** The files open after it. */
  readonly files: SemihostingState['files'];
}

/** Remembers calls, so that a machine that is put back need not repeat them. */
export interface CallRecorder {
  /** What the present call gave before, undefined when it is to be performed. */
  replayed(): Call | undefined;
  /** A call that was performed. */
  record(call: Call): void;
}

export class Semihosting {
  recorder: CallRecorder | undefined;
  readonly #memory: GuestMemory;
  #pokes: Call['pokes'][number][] = [];
  readonly #console: HostConsole;
  readonly #args: readonly string[];
  readonly #cycles: () => number;
  readonly #frequency: number;
  readonly #directory: HostDirectory | undefined;
  /** Open files by handle; handle 0 is never used. */
  readonly #files: (OpenFile | undefined)[] = [undefined];
  #errno = 0;

  constructor({ memory, console, args = [], cycles, frequency = 425e6, directory }: SemihostingOptions) {
    this.#memory = {
      peekBytes: (address, count) => memory.peekBytes(address, count),
      pokeBytes: (address, data) => {
        if (this.recorder) this.#pokes.push({ address, data: data.slice() });
        memory.pokeBytes(address, data);
      },
    };
    this.#console = console;
    this.#args = args;
    this.#cycles = cycles;
    this.#frequency = frequency;
    this.#directory = directory === undefined ? undefined : new HostDirectory(directory);
  }

  /** Serves the `ebreak` at `pc`; undefined when it is an ordinary breakpoint. */
  call(
    pc: number,
    operation: number,
    parameter: number,
    wordAt: (address: number) => number | undefined,
  ): SemihostingResult | undefined {
    return isSemihostingCall(pc, wordAt) ? this.perform(operation, parameter) : undefined;
  }

  /** Performs one operation. An unknown one, or one that fails, gives -1 and sets the error number of SYS_ERRNO. */
  perform(operation: number, parameter: number): SemihostingResult {
    const { recorder } = this;
    if (!recorder) return this.#perform(operation, parameter);
    const known = recorder.replayed();
    if (known) {
      for (const { address, data } of known.pokes) this.#memory.pokeBytes(address, data);
      this.#errno = known.errno;
      this.#pokes = [];
      return known.result;
    }
    const result = this.#perform(operation, parameter);
    recorder.record({ result, errno: this.#errno, pokes: this.#pokes, files: this.snapshot().files });
    this.#pokes = [];
    return result;
  }

  #perform(operation: number, parameter: number): SemihostingResult {
    try {
      const act = this.#operations[operation];
      if (!act) throw new FileError('ENOSYS');
      const result = act(parameter >>> 0);
      return typeof result === 'number' ? { value: result | 0 } : result;
    } catch (error) {
      this.#fail(error);
      return { value: FAILED };
    }
  }

  /** Closes all files. */
  close(): void {
    for (const file of this.#files) file?.close();
    this.#files.length = 1;
  }

  snapshot(): SemihostingState {
    return { errno: this.#errno, files: this.#files.map((file) => file?.snapshot() ?? null) };
  }

  /**
   * Opens the files of the state at their positions. What files of the host hold is not part of the state.
   * @throws InputError for a file of the host that cannot be opened again
   */
  restore({ errno, files }: SemihostingState): void {
    if (JSON.stringify(files) !== JSON.stringify(this.snapshot().files)) {
      const opened = files.map((file) => (file === null ? undefined : this.#reopen(file)));
      this.close();
      for (const [handle, file] of opened.entries()) this.#files[handle] = file;
    }
    this.#errno = errno;
  }

  readonly #operations: Readonly<Record<number, (parameter: number) => number | { exit: number }>> = {
    // SYS_OPEN
    0x01: (block) => {
      const [name, mode, length] = peekWords(this.#memory, block, 3);
      const handle = this.#files.findIndex((file, i) => i > 0 && file === undefined);
      const free = handle > 0 ? handle : this.#files.length;
      this.#files[free] = this.#open(this.#text(name, length), MODES[mode >> 1]);
      return free;
    },
    // SYS_CLOSE
    0x02: (block) => {
      const [handle] = peekWords(this.#memory, block, 1);
      this.#file(handle).close();
      this.#files[handle] = undefined;
      return 0;
    },
    // SYS_WRITEC
    0x03: (address) => {
      this.#console.write(this.#memory.peekBytes(address, 1));
      return 0;
    },
    // SYS_WRITE0
    0x04: (address) => {
      this.#console.write(peekString(this.#memory, address));
      return 0;
    },
    // SYS_WRITE: the result is the number of bytes not written
    0x05: (block) => {
      const [handle, address, count] = peekWords(this.#memory, block, 3);
      return this.#transfer(count, () => {
        const bytes = this.#memory.peekBytes(address >>> 0, count >>> 0);
        this.#file(handle).write(bytes);
        return bytes.length;
      });
    },
    // SYS_READ: the result is the number of bytes not read
    0x06: (block) => {
      const [handle, address, count] = peekWords(this.#memory, block, 3);
      return this.#transfer(count, () => {
        this.#memory.peekBytes(address >>> 0, count >>> 0); // all of the buffer must exist before anything is read
        const bytes = this.#file(handle).read(count >>> 0);
        this.#memory.pokeBytes(address >>> 0, bytes);
        return bytes.length;
      });
    },
    // SYS_READC
    0x07: () => this.#console.read(1)[0] ?? FAILED,
    // SYS_ISERROR
    0x08: (block) => (peekWords(this.#memory, block, 1)[0] < 0 ? 1 : 0),
    // SYS_ISTTY
    0x09: (block) => (this.#file(peekWords(this.#memory, block, 1)[0]).terminal ? 1 : 0),
    // SYS_SEEK
    0x0a: (block) => {
      const [handle, position] = peekWords(this.#memory, block, 2);
      this.#file(handle).seek(position >>> 0);
      return 0;
    },
    // SYS_FLEN
    0x0c: (block) => this.#file(peekWords(this.#memory, block, 1)[0]).length(),
    // SYS_REMOVE
    0x0e: (block) => {
      const [name, length] = peekWords(this.#memory, block, 2);
      this.#granted().remove(this.#text(name, length));
      return 0;
    },
    // SYS_RENAME
    0x0f: (block) => {
      const [from, fromLength, to, toLength] = peekWords(this.#memory, block, 4);
      this.#granted().rename(this.#text(from, fromLength), this.#text(to, toLength));
      return 0;
    },
    // SYS_CLOCK: hundredths of a second
    0x10: () => Math.floor((this.#cycles() * 100) / this.#frequency),
    // SYS_TIME: seconds; the machine starts at the epoch
    0x11: () => Math.floor(this.#cycles() / this.#frequency),
    // SYS_ERRNO
    0x13: () => this.#errno,
    // SYS_GET_CMDLINE
    0x15: (block) => {
      const [address, size] = peekWords(this.#memory, block, 2);
      const line = new TextEncoder().encode(`${this.#args.join(' ')}\0`);
      if (line.length > size >>> 0) throw new FileError('EINVAL');
      this.#memory.pokeBytes(address >>> 0, line);
      pokeWords(this.#memory, block + 4, line.length - 1);
      return 0;
    },
    // SYS_HEAPINFO: zeros say that the program's own linker script knows better
    0x16: (block) => {
      pokeWords(this.#memory, peekWords(this.#memory, block, 1)[0], 0, 0, 0, 0);
      return 0;
    },
    // SYS_EXIT: on a 32-bit machine the parameter is the reason itself
    0x18: (reason) => ({ exit: reason === APPLICATION_EXIT ? 0 : 1 }),
    // SYS_EXIT_EXTENDED
    0x20: (block) => {
      const [reason, code] = peekWords(this.#memory, block, 2);
      return { exit: reason === APPLICATION_EXIT ? code : 1 };
    },
    // SYS_ELAPSED: ticks are cycles
    0x30: (block) => {
      const cycles = this.#cycles();
      pokeWords(this.#memory, block, cycles | 0, Math.floor(cycles / 2 ** 32));
      return 0;
    },
    // SYS_TICKFREQ
    0x31: () => this.#frequency,
  };

  /** How many of `count` bytes `move` left behind; all of them when it fails. */
  #transfer(count: number, move: () => number): number {
    try {
      return count - move();
    } catch (error) {
      this.#fail(error);
      return count;
    }
  }

  /** Notes the guest's error; anything else is a bug of ours. */
  #fail(error: unknown): void {
    if (error instanceof FileError) this.#errno = ERRNO[error.code];
    else if (error instanceof BusError) this.#errno = ERRNO.EFAULT;
    else throw error;
  }

  #file(handle: number): OpenFile {
    const file = this.#files[handle];
    if (!file) throw new FileError('EBADF');
    return file;
  }

  #granted(): HostDirectory {
    if (!this.#directory) throw new FileError('EACCES');
    return this.#directory;
  }

  #text(address: number, length: number): string {
    return new TextDecoder().decode(this.#memory.peekBytes(address >>> 0, length >>> 0));
  }

  #reopen(state: FileState): OpenFile {
    if (state.kind === 'console') return consoleFile(this.#console, state.stream);
    if (state.kind === 'fixed') return fixedFile(state.name, FEATURES, state.position);
    try {
      return this.#granted().reopen(state);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      const reason =
        error.code === 'EACCES' && !this.#directory
          ? 'no directory of the host is granted to the guest (see --host-directory)'
          : `it cannot be opened again (${error.code})`;
      throw new InputError(`the snapshot has the file '${state.name}' open, but ${reason}`, { cause: error });
    }
  }

  #open(name: string, mode: OpenMode | undefined): OpenFile {
    if (!mode) throw new FileError('EINVAL');
    if (name === CONSOLE_NAME) return consoleFile(this.#console, mode.startsWith('a') ? 'stderr' : 'stdout');
    if (name === FEATURES_NAME && mode === 'r') return fixedFile(name, FEATURES);
    return this.#granted().open(name, mode);
  }
}
