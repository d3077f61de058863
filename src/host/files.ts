/**
 * Files a guest can open through semihosting: the console, fixed contents, and host files below one directory
 * that the user granted.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { ConsoleStream, HostConsole } from './console.ts';

/** Error numbers as guests see them, the same on every host (those of Linux). */
export const ERRNO = {
  ENOENT: 2,
  EIO: 5,
  EBADF: 9,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  ENOSYS: 38,
} as const;

export type ErrorCode = keyof typeof ERRNO;

/** A request the guest gets an error number for. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}

/** What an open file is, apart from its contents: enough to open it again. */
export type FileState =
  | { readonly kind: 'console'; readonly stream: ConsoleStream }
  | { readonly kind: 'fixed'; readonly name: string; readonly position: number }
  | { readonly kind: 'host'; readonly name: string; readonly mode: OpenMode; readonly position: number };

export interface OpenFile {
  readonly terminal: boolean;
  /** Up to `count` bytes from the position, none at the end. Throws FileError, as the others do. */
  read(count: number): Uint8Array;
  write(bytes: Uint8Array): void;
  /** Sets the position in bytes from the start. */
  seek(position: number): void;
  length(): number;
  close(): void;
  snapshot(): FileState;
}

/** Modes of `fopen`, as `r`, `w+` and so on without `b`. */
export type OpenMode = 'r' | 'r+' | 'w' | 'w+' | 'a' | 'a+';

const refuse = (code: ErrorCode) => (): never => {
  throw new FileError(code);
};

/** The guest's terminal; it has neither position nor length. */
export function consoleFile(console: HostConsole, stream: ConsoleStream): OpenFile {
  return {
    terminal: true,
    read: (count) => console.read(count),
    write: (bytes) => console.write(bytes, stream),
    seek: refuse('EINVAL'),
    length: () => 0,
    close: () => {},
    snapshot: () => ({ kind: 'console', stream }),
  };
}

/** A read-only file of fixed contents. */
export function fixedFile(name: string, contents: Uint8Array, position = 0): OpenFile {
  return {
    terminal: false,
    read: (count) => {
      const bytes = contents.subarray(position, position + count);
      position += bytes.length;
      return bytes;
    },
    write: refuse('EBADF'),
    seek: (to) => void (position = to),
    length: () => contents.length,
    close: () => {},
    snapshot: () => ({ kind: 'fixed', name, position }),
  };
}

/** The regular files below one directory of the host. Names that lead out of it, also through links, are refused. */
export class HostDirectory {
  readonly #root: string;

  /** @param root an existing directory */
  constructor(root: string) {
    this.#root = realpathSync(root);
  }

  open(name: string, mode: OpenMode): OpenFile {
    return translated(() => {
      const descriptor = openSync(this.#resolve(name), mode);
      return hostFile(descriptor, name, mode);
    });
  }

  /** Opens a file as it was when its state was taken: what it holds now stays, and it must exist. */
  reopen({ name, mode, position }: FileState & { kind: 'host' }): OpenFile {
    return translated(() => hostFile(openSync(this.#resolve(name), REOPENING[mode]), name, mode, position));
  }

  remove(name: string): void {
    translated(() => unlinkSync(this.#resolve(name)));
  }

  rename(from: string, to: string): void {
    translated(() => renameSync(this.#resolve(from), this.#resolve(to)));
  }

  /** The path of a regular file or of nothing yet, its directory resolved through all links. */
  #resolve(name: string): string {
    if (name.includes('\0')) throw new FileError('EINVAL');
    const path = resolve(this.#root, name);
    const inside = join(realpathSync(dirname(path)), basename(path));
    if (!inside.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep))
      throw new FileError('EACCES');
    const found = lstatSync(inside, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw new FileError('EISDIR');
    if (found && !found.isFile()) throw new FileError('EACCES');
    return inside;
  }
}

/** How each mode opens a file that is there without touching its contents. */
const REOPENING: Readonly<Record<OpenMode, number>> = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  w: constants.O_WRONLY,
  'w+': constants.O_RDWR,
  a: constants.O_WRONLY | constants.O_APPEND,
  'a+': constants.O_RDWR | constants.O_APPEND,
};

function hostFile(descriptor: number, name: string, mode: OpenMode, position = 0): OpenFile {
  const length = (): number => fstatSync(descriptor).size;
  return {
    terminal: false,
    read: (count) =>
      translated(() => {
        const buffer = new Uint8Array(Math.max(0, Math.min(count, length() - position)));
        const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, position));
        position += bytes.length;
        return bytes;
      }),
    write: (bytes) =>
      translated(() => {
        if (mode.startsWith('a')) position = length();
        for (let done = 0; done < bytes.length;) {
          const written = writeSync(descriptor, bytes, done, bytes.length - done, position);
          done += written;
          position += written;
        }
      }),
    seek: (to) => void (position = to),
    length: () => translated(length),
    close: () => translated(() => closeSync(descriptor)),
    snapshot: () => ({ kind: 'host', name, mode, position }),
  };
}

/** Runs a file operation of Node; its errors become the guest's, an unlisted one as EIO. */
function translated<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof FileError || !(error instanceof Error && 'syscall' in error && 'code' in error))
      throw error;
    throw new FileError(
      typeof error.code === 'string' && error.code in ERRNO ? (error.code as ErrorCode) : 'EIO',
    );
  }
}
