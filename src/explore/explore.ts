/** Runs the points of an exploration, several at a time, each in a process of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bill } from '../energy/bill.ts';
import { figuresOf } from './figures.ts';
import { type Outcome, type Result, resultOf, type ResultsFile } from './results.ts';
import type { Point } from './sweep.ts';

export interface ExploreOptions {
  /** Program and first arguments of a command that takes what `octet` takes. */
  readonly command: readonly [program: string, ...args: readonly string[]];
  /** Processes at a time. */
  readonly jobs: number;
  readonly results: ResultsFile;
  /** Run again what failed in an earlier run. */
  readonly retry?: boolean;
  /** Seconds after which a point has failed; no limit unless given. */
  readonly timeout?: number;
  /** Ends the exploration: points at work are killed, finished ones are kept, and the promise is rejected. */
  readonly signal?: AbortSignal;
  /** Called after each point that was not finished before. */
  readonly onResult?: (result: Result, done: number, of: number) => void;
}

/** The results of all points, in their order. A point that fails is a result too; the others go on. */
export async function explore(points: readonly Point[], options: ExploreOptions): Promise<Result[]> {
  const { results, jobs, retry = false, onResult } = options;
  const waiting = unfinished(points, results, retry);
  const directory = mkdtempSync(join(tmpdir(), 'octet-explore-'));
  let next = 0;
  let done = 0;
  const serve = async (): Promise<void> => {
    while (next < waiting.length && !options.signal?.aborted) {
      const point = waiting[next++];
      const outcome =
        point.problem === undefined ? await run(point, directory, options) : { error: point.problem };
      const result = resultOf(point, outcome);
      results.add(result);
      onResult?.(result, ++done, waiting.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, jobs) }, serve));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return points.map((point) => {
    const known = results.get(point.key) as Result;
    return resultOf(point, known.figures ? { figures: known.figures } : { error: known.error });
  });
}

/** Points without a result; of several that are the same run, one. */
function unfinished(points: readonly Point[], results: ResultsFile, retry: boolean): Point[] {
  const first = new Map<string, Point>();
  for (const point of points) {
    const known = results.get(point.key);
    if (known && !(retry && known.error !== undefined)) continue;
    if (!first.has(point.key)) first.set(point.key, point);
  }
  return [...first.values()];
}

/** What `octet infer --json` prints, as far as it is read here. */
interface Report {
  readonly match?: boolean | null;
  readonly bill?: Bill | null;
}

async function run(
  { key, network, machine, options }: Point,
  directory: string,
  { command: [program, ...args], timeout, signal: stop }: ExploreOptions,
): Promise<Outcome> {
  const file = join(directory, `${key}.json`);
  writeFileSync(file, JSON.stringify(machine));
  const words = [...args, 'infer', network, '--machine', file, '--json', ...options];
  const { status, signal, late, stdout, stderr } = await output(program, words, timeout, stop);
  const why = lastLine(stderr).replaceAll(file, 'machine');
  if (late) return { error: `not finished after ${timeout} s` };
  if (signal !== null) return { error: `ended by ${signal}` };
  let report: Report | undefined;
  try {
    report = JSON.parse(stdout) as Report;
  } catch {
    // no report: the reason stands on standard error
  }
  if (report?.match === false) return { error: 'the result differs from the integer reference' };
  if (status !== 0 || !report?.bill) return { error: why || `octet infer ended with status ${status}` };
  return { figures: figuresOf(report.bill) };
}

/** The last line that says something, without the program's name before it. */
const lastLine = (text: string): string => (text.trimEnd().split('\n').at(-1) ?? '').replace(/^octet: /, '');

interface Output {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Killed because its time was over. */
  readonly late: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end, or kills it after `timeout` seconds or when told to stop: in a process group of its own, so
 * that what it started (a compiler) ends with it.
 */
const output = (
  program: string,
  args: readonly string[],
  timeout?: number,
  stop?: AbortSignal,
): Promise<Output> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let late = false;
    const kill = (): void => {
      const { pid, exitCode, signalCode } = child;
      if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    };
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            kill();
          }, 1000 * timeout);
    stop?.addEventListener('abort', kill);
    const text = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        text[stream] += chunk;
      });
    }
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      stop?.removeEventListener('abort', kill);
      finish();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('close', (status, signal) =>
      settle(() =>
        stop?.aborted
          ? reject(stop.reason instanceof Error ? stop.reason : new Error('stopped'))
          : resolve({ status, signal, late, ...text }),
      ),
    );
  });
