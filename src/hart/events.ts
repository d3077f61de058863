/** Events of a hart in cluster timing, since reset: what its words count, summed. */
import { word } from './words.ts';

/** Counts, and stall cycles by cause. */
export interface HartEvents {
  readonly memoryAccesses: number;
  readonly tcdmAccesses: number;
  /** Accesses to main memory, boot ROM and zero memory. */
  readonly dramAccesses: number;
  readonly multiplies: number;
  readonly divisions: number;
  /** Lines that the hart's own instruction cache had to fetch. */
  readonly fetches: number;
  /** How many of these the shared instruction cache did not hold. */
  readonly icacheMisses: number;
  readonly stalls: {
    /** Hazards, multi-cycle instructions, taken branches and jumps. */
    readonly pipeline: number;
    readonly fetch: number;
    /** Bank conflicts. */
    readonly tcdm: number;
    readonly dram: number;
    readonly device: number;
  };
}

/** Sums by name. */
type Sums = Record<
  | 'memoryAccesses'
  | 'multiplies'
  | 'dramAccesses'
  | 'divisions'
  | 'deviceAccesses'
  | 'fetches'
  | 'icacheMisses'
  | 'dramStall'
  | 'tcdmStall'
  | 'fetchStall'
  | 'deviceStall',
  number
>;

export type EventsState = Readonly<Sums>;

const none = (): Sums => ({
  memoryAccesses: 0,
  multiplies: 0,
  dramAccesses: 0,
  divisions: 0,
  deviceAccesses: 0,
  fetches: 0,
  icacheMisses: 0,
  dramStall: 0,
  tcdmStall: 0,
  fetchStall: 0,
  deviceStall: 0,
});

/** Words that hold one sum each. */
const single = [
  'deviceAccesses',
  'fetches',
  'icacheMisses',
  'dramStall',
  'tcdmStall',
  'fetchStall',
  'deviceStall',
] as const;

export class EventSums {
  #sums = none();

  /** Takes the counts out of the words. The fields of 16 bits hold what 32768 instructions can count. */
  drain(words: Int32Array): void {
    const sums = this.#sums;
    const { [word.counts]: counts, [word.moreCounts]: more } = words;
    sums.memoryAccesses += counts & 0xffff;
    sums.multiplies += counts >>> 16;
    sums.dramAccesses += more & 0xffff;
    sums.divisions += more >>> 16;
    words[word.counts] = 0;
    words[word.moreCounts] = 0;
    for (const name of single) {
      sums[name] += words[word[name]];
      words[word[name]] = 0;
    }
  }

  /** @param stalls all stall cycles of the hart */
  events(stalls: number): HartEvents {
    const { dramStall, tcdmStall, fetchStall, deviceStall, deviceAccesses, ...counts } = this.#sums;
    return {
      ...counts,
      tcdmAccesses: counts.memoryAccesses - counts.dramAccesses - deviceAccesses,
      stalls: {
        pipeline: stalls - dramStall - tcdmStall - fetchStall - deviceStall,
        fetch: fetchStall,
        tcdm: tcdmStall,
        dram: dramStall,
        device: deviceStall,
      },
    };
  }

  snapshot(): EventsState {
    return { ...this.#sums };
  }

  restore(state: EventsState): void {
    this.#sums = { ...state };
  }
}
