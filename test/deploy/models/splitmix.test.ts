import { describe, expect, test } from 'vitest';
import { Stream } from '../../../src/deploy/models/splitmix.ts';

const MASK = 2n ** 64n - 1n;

/** splitmix64 in exact arithmetic. */
function mix(z: bigint): bigint {
  let x = z;
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return x ^ (x >> 31n);
}

const seedOf = (seed: bigint, name: string): bigint =>
  Array.from(name).reduce((state, c) => mix(state ^ BigInt(c.codePointAt(0) ?? 0)), mix(seed));

describe('a random stream', () => {
  test('is splitmix64 in exact arithmetic', () => {
    for (const [seed, name] of [
      [0, 'a'],
      [1, 'layer_03/ffn_0/up/weight'],
      [2 ** 40 + 5, 'ö'],
    ] as const) {
      const stream = new Stream(seed, name);
      const start = seedOf(BigInt(seed), name);
      for (const index of [0, 1, 2, 1000, 3_906_815, 2 ** 31]) {
        const expected = mix((start + BigInt(index + 1) * 0x9e3779b97f4a7c15n) & MASK);
        expect(stream.hex(index)).toBe(expected.toString(16).padStart(16, '0'));
      }
    }
  });

  test('gives the published first number of splitmix64 for the state 0', () => {
    // mix(0) = 0, so the empty name with seed 0 starts at state 0.
    expect([0, 1, 2].map((i) => new Stream(0, '').hex(i))).toEqual([
      'e220a8397b1dcdaf',
      '6e789e6aa1b965f4',
      '06c45d188009454f',
    ]);
  });

  test('has mean 0 and deviation 1', () => {
    const stream = new Stream(7, 'x');
    const draws = Array.from({ length: 20_000 }, (_, i) => stream.normal(i));
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  });

  test('does not depend on the order of drawing', () => {
    const stream = new Stream(7, 'x');
    const last = stream.normal(9);
    stream.normal(3);
    expect(stream.normal(9)).toBe(last);
    expect(new Stream(7, 'y').normal(9)).not.toBe(last);
    expect(new Stream(8, 'x').normal(9)).not.toBe(last);
  });

  test('draws whole numbers below a bound', () => {
    const stream = new Stream(1, 'ids');
    const draws = new Set(Array.from({ length: 200 }, (_, i) => stream.below(i, 5)));
    expect(draws).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});
