/** Building an emitted project with the cross compiler. */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '../../errors.ts';

const run = promisify(execFile);
const COMPILER = 'riscv64-unknown-elf-gcc';
const PACKAGES = 'gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf make';

/**
 * Runs the project's Makefile.
 * @param dir a directory written by writeProject
 * @returns the path of the ELF file
 * @throws UsageError when the compiler or make is missing; Error with the compiler's words when building fails
 */
export async function buildFirmware(dir: string): Promise<{ elf: string }> {
  await Promise.all([COMPILER, 'make'].map((tool) => requireTool(tool, PACKAGES)));
  await make(dir, 'network.elf');
  return { elf: join(dir, 'network.elf') };
}

/**
 * Builds the same C for this computer, with `cc`.
 * @returns the path of the program: inputs on standard input, outputs on standard output
 * @throws as buildFirmware
 */
export async function buildHost(dir: string): Promise<{ executable: string }> {
  await Promise.all(['cc', 'make'].map((tool) => requireTool(tool, 'gcc libc6-dev make')));
  await make(dir, 'network-host');
  return { executable: join(dir, 'network-host') };
}

async function make(dir: string, target: string): Promise<void> {
  try {
    await run('make', ['--silent', '-C', dir, `-j${availableParallelism()}`, target], { maxBuffer: 1 << 24 });
  } catch (cause) {
    const { stderr } = cause as { stderr?: string };
    throw new Error(`building ${target} in ${dir} failed:\n${stderr ?? String(cause)}`, { cause });
  }
}

async function requireTool(tool: string, packages: string): Promise<void> {
  try {
    await run(tool, ['--version']);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ENOENT') throw cause;
    throw new UsageError(
      `${tool} is not installed; on Debian: apt-get install --no-install-recommends ${packages}`,
      { cause },
    );
  }
}
