/** The programs of `firmware/apps`, built for one test file. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeEach } from 'vitest';
import { needsToolchain, type Workbench } from './toolchain.ts';

export const firmware = fileURLToPath(new URL('../../firmware', import.meta.url));

/** A busy computer takes its time over all of them. */
const PATIENCE = 120_000;

/** Builds the programs, or those named, into the bench before the first test of the file or block; skips its tests without a compiler. */
export function buildApps(bench: Workbench, names?: readonly string[]): void {
  const targets = names?.map((name) => bench.path(`${name}.elf`)) ?? ['apps'];
  let built = false;
  beforeEach((context) => {
    needsToolchain(context);
    if (!built) execFileSync('make', ['-s', '-j2', '-C', firmware, `BUILD=${bench.directory}`, ...targets]);
    built = true;
  }, PATIENCE);
}
