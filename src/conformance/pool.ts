/** Runs tests in parallel, one worker process per job; each worker is sent the next test when it has finished one. */
import { type ChildProcess, fork } from 'node:child_process';
import { moduleFile } from '../root.ts';
import { runTest, type TestOptions, type TestResult } from './test-run.ts';

export interface PoolOptions extends TestOptions {
  /** Tests at a time; 1 runs them in this process. */
  readonly jobs: number;
  /** Called after each test, in the order they end. */
  readonly onResult?: (result: TestResult, done: number) => void;
}

/** The results in the order of `files`. Rejects when a worker cannot be started or dies. */
export async function runTests(files: readonly string[], options: PoolOptions): Promise<TestResult[]> {
  const { jobs, onResult, ...testOptions } = options;
  const results = Array.from<TestResult>({ length: files.length });
  let next = 0;
  let done = 0;
  const record = (index: number, result: TestResult): void => {
    results[index] = result;
    onResult?.(result, ++done);
  };
  const count = Math.min(jobs, files.length);
  if (count <= 1) {
    for (const [index, file] of files.entries()) record(index, runTest(file, testOptions));
    return results;
  }
  const workers = Array.from({ length: count }, () => startWorker(testOptions));
  const serve = async (worker: ChildProcess): Promise<void> => {
    while (next < files.length) {
      const index = next++;
      record(index, await ask(worker, files[index]));
    }
  };
  try {
    await Promise.all(workers.map(serve));
  } finally {
    for (const worker of workers) worker.kill();
  }
  return results;
}

const startWorker = (options: TestOptions): ChildProcess =>
  fork(moduleFile('conformance/worker'), [JSON.stringify(options)]);

const ask = (worker: ChildProcess, file: string): Promise<TestResult> =>
  new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      worker.removeAllListeners();
      finish();
    };
    worker.once('message', (result) => settle(() => resolve(result as TestResult)));
    worker.once('error', (error) => settle(() => reject(error)));
    worker.once('exit', (code, signal) =>
      settle(() => reject(new Error(`the worker that ran ${file} ended with ${signal ?? `status ${code}`}`))),
    );
    worker.send(file, (error) => error && settle(() => reject(error)));
  });
