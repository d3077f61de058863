/**
 * Element-wise sums as products with diagonal matrices: the accelerator adds the terms up as inner tiles of one output
 * tile, multiplied by the scale of their channel, and requantises (accelerator specification §2.3, §6). Only where that
 * is the same integer for every sum of int8 terms, which is tried out.
 */
import { biasOfZero, requantise, type AcceleratorRequant } from '../passes/requant.ts';
import type { SumStep } from '../passes/steps.ts';

/** A sum the accelerator computes: out[r][c] = requant(Σ terms[r][c] · weight[c] + bias[c]). */
export interface DiagonalSum {
  /** int8, and 24-bit integers: one for each channel, or one for all. */
  readonly weight: Int8Array;
  readonly bias: Int32Array;
  readonly requant: AcceleratorRequant;
}

const INT8 = 128;
const MOST_MULTIPLIER = 255;
const BIAS_LIMIT = 2 ** 23;
const MOST_SHIFT = 35;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** What the harts make of a sum x (firmware/kernels/sum.h). */
const scaled = (x: number, scale: number, offset: number, shift: number): number =>
  Math.min(127, Math.max(-128, Math.floor((x * scale + offset) / 2 ** shift)));

/**
 * The accelerator's form of a sum; undefined where it has none.
 *
 * It computes floor(((x·w + b)·m + 2^(s-1)) / 2^s) + a with a multiplier m and an addend a for all channels. So m must
 * divide all scales (w = scale / m), and b·m + 2^(s-1) + a·2^s must be the offset of the channel, or so near below it that
 * no sum tells the difference.
 */
export function diagonalSum(step: SumStep): DiagonalSum | undefined {
  if (step.shift > MOST_SHIFT) return undefined;
  const forms = requantisations(step);
  const requant =
    forms.find((form) => isExact(step, form) && fits(step, form)) ??
    forms.find((form) => fits(step, form) && agrees(step, form));
  if (!requant) return undefined;
  return {
    weight: Int8Array.from(step.scale, (value) => value / requant.mult),
    bias: Int32Array.from(step.offset, (value) => biasOf(value, requant)),
    requant,
  };
}

/** Multipliers that leave weights of 8 bits, the largest first, each with every addend. */
function requantisations({ scale, shift }: SumStep): AcceleratorRequant[] {
  const common = scale.reduce((divisor, value) => gcd(divisor, Math.abs(value)), 0) || 1;
  const least = scale.reduce(
    (most, value) => Math.max(most, value < 0 ? -value / INT8 : value / (INT8 - 1)),
    1,
  );
  const multipliers = Array.from({ length: MOST_MULTIPLIER }, (_, i) => MOST_MULTIPLIER - i).filter(
    (mult) => mult >= least && common % mult === 0,
  );
  return multipliers.flatMap((mult) =>
    Array.from({ length: 2 * INT8 }, (_, i) => ({ mult, shift, add: i % 2 === 0 ? i / 2 : -(i + 1) / 2 })),
  );
}

/** What the accelerator adds to the products beside the bias: for rounding, and the addend. */
const constantOf = ({ shift, add }: AcceleratorRequant): number =>
  (shift > 0 ? 2 ** (shift - 1) : 0) + add * 2 ** shift;

const biasOf = (offset: number, requant: AcceleratorRequant): number =>
  Math.floor((offset - constantOf(requant)) / requant.mult);

/** Whether the biases and the constant make up the offsets of all channels. */
function isExact({ offset }: SumStep, requant: AcceleratorRequant): boolean {
  const constant = constantOf(requant);
  return offset.every((value) => (value - constant) % requant.mult === 0);
}

/** Whether all biases are of 24 bits. */
const fits = ({ offset }: SumStep, requant: AcceleratorRequant): boolean =>
  offset.every((value) => Math.abs(biasOf(value, requant)) < BIAS_LIMIT);

/** Whether harts and accelerator agree on every sum of int8 terms, in every channel. */
function agrees({ terms, scale, offset, shift }: SumStep, requant: AcceleratorRequant): boolean {
  return scale.every((value, channel) => {
    const weight = value / requant.mult;
    const bias = biasOf(offset[channel], requant);
    for (let x = -INT8 * terms.length; x <= (INT8 - 1) * terms.length; x++) {
      if (scaled(x, value, offset[channel], shift) !== requantise(x * weight + bias, requant)) return false;
    }
    return true;
  });
}

/** The bias for channels that padding adds: 0 where there is one that requantises to it. */
export const paddingBias = ({ requant }: DiagonalSum): number => biasOfZero(requant) ?? 0;
