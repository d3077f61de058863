/** Sums as products with diagonal matrices: the accelerator's integers are those of the harts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SumStep } from '../../../src/deploy/passes/steps.ts';
import { type DiagonalSum, diagonalSum } from '../../../src/deploy/schedule/diagonal.ts';

interface Constants {
  readonly terms: number;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
  readonly shift: number;
}

const step = ({ terms, scale, offset, shift }: Constants): SumStep => ({
  kind: 'sum',
  engine: 'harts',
  name: 'y',
  sources: 'y',
  reason: '',
  output: 'y',
  terms: Array.from({ length: terms }, (_, t) => `x${t}`),
  scale: Int32Array.from(scale),
  offset: Int32Array.from(offset),
  shift,
  wide: false,
});

const saturated = (value: bigint): number => Number(value < -128n ? -128n : value > 127n ? 127n : value);

/** What the harts compute (firmware/kernels/sum.h), and the accelerator (its specification §2.3, §6), without rounding anywhere. */
const onHarts = (x: number, { scale, offset, shift }: Constants, c: number): number =>
  saturated((BigInt(x) * BigInt(scale[c]) + BigInt(offset[c])) >> BigInt(shift));
function onAccelerator(x: number, { weight, bias, requant }: DiagonalSum, c: number): number {
  const { mult, shift, add } = requant;
  const product = (BigInt(x) * BigInt(weight[c]) + BigInt(bias[c])) * BigInt(mult);
  const rounding = shift > 0 ? (product >> BigInt(shift - 1)) & 1n : 0n;
  return saturated((product >> BigInt(shift)) + rounding + BigInt(add));
}

/** Sums for which the two differ. */
function differences(constants: Constants): number[] {
  const sum = diagonalSum(step(constants));
  if (!sum) return [];
  const wrong: number[] = [];
  for (let c = 0; c < constants.scale.length; c++) {
    for (let x = -128 * constants.terms; x <= 127 * constants.terms; x++)
      if (onHarts(x, constants, c) !== onAccelerator(x, sum, c)) wrong.push(x);
  }
  return wrong;
}

/** Two terms, scaled and rounded. */
const rounded = (scale: number, shift: number): Constants => ({
  terms: 2,
  scale: [scale],
  offset: [2 ** (shift - 1)],
  shift,
});

const channels = fc.integer({ min: 1, max: 4 });
const terms = fc.integer({ min: 1, max: 8 });

describe('a sum on the accelerator', () => {
  test('has a form for every NoNorm: weights and biases times one multiplier', () => {
    const norm = fc.record({
      terms,
      mul: fc.integer({ min: 1, max: 255 }),
      weight: fc.array(fc.integer({ min: -128, max: 127 }), { minLength: 4, maxLength: 4 }),
      bias: fc.array(fc.integer({ min: -20_000, max: 20_000 }), { minLength: 4, maxLength: 4 }),
      shift: fc.integer({ min: 9, max: 20 }),
    });
    fc.assert(
      fc.property(norm, ({ terms: count, mul, weight, bias, shift }) => {
        const constants = {
          terms: count,
          scale: weight.map((w) => w * mul),
          offset: bias.map((b) => b * mul),
          shift,
        };
        expect(diagonalSum(step(constants))).toBeDefined();
        expect(differences(constants)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('is that of the harts for every sum of terms where there is a form', () => {
    const any = channels.chain((count) => {
      const values = (most: number) =>
        fc.array(fc.integer({ min: -most, max: most }), { minLength: count, maxLength: count });
      return fc.record({
        terms,
        scale: values(300),
        offset: values(100_000),
        shift: fc.integer({ min: 0, max: 12 }),
      });
    });
    fc.assert(
      fc.property(any, (constants) => {
        expect(differences(constants)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('keeps offsets that no sum can tell from those of whole biases', () => {
    // 8 divides neither offset, but the products are multiples of 8: what is below makes no difference.
    const constants = { terms: 2, scale: [8 * 101, 8 * 90], offset: [4096 + 3, 4096 + 8 + 5], shift: 13 };
    expect(diagonalSum(step(constants))).toMatchObject({ weight: Int8Array.from([101, 90]) });
    expect(differences(constants)).toEqual([]);
  });

  test('has one for sums that only scale, and for slopes that 15 bits come near enough to', () => {
    expect(diagonalSum(step(rounded(32_768, 15)))).toMatchObject({ requant: { mult: 1, shift: 0, add: 0 } });
    for (const constants of [rounded(32_768, 15), rounded(32_930, 15), rounded(56_015, 16)]) {
      expect(diagonalSum(step(constants))).toBeDefined();
      expect(differences(constants)).toEqual([]);
    }
  });

  test('has none where no multiplier leaves weights of 8 bits for all channels', () => {
    const offset = [16_384, 16_384, 16_384];
    expect(diagonalSum(step({ terms: 2, scale: [21_845, 32_845, 9001], offset, shift: 15 }))).toBeUndefined();
  });

  test('has none where the shift is beyond the accelerator', () => {
    expect(diagonalSum(step({ terms: 1, scale: [1], offset: [0], shift: 36 }))).toBeUndefined();
  });
});
