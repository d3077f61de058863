/**
 * Fits the accelerator's softmax (accelerator specification §8) to real logits: one LSB is ln 2 or ln 2 / 32, so an
 * addend, the total of the probabilities and, for want of range, the scale are left to choose.
 */
import { streamingSoftmax } from '../reference/softmax.ts';

/** How real logits enter the integer softmax, and what its results mean. */
export interface SoftmaxFit {
  /** Real value of one LSB of the logits. */
  readonly scale: number;
  /** Added to the logits in LSB; keeps the largest ones in range, and cancels in the softmax. */
  readonly addend: number;
  /** Real value of one LSB of the probabilities: 1/255, or more where rounding down loses a part of each row. */
  readonly probability: number;
}

const ADDENDS: Readonly<Record<0 | 5, readonly number[]>> = {
  0: [0],
  5: Array.from({ length: 32 }, (_, i) => 24 - 4 * i),
};

/**
 * Scales tried, in units of the exact one: larger ones make the softmax flatter, and clip fewer of the largest logits
 * where 8 octaves are all that int8 holds.
 */
const STRETCHES: Readonly<Record<0 | 5, readonly number[]>> = { 0: [1], 5: [1, 1.5, 2.2] };

/** A flatter softmax is wrong in every row: it must be this much better on the calibration rows than the exact scale. */
const STRETCHED = 1.7;

/**
 * Chooses the scale, the addend and the value of a probability that leave the least squared error on the given rows.
 * @param rows real logits, as the network computes them
 */
export function fitSoftmax(rows: readonly Float64Array[], shift: 0 | 5): SoftmaxFit {
  const octave = Math.LN2 / 2 ** shift;
  let best: SoftmaxFit = { scale: octave, addend: 0, probability: 1 / 255 };
  let least = Infinity;
  const wanted = rows.map(softmax);
  for (const stretch of STRETCHES[shift]) {
    const scale = octave * stretch;
    for (const addend of ADDENDS[shift]) {
      const { error, probability } = tried(rows, wanted, scale, addend, shift);
      const weighed = stretch === 1 ? error : error * STRETCHED;
      if (weighed < least) {
        least = weighed;
        best = { scale, addend, probability };
      }
    }
  }
  return best;
}

/** The least error with this scale and addend, and the value of a probability that gives it. */
function tried(
  rows: readonly Float64Array[],
  wanted: readonly Float64Array[],
  scale: number,
  addend: number,
  shift: 0 | 5,
): { error: number; probability: number } {
  // Least squares over p: minimise Σ (P - p · Q)², p = Σ P·Q / Σ Q².
  let pq = 0;
  let qq = 0;
  let pp = 0;
  rows.forEach((row, r) => {
    const logits = row.map((l) => Math.min(Math.max(Math.round(l / scale) + addend, -128), 127));
    const out = new Float64Array(row.length);
    streamingSoftmax(logits, out, shift);
    for (let i = 0; i < out.length; i++) {
      pq += wanted[r][i] * out[i];
      qq += out[i] * out[i];
      pp += wanted[r][i] ** 2;
    }
  });
  const probability = qq === 0 ? 1 / 255 : pq / qq;
  return { error: pp - 2 * probability * pq + probability ** 2 * qq, probability };
}

function softmax(row: Float64Array): Float64Array {
  const most = row.reduce((m, v) => Math.max(m, v), -Infinity);
  const powers = row.map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
