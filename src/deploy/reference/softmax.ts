/**
 * The integer softmaxes over the last axis: the accelerator's (accelerator specification §8, "Streaming softmax") and
 * three of the PULP dialect, whose formulas the golden outputs of Deeploy's tests confirm.
 */
import { DeployError } from '../../errors.ts';
import { numberAttribute } from '../graph/attributes.ts';
import type { NumericData } from '../graph/elements.ts';
import { levelsOf, mapRows, resultType } from './levels.ts';
import type { Operator } from './value.ts';

const SOFTMAX_GROUP = 16;

/** JavaScript counts shifts modulo 32; in the accelerator a longer shift leaves nothing. */
const halve = (value: number, times: number): number => (times > 31 ? 0 : value >>> times);

const largest = (row: NumericData, from = -Infinity): number => {
  let most = from;
  for (const x of row) most = Math.max(most, x);
  return most;
};

/**
 * Streaming softmax of one row.
 * logits: int8 [n]    out: uint8 [n]    One octave is 1 LSB for shift 0, 32 LSB (rounded) for shift 5.
 */
export function streamingSoftmax(logits: NumericData, out: NumericData, shift: number): void {
  const octaves = (d: number): number => (shift === 0 ? d : (d >> shift) + ((d >> (shift - 1)) & 1));
  const { max, sum } = streamed(logits, SOFTMAX_GROUP, octaves);
  const inverse = Math.floor(65280 / sum);
  for (let i = 0; i < logits.length; i++) out[i] = halve(inverse, octaves(max - logits[i]));
}

/** The maximum of a row and the sum of 256 >> octaves(max - x), gathered group by group with a running maximum. */
function streamed(
  logits: NumericData,
  width: number,
  octaves: (d: number) => number,
): { max: number; sum: number } {
  let max = -128;
  let sum = 0;
  for (let start = 0; start < logits.length; start += width) {
    const group = logits.subarray(start, start + width);
    const next = largest(group, max);
    sum = halve(sum, octaves(next - max));
    for (const x of group) sum += halve(256, octaves(next - x));
    max = next;
  }
  return { max, sum };
}

const accelerated: Operator = (node, [x]) => {
  const shift = numberAttribute(node, 'softmax_shift');
  if (shift !== 0 && shift !== 5)
    throw new DeployError(`node ${node.name}: softmax_shift is ${shift}, expected 0 or 5`);
  return mapRows(x, resultType(x.type, 'uint8'), (row, out) => streamingSoftmax(row, out, shift));
};

/** One octave of Deeploy's softmaxes is 32 LSB, rounded half up. */
const octave = (d: number): number => Math.floor((d + 16) / 32);

/** Groups of `group_width` with a running maximum, as the accelerator streams; results from 0 to levels / 2 - 1. */
const itaPartialMax: Operator = (node, inputs) => {
  if ('softmax_shift' in node.attributes) return accelerated(node, inputs);
  const [x] = inputs;
  const levels = levelsOf(node);
  const width = numberAttribute(node, 'group_width', SOFTMAX_GROUP);
  return mapRows(x, resultType(x.type, 'int8'), (row, out) => {
    const { max, sum } = streamed(row, width, octave);
    const inverse = Math.floor(((levels / 2 - 1) * 256) / sum);
    for (let i = 0; i < row.length; i++) out[i] = halve(inverse, octave(max - row[i]));
  });
};

/** The whole row at once; results from 0 to levels - 1. */
const itaMax: Operator = (node, [x]) => {
  const levels = levelsOf(node);
  return mapRows(x, resultType(x.type, 'uint8'), (row, out) => {
    const max = largest(row);
    let sum = 0;
    for (const v of row) sum += halve(256, octave(max - v));
    const inverse = Math.floor(((levels - 1) * 256) / sum);
    for (let i = 0; i < row.length; i++) out[i] = halve(inverse, octave(max - row[i]));
  });
};

/** I-BERT's softmax: 2^-z times a polynomial of what is left, normalised to levels - 1. */
const iSoftmax: Operator = (node, [x]) => {
  const [b, c, log2] = ['coeffB', 'coeffC', 'log2'].map((name) => numberAttribute(node, name));
  const levels = levelsOf(node);
  return mapRows(x, resultType(x.type, 'uint8'), (row, out) => {
    const max = largest(row);
    const powers = Float64Array.from(row, (v) => {
      const below = v - max;
      const z = Math.floor(-below / log2);
      const rest = below + z * log2;
      return Math.floor(((rest + b) ** 2 + c) / 2 ** z);
    });
    const sum = powers.reduce((s, p) => s + p, 0);
    for (let i = 0; i < row.length; i++) out[i] = Math.floor((powers[i] * (levels - 1)) / sum);
  });
};

export const SOFTMAX: Readonly<Record<string, Operator>> = {
  ITAMax: itaMax,
  ITAPartialMax: itaPartialMax,
  iSoftmax,
};
