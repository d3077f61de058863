/** Seeded pseudo-random numbers for tests that need more of them than a property test can hand out. */

/** Unsigned 32-bit numbers (Marsaglia's xorshift with shifts 13, 17, 5); equal seeds give equal sequences. */
export function xorshift(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
