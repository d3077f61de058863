/** The programs of `firmware/apps`, built for one test file. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeEach } from 'vitest';
import { needsToolchain, type Workbench } from './toolchain.ts';

export const firmware = fileURLToPath(new URL('../../firmware', import.meta.url));

/** Builds the programs into the bench before the first test of the file or block; skips its tests without a compiler. */
export function buildApps(bench: Workbench): void {
  let built = false;
  beforeEach((context) => {
    needsToolchain(context);
    if (!built) execFileSync('make', ['-s', '-j2', '-C', firmware, `BUILD=${bench.directory}`, 'apps']);
    built = true;
  });
}
