/**
 * The accelerator's arithmetic in plain TypeScript (specs/ita.md §6 to §8): the readable definition, and the second
 * opinion on the WebAssembly kernel.
 */
import { ACTIVATION } from './registers.ts';

/** Edge of a tile, in elements. */
export const TILE = 64;
/** Columns the softmax unit takes at a time. */
export const SOFTMAX_GROUP = 16;
/** Largest right shift that selects bits inside the product (§6). */
export const MAX_SHIFT = 35;

/** Requantisation constants: multiplier 0..255, right shift 0..35, addend -128..127. */
export interface Requant {
  readonly mult: number;
  readonly shift: number;
  readonly add: number;
}

/** Constants of the activation unit: i-GELU b and c (signed 16 bit) and the requantisation behind it. */
export interface ActivationConstants extends Requant {
  readonly b: number;
  readonly c: number;
}

/** Softmax scale: 0 makes one octave of probability 1 LSB of the logits, 5 makes it 32 LSB (§8). */
export type SoftmaxShift = 0 | 5;

/** 2^-shift, for exact division by powers of two. */
const SCALE = Float64Array.from({ length: 256 }, (_, shift) => 2 ** -shift);

const clamp8 = (value: number): number => (value < -128 ? -128 : value > 127 ? 127 : value);

/** Wraps to 26-bit two's complement, the width of the accumulator (§7.1). `value` may be any safe integer. */
export const wrap26 = (value: number): number => ((value % 0x400_0000) << 6) >> 6;

/**
 * acc * mult / 2^shift rounded half towards plus infinity, plus add, saturated to int8 (§6).
 * @param acc signed, up to 26 bits: the product then has 34 bits and every step is exact in a double
 */
export function requantize(acc: number, mult: number, shift: number, add: number): number {
  return clamp8(Math.floor(acc * mult * SCALE[shift] + 0.5) + add);
}

/** i-GELU of an int8 code before its requantisation: 26-bit signed, with negated sign for negative c (§7.4). */
export function gelu(q: number, b: number, c: number): number {
  const t = Math.min(Math.abs(q), -b) + b;
  const l = t * t + c;
  const erf = q < 0 ? -l : l;
  return wrap26(q * (erf + c));
}

/** The activation unit on one int8 code, its requantisation included; codes 0 and 3 are the identity (§7.2 to §7.4). */
export function activate(
  y: number,
  activation: number,
  { b, c, mult, shift, add }: ActivationConstants,
): number {
  if (activation === ACTIVATION.gelu) return requantize(gelu(y, b, c), mult, shift, add);
  if (activation === ACTIVATION.relu) return requantize(Math.max(y, 0), mult, shift, add);
  return y;
}

/** Octaves between the maximum and a logit: an unsigned 8-bit difference, divided by 32 and rounded half up for shift 5. */
export function softmaxOctaves(difference: number, shift: SoftmaxShift): number {
  return shift === 0 ? difference & 0xff : (((difference & 0xff) >> 4) + 1) >> 1;
}

/** value / 2^octaves, rounded down; unlike `>>` it reaches 0 for 32 octaves and more. */
const attenuate = (value: number, octaves: number): number => (octaves > 31 ? 0 : value >>> octaves);

/** Running softmax statistics of one row: the maximum (int8) and the denominator (19 bit). */
export interface SoftmaxRow {
  max: number;
  sum: number;
}

export const softmaxStart = (): SoftmaxRow => ({ max: -128, sum: 0 });

/** Takes the next 16 logits of a row, `logits[at] …`: rescales the denominator to the new maximum and adds the group. */
export function softmaxGroup(
  row: SoftmaxRow,
  logits: ArrayLike<number>,
  at: number,
  shift: SoftmaxShift,
): void {
  let max = row.max;
  for (let i = 0; i < SOFTMAX_GROUP; i++) max = Math.max(max, logits[at + i]);
  let sum = attenuate(row.sum, softmaxOctaves(max - row.max, shift));
  for (let i = 0; i < SOFTMAX_GROUP; i++) sum += attenuate(256, softmaxOctaves(max - logits[at + i], shift));
  row.max = max;
  row.sum = sum;
}

/** Reciprocal of a denominator: floor(255 * 256 / sum), at most 255 since a denominator is at least 256. */
export const softmaxInverse = (sum: number): number => Math.floor(65280 / sum);

/** Unsigned 8-bit probability of one logit. */
export function softmaxProbability(logit: number, max: number, inverse: number, shift: SoftmaxShift): number {
  return attenuate(inverse, softmaxOctaves(max - logit, shift));
}

/**
 * Streaming softmax over the rows of a matrix (§8).
 * @param logits int8 [rows, cols], row-major; cols is a multiple of 16, at most 2047
 * @returns uint8 [rows, cols]; a row sums to about 255
 */
export function softmaxRows(logits: Int8Array, rows: number, cols: number, shift: SoftmaxShift): Uint8Array {
  const out = new Uint8Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    const row = softmaxStart();
    for (let c = 0; c < cols; c += SOFTMAX_GROUP) softmaxGroup(row, logits, r * cols + c, shift);
    const inverse = softmaxInverse(row.sum);
    for (let i = r * cols; i < (r + 1) * cols; i++)
      out[i] = softmaxProbability(logits[i], row.max, inverse, shift);
  }
  return out;
}

/**
 * acc[i][j] += sum over k of input[i][k] * weight[j][k]: both operands keep the inner dimension along the row (§2.3).
 * @param input int8 or uint8 [rows, inner]
 * @param weight int8 [cols, inner]
 * @param acc int32 [rows, cols], 26-bit values
 */
export function accumulate(
  input: Int8Array | Uint8Array,
  weight: Int8Array,
  acc: Int32Array,
  rows: number,
  inner: number,
  cols: number,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      let sum = acc[i * cols + j];
      for (let k = 0, a = i * inner, b = j * inner; k < inner; k++) sum += input[a + k] * weight[b + k];
      acc[i * cols + j] = wrap26(sum);
    }
  }
}

/** The signed little-endian 24-bit bias at byte `at`; biases are packed without gaps (§4.2). */
export const unpackBias = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] << 8) | (bytes[at + 1] << 16) | (bytes[at + 2] << 24)) >> 8;
