/**
 * From real numbers to integer constants: requantisation as multiplier and shift, and matrices as int8 with one scale
 * (accelerator specification §6).
 */

/** factor ≈ mult · 2^-shift. */
export interface Multiplier {
  readonly mult: number;
  readonly shift: number;
}

/** The accelerator multiplies by 8 bits and shifts by up to 35. */
export const ACCELERATOR_BITS = 8;
const MOST_SHIFT = 35;

/**
 * The best multiplier of at most `bits` bits for a positive factor.
 * @returns mult in 2^(bits-1)..2^bits - 1 where the range of shifts (0..35) allows it
 */
export function multiplierFor(factor: number, bits: number = ACCELERATOR_BITS): Multiplier {
  const most = 2 ** bits - 1;
  let shift = 0;
  let scaled = factor;
  for (; shift < MOST_SHIFT && Math.round(scaled * 2) <= most; shift++) scaled *= 2;
  return { mult: Math.min(most, Math.max(1, Math.round(scaled))), shift };
}

const LEVELS = 127;

/** Largest magnitude of the values. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
}

/** The values in units of `scale`, rounded half up and clipped to -127..127. */
export function toInt8(values: ArrayLike<number>, scale: number): Int8Array {
  const result = new Int8Array(values.length);
  for (let i = 0; i < result.length; i++) {
    result[i] = Math.min(Math.max(Math.floor(values[i] / scale + 0.5), -LEVELS), LEVELS);
  }
  return result;
}

/** Candidates for the clipping range of weights, as parts of the largest magnitude. */
const RANGES = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4];

/** Weights looked at to choose their range; more do not change the choice. */
const MOST_SAMPLES = 1 << 15;

/**
 * Weights as int8 with one scale: the range that leaves the least squared error, among parts of the largest magnitude.
 * A few outliers are clipped where that makes all others finer.
 */
export function quantiseWeights(values: ArrayLike<number>): { data: Int8Array; scale: number } {
  const most = largest(values);
  if (most === 0) return { data: new Int8Array(values.length), scale: 1 };
  const stride = Math.max(1, Math.floor(values.length / MOST_SAMPLES));
  let best = { error: Infinity, scale: most / LEVELS };
  for (const part of RANGES) {
    const scale = (part * most) / LEVELS;
    let error = 0;
    for (let i = 0; i < values.length; i += stride) {
      const rounded = Math.min(Math.max(Math.floor(values[i] / scale + 0.5), -LEVELS), LEVELS);
      error += (values[i] - rounded * scale) ** 2;
    }
    if (error < best.error) best = { error, scale };
  }
  return { data: toInt8(values, best.scale), scale: best.scale };
}
