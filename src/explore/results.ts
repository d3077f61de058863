/** The results file of an exploration: a line of JSON for each finished point, so that one that was stopped goes on. */
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { InputError, UsageError } from '../errors.ts';
import type { Figures } from './figures.ts';
import type { Point } from './sweep.ts';

/** Figures, or why there are none. */
export type Outcome =
  | { readonly figures: Figures; readonly error?: never }
  | { readonly error: string; readonly figures?: never };

/** A finished point. */
export type Result = Pick<Point, 'key' | 'network' | 'settings'> & Outcome;

export const resultOf = ({ key, network, settings }: Point, outcome: Outcome): Result => ({
  key,
  network,
  settings,
  ...outcome,
});

/** Results by the key of their point. */
export class ResultsFile {
  readonly #file: string;
  readonly #results = new Map<string, Result>();
  /** Bytes of the whole lines, where the last one was cut short when an earlier run was stopped. */
  #wholeBytes: number | undefined;

  /** @throws InputError for a file that holds something else */
  constructor(file: string) {
    this.#file = file;
    if (!existsSync(file)) return;
    const text = readFileSync(file, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) this.#wholeBytes = Buffer.byteLength(whole);
    for (const [i, line] of whole.split('\n').slice(0, -1).entries()) {
      const result = parseLine(line);
      if (!result)
        throw new InputError(
          `${file}, line ${i + 1}: is no result of octet explore; name another file with --results`,
        );
      this.#results.set(result.key, result);
    }
  }

  get(key: string): Result | undefined {
    return this.#results.get(key);
  }

  /** @throws UsageError when the file cannot be written */
  add(result: Result): void {
    this.#results.set(result.key, result);
    try {
      if (this.#wholeBytes !== undefined) truncateSync(this.#file, this.#wholeBytes);
      this.#wholeBytes = undefined;
      appendFileSync(this.#file, `${JSON.stringify(result)}\n`);
    } catch (error) {
      throw new UsageError(`${this.#file}: cannot be written: ${(error as Error).message}`);
    }
  }
}

function parseLine(line: string): Result | undefined {
  try {
    const result = JSON.parse(line) as Partial<Result> | null;
    const known = typeof result?.key === 'string' && typeof result.network === 'string';
    return known && typeof result.settings === 'object' ? (result as Result) : undefined;
  } catch {
    return undefined;
  }
}
