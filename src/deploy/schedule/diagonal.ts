/**
 * Element-wise sums as products with diagonal matrices: the accelerator adds the terms up as inner tiles of one output
 * tile, multiplied by the scale of their channel, and requantises (accelerator specification §2.3, §6). Only where that
 * is the same integer for every sum of int8 terms.
 */
import { biasOfZero, type AcceleratorRequant } from '../passes/requant.ts';
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
/** Beyond it products with 15 bits of slope have no effect. */
const MOST_TRIED_SHIFT = 22;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * The accelerator's form of a sum; undefined where none was found.
 *
 * It computes floor(((x·w + b)·m + 2^(t-1)) / 2^t) + a with a multiplier m, a shift t and an addend a for all channels. Where
 * m divides all scales (w = scale / m), t is the shift, and b·m + 2^(t-1) + a·2^t can be the offset of each channel, that
 * is the sum itself. Otherwise slopes w·m / 2^t near those of the channels are tried: every sum of int8 terms bounds b.
 */
export function diagonalSum(step: SumStep): DiagonalSum | undefined {
  if (step.shift > MOST_SHIFT) return undefined;
  return exactForm(step) ?? equalForm(step);
}

/** Addends: the smaller ones first. */
const ADDENDS = Array.from({ length: 2 * INT8 }, (_, i) => (i % 2 === 0 ? i / 2 : -(i + 1) / 2));
const MULTIPLIERS = Array.from({ length: MOST_MULTIPLIER }, (_, i) => MOST_MULTIPLIER - i);

/** What the accelerator adds to the products beside the bias: for rounding, and the addend. */
const constantOf = ({ shift, add }: AcceleratorRequant): number =>
  (shift > 0 ? 2 ** (shift - 1) : 0) + add * 2 ** shift;

function exactForm({ scale, offset, shift }: SumStep): DiagonalSum | undefined {
  const common = scale.reduce((divisor, value) => gcd(divisor, Math.abs(value)), 0) || 1;
  for (const mult of MULTIPLIERS) {
    if (common % mult !== 0 || !scale.every((value) => isInt8(value / mult))) continue;
    for (const add of ADDENDS) {
      const requant = { mult, shift, add };
      const constant = constantOf(requant);
      if (!offset.every((value) => isBias((value - constant) / mult))) continue;
      const bias = Int32Array.from(offset, (value) => (value - constant) / mult);
      return { weight: Int8Array.from(scale, (value) => value / mult), bias, requant };
    }
  }
  return undefined;
}

const isInt8 = (value: number): boolean => value >= -INT8 && value < INT8;
const isBias = (value: number): boolean => Number.isInteger(value) && Math.abs(value) < BIAS_LIMIT;

function equalForm(step: SumStep): DiagonalSum | undefined {
  const bounds = Array.from(step.scale, (_, channel) => boundsOf(step, channel));
  for (let shift = 0; shift <= MOST_TRIED_SHIFT; shift++) {
    for (const mult of MULTIPLIERS) {
      const weight = Array.from(step.scale, (value) =>
        Math.round((value * 2 ** (shift - step.shift)) / mult),
      );
      if (!weight.every(isInt8)) continue;
      const requant = { mult, shift, add: 0 };
      const bias: number[] = [];
      for (const [channel, w] of weight.entries()) {
        const found = biasWithin(bounds[channel], w, requant);
        if (found === undefined) break;
        bias.push(found);
      }
      if (bias.length === weight.length)
        return { weight: Int8Array.from(weight), bias: Int32Array.from(bias), requant };
    }
  }
  return undefined;
}

/** A sum, and what the harts make of it; only where that changes, since in between nothing is at stake. */
type Point = readonly [x: number, y: number];

/** The sums at both ends of each stretch of equal results. */
function boundsOf({ terms, scale, offset, shift }: SumStep, channel: number): Point[] {
  const result = (x: number): number =>
    Math.min(127, Math.max(-INT8, Math.floor((x * scale[channel] + offset[channel]) / 2 ** shift)));
  const [first, last] = [-INT8 * terms.length, (INT8 - 1) * terms.length];
  const points: Point[] = [];
  for (let x = first; x <= last; x++) {
    const y = result(x);
    if (x === first || x === last || result(x - 1) !== y || result(x + 1) !== y) points.push([x, y]);
  }
  return points;
}

/** A bias with which the accelerator makes the same of every sum; undefined when there is none. */
function biasWithin(
  points: readonly Point[],
  weight: number,
  requant: AcceleratorRequant,
): number | undefined {
  const { mult, shift } = requant;
  const constant = constantOf(requant);
  const unit = 2 ** shift;
  let [least, most] = [-BIAS_LIMIT * mult, BIAS_LIMIT * mult];
  for (const [x, y] of points) {
    const rest = y * unit - constant - x * weight * mult;
    if (y > -INT8) least = Math.max(least, rest);
    if (y < INT8 - 1) most = Math.min(most, rest + unit - 1);
    if (least > most) return undefined;
  }
  const bias = Math.ceil(least / mult);
  return bias * mult <= most && Math.abs(bias) < BIAS_LIMIT ? bias : undefined;
}

/** The bias for channels that padding adds: 0 where there is one that requantises to it. */
export const paddingBias = ({ requant }: DiagonalSum): number => biasOfZero(requant) ?? 0;
