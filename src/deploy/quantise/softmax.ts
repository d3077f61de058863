/**
 * Fits the accelerator's softmax (accelerator specification §8) to real logits: one LSB is ln 2 or ln 2 / 32, so an
 * addend, the total of the probabilities and, for want of range, the scale are left to choose.
 */
import type { NumericData } from '../graph/elements.ts';
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
  5: Array.from({ length: 17 }, (_, i) => 28 - 8 * i),
};

/**
 * Scales tried, in units of the exact one: larger ones make the softmax flatter, and clip fewer of the largest logits
 * where 8 octaves are all that int8 holds.
 */
const STRETCHES: Readonly<Record<0 | 5, readonly number[]>> = { 0: [1], 5: [1, 1.25, 1.6] };

/** Rows of logits with what their probabilities are multiplied with. */
export interface SoftmaxRows {
  readonly logits: readonly Float64Array[];
  /** For each row the values [keys, width], row-major; without them the probabilities themselves are compared. */
  readonly values?: readonly NumericData[];
}

/**
 * Chooses the scale, the addend and the value of a probability that leave the least squared error in the context: what the
 * probabilities make of the values. Differences of single probabilities say less, since many small ones of one sign add up.
 * @param rows real logits and values, as the network computes them
 */
export function fitSoftmax(rows: SoftmaxRows, shift: 0 | 5): SoftmaxFit {
  const octave = Math.LN2 / 2 ** shift;
  let best: SoftmaxFit = { scale: octave, addend: 0, probability: 1 / 255 };
  let least = Infinity;
  const wanted = rows.logits.map((row, r) => context(softmax(row), rows.values?.[r]));
  for (const stretch of STRETCHES[shift]) {
    const scale = octave * stretch;
    for (const addend of ADDENDS[shift]) {
      const { error, probability } = tried(rows, wanted, scale, addend, shift);
      if (error < least) {
        least = error;
        best = { scale, addend, probability };
      }
    }
  }
  return best;
}

/** The least error with this scale and addend, and the value of a probability that gives it. */
function tried(
  { logits, values }: SoftmaxRows,
  wanted: readonly Float64Array[],
  scale: number,
  addend: number,
  shift: 0 | 5,
): { error: number; probability: number } {
  // Least squares over p: minimise Σ (C - p · D)², p = Σ C·D / Σ D².
  let cd = 0;
  let dd = 0;
  let cc = 0;
  logits.forEach((row, r) => {
    const integers = row.map((l) => Math.min(Math.max(Math.round(l / scale) + addend, -128), 127));
    const probabilities = new Float64Array(row.length);
    streamingSoftmax(integers, probabilities, shift);
    context(probabilities, values?.[r]).forEach((d, i) => {
      const c = wanted[r][i];
      cd += c * d;
      dd += d * d;
      cc += c * c;
    });
  });
  const probability = dd === 0 ? 1 / 255 : cd / dd;
  return { error: cc - 2 * probability * cd + probability ** 2 * dd, probability };
}

/** probabilities [keys] · values [keys, width]; the probabilities themselves without values. */
function context(probabilities: Float64Array, values: NumericData | undefined): Float64Array {
  if (!values) return probabilities;
  const width = values.length / probabilities.length;
  const sums = new Float64Array(width);
  probabilities.forEach((p, k) => {
    if (p === 0) return;
    for (let i = 0; i < width; i++) sums[i] += p * values[k * width + i];
  });
  return sums;
}

function softmax(row: Float64Array): Float64Array {
  const most = row.reduce((m, v) => Math.max(m, v), -Infinity);
  const powers = row.map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
