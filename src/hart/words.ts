/** The words of a hart's state in linear memory, where translated code finds and leaves it. */

/** Word numbers; multiplied by 4 they are offsets. */
export const word = {
  /** x0 to x31, and a register that nobody reads. */
  x: 0,
  pc: 33,
  left: 34,
  /** start0, last0, count0, start1, last1, count1. */
  loops: 40,

  // The rest is used in cluster timing. Counts are taken away now and then (src/hart/events.ts).

  /** Cycles beyond one for each instruction that the hart's time does not hold yet; with `counts` one 64-bit number. */
  stall: 48,
  /** Low half: accesses to memory. High half: multiplications. */
  counts: 49,
  /** Low half: accesses to main memory. High half: divisions. With `dramStall` one 64-bit number. */
  moreCounts: 50,
  /** Stall cycles by cause, all of them in `stall` too. */
  dramStall: 51,
  tcdmStall: 52,
  fetchStall: 53,
  deviceStall: 54,
  /** Misses in the hart's own instruction cache, and in the shared one. */
  fetches: 55,
  icacheMisses: 56,
  /** Low 32 bits of the time at which the slice ends, stalls aside. */
  end: 57,
  /** Accesses to devices. */
  deviceAccesses: 58,
  /** Line numbers in the hart's own instruction cache: up to 64. */
  l0: 64,
} as const;

/** How many there are. */
export const WORDS = 128;
