/** The 64-bit counters of a hart (privileged manual 1.12, "Hardware Performance Monitor"). */
import { EventCounters, type EventCountersState } from './event-counters.ts';

/** Where the counters count: cycles and retired instructions before the present instruction. */
export interface CounterSource {
  readonly now: number;
  readonly retired: number;
  /** The total of an event since reset, undefined for a number that is no event. */
  total(event: number): number | undefined;
}

/** Bits of mcountinhibit that exist beside those of the event counters. */
const inhibit = { cycle: 1 << 0, instret: 1 << 2 } as const;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

export interface CountersState {
  readonly inhibited: number;
  readonly cycleOffset: bigint;
  readonly instretOffset: bigint;
  readonly events: EventCountersState;
}

/** mcycle, minstret and the event counters. Each counter is an exact offset from the source, or from zero while it is inhibited. */
export class Counters {
  readonly #source: CounterSource;
  /** mhpmcounter3 to 31. */
  readonly events: EventCounters;
  #inhibited = 0;
  #cycleOffset = 0n;
  #instretOffset = 0n;

  constructor(source: CounterSource) {
    this.#source = source;
    this.events = new EventCounters((event) => source.total(event));
  }

  get mcycle(): bigint {
    return wrap((this.#inhibited & inhibit.cycle ? 0n : BigInt(this.#source.now)) + this.#cycleOffset);
  }
  /** A written value is what the next instruction reads: the writing one does not count itself. */
  set mcycle(value: bigint) {
    this.#cycleOffset = wrap(value - (this.#inhibited & inhibit.cycle ? 0n : BigInt(this.#source.now + 1)));
  }

  get minstret(): bigint {
    return wrap(
      (this.#inhibited & inhibit.instret ? 0n : BigInt(this.#source.retired)) + this.#instretOffset,
    );
  }
  set minstret(value: bigint) {
    this.#instretOffset = wrap(
      value - (this.#inhibited & inhibit.instret ? 0n : BigInt(this.#source.retired + 1)),
    );
  }

  /** Writes a counter between instructions: the next one to read it finds the value, and so does a tool. */
  poke(name: 'mcycle' | 'minstret', value: bigint): void {
    this[name] = value;
    this[name] = value + (value - this[name]);
  }

  get mcountinhibit(): number {
    return this.#inhibited | this.events.inhibited;
  }
  /** Freezes or resumes the counters whose bit changes, without changing their values. */
  set mcountinhibit(value: number) {
    const { mcycle, minstret } = this;
    const changed = this.#inhibited ^ value;
    this.#inhibited = value & (inhibit.cycle | inhibit.instret);
    this.events.inhibited = value;
    if (changed & inhibit.cycle) this.mcycle = mcycle;
    if (changed & inhibit.instret) this.minstret = minstret;
  }

  snapshot(): CountersState {
    return {
      inhibited: this.#inhibited,
      cycleOffset: this.#cycleOffset,
      instretOffset: this.#instretOffset,
      events: this.events.snapshot(),
    };
  }

  restore(state: CountersState): void {
    this.#inhibited = state.inhibited;
    this.#cycleOffset = state.cycleOffset;
    this.#instretOffset = state.instretOffset;
    this.events.restore(state.events);
  }
}
