/** Times at which one part of the machine was busy, in bounded memory however long the run (design §1.4). */

/** Half-open intervals in cycles, ascending and apart; `busy` of the cycles of each were busy, all unless some were merged. */
export interface SpanData {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly busy: readonly number[];
}

/** Intervals one machine keeps for a track: some megabytes at most. */
const LIMIT = 1 << 16;

/**
 * Busy intervals in ascending order. When there are more than the limit, those with the smallest gaps between them
 * become one, which knows how much of it was busy: sums stay exact, and only details below the gap are lost.
 */
export class Spans implements SpanData {
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly busy: number[] = [];
  readonly #limit: number;
  /** Intervals with at most so many cycles between them are one. */
  #gap = 0;

  constructor(limit = LIMIT) {
    if (limit < 2) throw new Error(`a track keeps at least 2 intervals, not ${limit}`);
    this.#limit = limit;
  }

  /** Appends [from, to); what lies before the end of the last interval is counted already. Empty ones are left out. */
  add(from: number, to: number): void {
    const last = this.to.length - 1;
    const start = last >= 0 ? Math.max(from, this.to[last]) : from;
    if (to <= start) return;
    if (last >= 0 && start - this.to[last] <= this.#gap) {
      this.to[last] = to;
      this.busy[last] += to - start;
      return;
    }
    this.from.push(start);
    this.to.push(to);
    this.busy.push(to - start);
    if (this.from.length > this.#limit) this.#shrink();
  }

  /** Merges until half of the limit is left, so that this happens rarely. */
  #shrink(): void {
    while (this.from.length > this.#limit / 2) {
      this.#gap = Math.max(1, 2 * this.#gap);
      const { from, to, busy } = merged(this, this.#gap);
      for (const [own, kept] of [
        [this.from, from],
        [this.to, to],
        [this.busy, busy],
      ]) {
        own.length = 0;
        for (const value of kept) own.push(value);
      }
    }
  }
}

/** The intervals with those made one that lie at most `gap` cycles apart. */
export function merged(
  { from, to, busy }: SpanData,
  gap: number,
): { from: number[]; to: number[]; busy: number[] } {
  const result = { from: [] as number[], to: [] as number[], busy: [] as number[] };
  for (let i = 0; i < from.length; i++) {
    const last = result.to.length - 1;
    if (last >= 0 && from[i] - result.to[last] <= gap) {
      result.to[last] = to[i];
      result.busy[last] += busy[i];
    } else {
      result.from.push(from[i]);
      result.to.push(to[i]);
      result.busy.push(busy[i]);
    }
  }
  return result;
}

/** Busy cycles before any cycle; within merged intervals as if spread evenly. */
export function cumulative({ from, to, busy }: SpanData): (cycle: number) => number {
  const before: number[] = [];
  let sum = 0;
  for (const cycles of busy) {
    before.push(sum);
    sum += cycles;
  }
  return (cycle) => {
    let low = 0; // intervals that begin before `cycle`
    let high = from.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (from[middle] < cycle) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const i = low - 1;
    const part = Math.min(cycle, to[i]) - from[i];
    return before[i] + (busy[i] * part) / (to[i] - from[i]);
  };
}
