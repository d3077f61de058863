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

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** What the harts make of a sum x (firmware/kernels/sum.h). */
const scaled = (x: number, scale: number, offset: number, shift: number): number =>
  Math.min(127, Math.max(-128, Math.floor((x * scale + offset) / 2 ** shift)));

/**
 * The accelerator's form of a sum; undefined where it has none.
 *
 * It computes floor(((x·w + b)·m + 2^(s-1)) / 2^s) + a with a multiplier m and an addend a for all channels. So m must
 * divide all scales (w = scale / m), and with Y = b·m + 2^(s-1) + a·2^s the biases and the addend must make Y the offset of
 * the channel, or so near below it that no sum tells the difference.
 */
export function diagonalSum({ terms, scale, offset, shift }: SumStep): DiagonalSum | undefined {
  if (shift > 35) return undefined;
  const common = scale.reduce((divisor, value) => gcd(divisor, Math.abs(value)), 0) || 1;
  const largest = Math.max(
    ...scale.map((value) => (value < 0 ? Math.ceil(-value / INT8) : Math.ceil(value / (INT8 - 1)))),
  );
  const half = shift > 0 ? 2 ** (shift - 1) : 0;
  for (let mult = Math.min(MOST_MULTIPLIER, common); mult >= Math.max(1, largest); mult--) {
    if (common % mult !== 0) continue;
    for (let step = 0; step < 2 * INT8; step++) {
      const add = step % 2 === 0 ? -step / 2 : (step + 1) / 2;
      if (add >= INT8) continue;
      const requant = { mult, shift, add };
      const bias = biases(offset, half + add * 2 ** shift, requant);
      if (bias && agrees(scale, offset, bias, requant, terms.length))
        return { weight: Int8Array.from(scale, (value) => value / mult), bias, requant };
    }
  }
  return undefined;
}

/** The largest biases whose offsets do not exceed the channels'; undefined when one needs more than 24 bits. */
function biases(offset: Int32Array, constant: number, { mult }: AcceleratorRequant): Int32Array | undefined {
  const bias = offset.map((value) => Math.floor((value - constant) / mult));
  return bias.every((value) => Math.abs(value) < BIAS_LIMIT) ? bias : undefined;
}

/** Whether harts and accelerator agree on every sum of that many int8 terms, in every channel. */
function agrees(
  scale: Int32Array,
  offset: Int32Array,
  bias: Int32Array,
  requant: AcceleratorRequant,
  terms: number,
): boolean {
  const { mult, shift, add } = requant;
  const constant = (shift > 0 ? 2 ** (shift - 1) : 0) + add * 2 ** shift;
  return scale.every((value, channel) => {
    if (bias[channel] * mult + constant === offset[channel]) return true;
    const weight = value / mult;
    for (let x = -INT8 * terms; x <= (INT8 - 1) * terms; x++) {
      if (scaled(x, value, offset[channel], shift) !== requantise(x * weight + bias[channel], requant))
        return false;
    }
    return true;
  });
}

/** The bias for channels that padding adds: 0 where there is one that requantises to it. */
export const paddingBias = ({ requant }: DiagonalSum): number => biasOfZero(requant) ?? 0;
