import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reduced, withBias } from '../../../src/deploy/passes/addend.ts';
import {
  acceleratorRequant,
  halved,
  requantise,
  type RequantShift,
} from '../../../src/deploy/passes/requant.ts';

/** What the PULP dialect computes, in whole numbers. */
const pulp = (sum: number, { mul, add, shift }: RequantShift): number => {
  const shifted = (BigInt(sum) * BigInt(mul) + BigInt(add)) >> BigInt(shift);
  return Number(shifted < -128n ? -128n : shifted > 127n ? 127n : shifted);
};

const requants = fc.record({
  mul: fc.integer({ min: 1, max: 255 }),
  add: fc.integer({ min: -(2 ** 26), max: 2 ** 26 }),
  shift: fc.integer({ min: 4, max: 22 }),
});
const sums = fc.array(fc.integer({ min: -(2 ** 23), max: 2 ** 23 }), { minLength: 20, maxLength: 20 });
const RANGE = [-(2 ** 23) + 1, 2 ** 23 - 1] as const;

test('a requantisation with an odd multiplier has the results of the even one', () => {
  fc.assert(
    fc.property(requants, sums, (requant, values) => {
      const odd = reduced(requant);
      for (const sum of values) expect(pulp(sum, odd)).toBe(pulp(sum, requant));
    }),
  );
});

test('constants that were brought to a larger divisor come back to the form of the accelerator', () => {
  const own = fc.record({
    mult: fc.integer({ min: 128, max: 255 }),
    addend: fc.integer({ min: -128, max: 127 }),
    shift: fc.integer({ min: 0, max: 20 }),
  });
  fc.assert(
    fc.property(own, fc.integer({ min: 0, max: 15 }), sums, ({ mult, addend, shift }, by, values) => {
      const add = (shift > 0 ? 2 ** (shift - 1) : 0) + addend * 2 ** shift;
      const requant = { mul: mult, add, shift };
      const scaled = { mul: mult * 2 ** by, add: add * 2 ** by, shift: shift + by };
      expect(halved(scaled)).toEqual(requant);
      for (const sum of values) expect(pulp(sum, scaled)).toBe(pulp(sum, requant));
    }),
  );
});

test('constants that no halving brings to the form of the accelerator stay as they are', () => {
  const requant = { mul: 1028, add: 3, shift: 12 };
  expect(halved(requant)).toEqual(requant);
});

test('what the accelerator makes of a sum with the bias is what the dialect makes of the sum', () => {
  let found = 0;
  fc.assert(
    fc.property(requants, sums, (requant, values) => {
      const biased = withBias(requant, RANGE);
      if (!biased) return;
      found++;
      const form = acceleratorRequant(biased);
      if (typeof form === 'string') throw new Error(form);
      // Sums where the result is not clipped, and any others.
      const middle = Math.round(-requant.add / requant.mul);
      for (const sum of [...values, middle - 100, middle, middle + 77]) {
        expect(requantise(sum + biased.bias, form)).toBe(pulp(sum, requant));
      }
    }),
  );
  expect(found, 'requantisations with a bias').toBeGreaterThan(50);
});

test('there is always a bias where the addend is small beside what biases reach', () => {
  fc.assert(
    fc.property(requants, (requant) => {
      const small = {
        ...requant,
        add: Math.sign(requant.add) * Math.min(Math.abs(requant.add), requant.mul * 2 ** 20),
      };
      expect(withBias(small, RANGE)).toBeDefined();
    }),
  );
});

test('there is none beyond the range', () => {
  expect(withBias({ mul: 3, add: 3 * 2 ** 24, shift: 1 }, RANGE)).toBeUndefined();
  expect(withBias({ mul: 257, add: 0, shift: 12 }, RANGE)).toBeUndefined();
});

test('a multiplier that is even without a shift has a bias', () => {
  expect(withBias({ mul: 192, add: -2049, shift: 4 }, RANGE)).toEqual({
    mul: 12,
    shift: 0,
    add: 3,
    bias: -11,
  });
});
