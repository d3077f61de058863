/** The built command line, run as a user runs it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The command that users run. */
export const BIN = fileURLToPath(new URL('../../bin/octet.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/bundle/octet.cjs', import.meta.url));

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `octet` with these arguments to its end. */
export function octet(...args: readonly string[]): Result {
  if (!existsSync(BUILT))
    throw new Error('dist/ is missing: these tests run the built program; run `make build` first');
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, stdout, stderr };
}
