/**
 * The network as it would run in real numbers, for information: every integer step without rounding and clipping, and
 * a real softmax. Values are in units of the integer tensors' LSB, so the two runs compare without scales.
 */
import { numberAttribute } from '../graph/attributes.ts';
import type { Graph, TensorData } from '../graph/graph.ts';
import { requantRounding } from '../graph/requant.ts';
import { addAs, ELEMENTWISE } from './elementwise.ts';
import { evaluateNamed, readInputs, run, type Observer } from './integer.ts';
import { perElement } from './levels.ts';
import { matMulAs } from './linear.ts';
import { MOVEMENT } from './movement.ts';
import { allocate, type Operator } from './value.ts';

/** What taking the floor subtracts on average. */
const FLOOR = 0.5;

const map = (count: number, at: (i: number) => number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => at(i));

const requantShift: Operator = (node, [x, mul, add]) => {
  const div = numberAttribute(node, 'div');
  const factor = perElement(x, mul);
  const addend = perElement(x, add);
  const rounding = div > 1 && requantRounding(node) === 0 ? FLOOR : 0;
  const data = map(x.data.length, (i) => (x.data[i] * factor(i) + addend(i)) / div - rounding);
  return { type: 'float64', shape: x.shape, data };
};

const iNoNorm: Operator = (node, [x, weight, bias]) => {
  const scale = numberAttribute(node, 'mul') / numberAttribute(node, 'D');
  const factor = perElement(x, weight);
  const addend = perElement(x, bias);
  const data = map(x.data.length, (i) => (x.data[i] * factor(i) + addend(i)) * scale - FLOOR);
  return { type: 'float64', shape: x.shape, data };
};

/** Softmax to base 2, one octave being 2^softmax_shift LSB; probabilities sum to 255 as the integer ones nearly do. */
const softmax: Operator = (node, [x]) => {
  const octave = 2 ** numberAttribute(node, 'softmax_shift');
  const columns = x.shape[x.shape.length - 1];
  const data = allocate('float64', x.data.length);
  for (let at = 0; at < data.length; at += columns) {
    const logits = Float64Array.from(x.data.subarray(at, at + columns));
    const max = logits.reduce((m, v) => Math.max(m, v), -Infinity);
    const powers = logits.map((v) => 2 ** ((v - max) / octave));
    const sum = powers.reduce((a, b) => a + b, 0);
    data.set(
      powers.map((p) => (255 * p) / sum),
      at,
    );
  }
  return { type: 'float64', shape: x.shape, data };
};

const FLOAT: Readonly<Record<string, Operator>> = {
  ...MOVEMENT,
  Add: (_, [a, b]) => addAs(a, b, 'float64'),
  ITAPartialMax: softmax,
  MatMul: (_, [a, b]) => matMulAs(a, b, 'float64'),
  ReduceSum: ELEMENTWISE.ReduceSum,
  Relu: (_, [x]) => ({ ...x, data: Float64Array.from(x.data, (v) => Math.max(v, 0)) }),
  RequantShift: requantShift,
  iNoNorm,
};

/** Like `evaluate`, in real numbers. Outputs are in LSB of the integer outputs. */
export function evaluateFloat(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  observe?: Observer,
): Map<string, TensorData> {
  return run(graph, readInputs(graph, inputs), FLOAT, observe);
}

/** Cosine of the angle between two tensors taken as vectors: 1 when they agree up to a positive scale; 0 if one is zero. */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** How close the integer run of one tensor is to the real-number run. */
export interface Similarity {
  readonly tensor: string;
  readonly cosine: number;
}

/**
 * Runs the network in floating point and compares the named tensors, in order of execution.
 * @param integers the same tensors of the integer run, where that has been made already
 */
export function compareWithFloat(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  names: ReadonlySet<string>,
  integers: ReadonlyMap<string, TensorData> = evaluateNamed(graph, inputs, names),
): Similarity[] {
  const similarities: Similarity[] = [];
  evaluateFloat(graph, inputs, (name, data) => {
    const integer = names.has(name) ? integers.get(name) : undefined;
    if (integer)
      similarities.push({ tensor: name, cosine: cosineSimilarity(numbers(integer), numbers(data)) });
  });
  return similarities;
}

const numbers = (data: TensorData): ArrayLike<number> =>
  data instanceof BigInt64Array ? Array.from(data, Number) : data;
