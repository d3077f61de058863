/** The ELF executables that the command line names: files, and those directly in directories. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.ts';

const MAGIC = 0x7f45_4c46; // 0x7f 'E' 'L' 'F', read big-endian
const TYPE_OFFSET = 16;
const EXECUTABLE = 2;

/** Whether the file begins as an ELF executable (`ET_EXEC`); object files and everything else are not. */
function isExecutable(file: string): boolean {
  const header = Buffer.alloc(TYPE_OFFSET + 2);
  const descriptor = openSync(file, 'r');
  try {
    if (readSync(descriptor, header) < header.length) return false;
  } finally {
    closeSync(descriptor);
  }
  return header.readUInt32BE(0) === MAGIC && header.readUInt16LE(TYPE_OFFSET) === EXECUTABLE;
}

/**
 * The tests to run: files as they are given, of directories the ELF executables in order of name.
 * @throws InputError for a missing path, and for a directory without ELF executables
 */
export function discoverTests(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const status = statSync(path, { throwIfNoEntry: false });
    if (!status) throw new InputError(`${path}: no such file or directory`);
    if (!status.isDirectory()) return [path];
    const files = readdirSync(path, { withFileTypes: true })
      .map((entry) => join(path, entry.name))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
      .filter(isExecutable)
      .sort();
    if (files.length === 0) {
      throw new InputError(
        `${path}: there is no ELF executable in this directory; expected built tests such as rv32ui-p-add`,
      );
    }
    return files;
  });
}
