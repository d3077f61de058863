/** The RISC-V cross toolchain for tests that need real ELF files: compiles C and assembly given as text. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, type TestContext } from 'vitest';

const PREFIX = 'riscv64-unknown-elf-';

const available = spawnSync(`${PREFIX}gcc`, ['--version']).status === 0;

/** Skips the test, saying why, on a machine without the compiler. For `beforeEach` or the first line of a test. */
export function needsToolchain(context: TestContext): void {
  context.skip(!available, `${PREFIX}gcc is not installed`);
}

/** Flags of bare RV32IMAC programs without a C library. */
export const RV32_FLAGS: readonly string[] = [
  '-march=rv32imac',
  '-misa-spec=2.2',
  '-mabi=ilp32',
  '-mcmodel=medany',
  '-ffreestanding',
  '-nostdlib',
  '-static',
];

/** A directory of sources and results, removed after the tests of the file. */
export class Workbench {
  readonly directory = mkdtempSync(join(tmpdir(), 'octet-test-'));

  constructor() {
    afterAll(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  /** The path of a file in the directory. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes the sources (by file name) and compiles the `.c` and `.S` ones to `output`; returns the bytes of it. */
  compile(
    output: string,
    sources: Readonly<Record<string, string>>,
    flags: readonly string[] = RV32_FLAGS,
  ): Uint8Array {
    for (const [name, text] of Object.entries(sources)) writeFileSync(this.path(name), text);
    const inputs = Object.keys(sources).filter((name) => /\.[cS]$/.test(name));
    this.run('gcc', [...flags, ...inputs, '-o', output]);
    return this.read(output);
  }

  /** The bytes of a file in the directory. */
  read(name: string): Uint8Array {
    return readFileSync(this.path(name));
  }

  /** Runs a tool of the toolchain (`readelf`, `addr2line`, …) in the directory; returns its standard output. */
  run(tool: string, args: readonly string[]): string {
    return execFileSync(PREFIX + tool, args, { cwd: this.directory, encoding: 'utf8' });
  }
}
