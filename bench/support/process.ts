/** Running programs with their time: wall clock and processor seconds of one whole process, and medians over runs. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The command line as it is installed. */
export const OCTET: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../bin/octet.js', import.meta.url)),
];

export interface Timed {
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end. */
  readonly wallSeconds: number;
  /** User and system time of all threads; V8's compiler threads included. */
  readonly cpuSeconds: number;
}

const MARK = 'octet-bench-time';

/**
 * Runs a program to its end under the shell's `time`.
 * @throws Error with the program's words when it fails
 */
export function timed(command: readonly string[], patienceSeconds = 600): Timed {
  const result = spawnSync('bash', ['-c', 'time "$@"', 'bench', ...command], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TIMEFORMAT: `${MARK} %3R %3U %3S` },
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patienceSeconds * 1000,
  });
  const at = result.stderr.lastIndexOf(MARK);
  if (result.status !== 0 || at < 0) {
    const how = result.error ? result.error.message : `status ${result.status}`;
    throw new Error(`${command.join(' ')} failed (${how}): ${result.stderr.trim()}`);
  }
  const [wallSeconds, user, system] = result.stderr.slice(at).trim().split(' ').slice(1).map(Number);
  return {
    stdout: result.stdout,
    stderr: result.stderr.slice(0, at),
    wallSeconds,
    cpuSeconds: user + system,
  };
}

/** Whether a program can be started. */
export const installed = (program: string, argument = '--version'): boolean =>
  spawnSync(program, [argument], { stdio: 'ignore' }).error === undefined;

/** The middle of the values, the mean of the two middle ones where their number is even. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('median of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
