/** The event counters mhpmcounter3 to 31 of a hart (privileged manual 1.12, "Hardware Performance Monitor"). */

/** The lowest and the highest number of a counter that counts a selectable event. */
export const FIRST_COUNTER = 3;
export const LAST_COUNTER = 31;

const COUNT = LAST_COUNTER - FIRST_COUNTER + 1;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

export interface EventCountersState {
  readonly codes: readonly number[];
  readonly offsets: readonly bigint[];
  readonly inhibited: number;
}

/**
 * Each counter is an exact offset from the total of its event since reset, or from zero while it is inhibited or counts
 * nothing. What an instruction writes takes effect before it: it counts itself.
 */
export class EventCounters {
  /** The total of an event of this hart since reset, undefined for a number that is no event. */
  readonly #total: (code: number) => number | undefined;
  #codes: number[] = Array.from({ length: COUNT }, () => 0);
  #offsets: bigint[] = Array.from({ length: COUNT }, () => 0n);
  #inhibited = 0;

  constructor(total: (code: number) => number | undefined) {
    this.#total = total;
  }

  /** @param counter 3 to 31, here and below */
  value(counter: number): bigint {
    return wrap(this.#origin(counter) + this.#offsets[counter - FIRST_COUNTER]);
  }

  setValue(counter: number, value: bigint): void {
    this.#offsets[counter - FIRST_COUNTER] = wrap(value - this.#origin(counter));
  }

  event(counter: number): number {
    return this.#codes[counter - FIRST_COUNTER];
  }

  /** Lets a counter count something else from now on; it keeps its value. A number that is no event becomes 0. */
  select(counter: number, code: number): void {
    const value = this.value(counter);
    this.#codes[counter - FIRST_COUNTER] = this.#total(code) === undefined ? 0 : code;
    this.setValue(counter, value);
  }

  /** The bits of mcountinhibit from 3 on. */
  get inhibited(): number {
    return this.#inhibited;
  }
  set inhibited(bits: number) {
    const changed = (this.#inhibited ^ bits) & ~7;
    const values = this.#codes.map((_, i) => this.value(i + FIRST_COUNTER));
    this.#inhibited = bits & ~7;
    for (const [i, value] of values.entries()) {
      if ((changed >>> (i + FIRST_COUNTER)) & 1) this.setValue(i + FIRST_COUNTER, value);
    }
  }

  snapshot(): EventCountersState {
    return { codes: [...this.#codes], offsets: [...this.#offsets], inhibited: this.#inhibited };
  }

  restore({ codes, offsets, inhibited }: EventCountersState): void {
    this.#codes = [...codes];
    this.#offsets = [...offsets];
    this.#inhibited = inhibited;
  }

  #origin(counter: number): bigint {
    const code = this.event(counter);
    if (code === 0 || (this.#inhibited >>> counter) & 1) return 0n;
    return BigInt(this.#total(code) ?? 0);
  }
}
