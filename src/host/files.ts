/**
 * Files a guest can open through semihosting: the console, fixed contents, and host files below one directory
 * that the user granted.
 */
import {
  closeSync,
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

export interface OpenFile {
  readonly terminal: boolean;
  /** Up to `count` bytes from the position, none at the end. Throws FileError, as the others do. */
  read(count: number): Uint8Array;
  write(bytes: Uint8Array): void;
  /** Sets the position in bytes from the start. */
  seek(position: number): void;
  length(): number;
  close(): void;
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
  };
}

/** A read-only file of fixed contents. */
export function fixedFile(contents: Uint8Array): OpenFile {
  let position = 0;
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
      return hostFile(descriptor, mode);
    });
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

function hostFile(descriptor: number, mode: OpenMode): OpenFile {
  let position = 0;
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
