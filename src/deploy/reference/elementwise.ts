/** Sums, products and activations element by element, and what reduces axes (onnx.ai, operator reference). */
import { numberAttribute, textAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elements.ts';
import { elements, type ElementType, type Node } from '../graph/graph.ts';
import { accumulated } from '../graph/rule.ts';
import { DATA_TYPE } from '../onnx/schema.ts';
import { reducedShape, reduction } from '../graph/shapes-elementwise.ts';
import { mapped, mapRows } from './levels.ts';
import {
  allocate,
  asTensors,
  broadcastTo,
  commonShape,
  strides,
  type Operator,
  type Value,
} from './value.ts';

/** `of` for each pair of elements, broadcast. The result holds `type`. */
export function pairwise(a: Value, b: Value, type: ElementType, of: (a: number, b: number) => number): Value {
  const shape = commonShape(a.shape, b.shape);
  const x = broadcastTo(a, shape).data;
  const y = broadcastTo(b, shape).data;
  const data = allocate(type, x.length);
  for (let i = 0; i < data.length; i++) data[i] = of(x[i], y[i]);
  return { type, shape, data };
}

/** Add with broadcasting. The result holds `type`. */
export const addAs = (a: Value, b: Value, type: ElementType): Value => pairwise(a, b, type, (x, y) => x + y);

const pair =
  (of: (a: number, b: number) => number): Operator =>
  (_, [a, b]) =>
    pairwise(a, b, accumulated(a.type, b.type), of);

/** Integers divide towards zero, as in C. */
const div: Operator = (_, [a, b]) => {
  const type = accumulated(a.type, b.type);
  return pairwise(a, b, type, isFloat(type) ? (x, y) => x / y : (x, y) => Math.trunc(x / y));
};

const clip: Operator = (node, [x, low, high]) => {
  const least = low ? low.data[0] : numberAttribute(node, 'min', -Infinity);
  const most = high ? high.data[0] : numberAttribute(node, 'max', Infinity);
  return mapped(x, x.type, (v) => Math.min(Math.max(v, least), most));
};

/** The sum over the axes the node names, in double precision; `finish` makes a result of it and the number of terms. */
function reduce(
  node: Node,
  [x, axes]: readonly Value[],
  type: ElementType,
  finish: (sum: number, terms: number) => number,
): Value {
  const [tensor, axesTensor] = asTensors(axes ? [x, axes] : [x]);
  const shape = reducedShape(node, tensor.shape, axesTensor);
  const gone = new Set(reduction(node, tensor.shape, axesTensor).axes);
  const kept = x.shape.map((d, i) => (gone.has(i) ? 1 : d));
  const step = strides(kept).map((s, i) => (gone.has(i) ? 0 : s));
  const sums = new Float64Array(elements(kept));
  let from = 0;
  const walk = (axis: number, to: number): void => {
    if (axis === x.shape.length) {
      sums[to] += x.data[from++];
      return;
    }
    for (let i = 0; i < x.shape[axis]; i++) walk(axis + 1, to + i * step[axis]);
  };
  if (x.data.length > 0) walk(0, 0);
  const terms = x.data.length / sums.length;
  const data = allocate(type, sums.length);
  for (let i = 0; i < data.length; i++) data[i] = finish(sums[i], terms);
  return { type, shape, data };
}

/** The quotient, rounded half up where the result is an integer. */
export const meanOf = (type: ElementType, sum: number, terms: number): number =>
  isFloat(type) ? sum / terms : Math.floor(sum / terms + 0.5);

const mean: Operator = (node, inputs) =>
  reduce(node, inputs, inputs[0].type, (sum, terms) => meanOf(inputs[0].type, sum, terms));

const reduceSum: Operator = (node, inputs) =>
  reduce(node, inputs, accumulated(inputs[0].type, inputs[0].type), (sum) => sum);

const cast: Operator = (node, [x]) => {
  const code = numberAttribute(node, 'to');
  const type = (Object.keys(DATA_TYPE) as ElementType[]).find((name) => DATA_TYPE[name] === code);
  const held = type === undefined || type === 'int64' ? 'float64' : type;
  return mapped(x, held, isFloat(held) && type !== 'int64' ? (v) => v : (v) => Math.trunc(v));
};

/** The error function to double precision (Abramowitz and Stegun, 7.1.5 and 7.1.14). */
function erf(x: number): number {
  // A series for small arguments, a continued fraction for large ones.
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

const gelu: Operator = (node, [x]) => {
  const cdf =
    textAttribute(node, 'approximate', 'none') === 'tanh'
      ? (v: number): number => 1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))
      : (v: number): number => 1 + erf(v / Math.SQRT2);
  return mapped(x, x.type, (v) => (v / 2) * cdf(v));
};

const softmax: Operator = (_, [x]) =>
  mapRows(x, x.type, (row, out) => {
    const most = row.reduce((m, v) => Math.max(m, v), -Infinity);
    const powers = Float64Array.from(row, (v) => Math.exp(v - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    powers.forEach((p, i) => (out[i] = p / sum));
  });

const real =
  (of: (x: number) => number): Operator =>
  (_, [x]) =>
    mapped(x, x.type, of);

const signed =
  (of: (x: number) => number): Operator =>
  (_, [x]) =>
    mapped(x, accumulated(x.type, x.type), of);

const either =
  (of: (a: number, b: number) => number): Operator =>
  (_, [a, b]) =>
    pairwise(a, b, a.type === b.type ? a.type : accumulated(a.type, b.type), of);

const batchNormalization: Operator = (node, [x, scale, bias, mean, variance]) => {
  const epsilon = numberAttribute(node, 'epsilon', 1e-5);
  const area = elements(x.shape.slice(2));
  return mapped(x, x.type, (v, i) => {
    const c = Math.floor(i / area) % x.shape[1];
    return ((v - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon)) * scale.data[c] + bias.data[c];
  });
};

export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Abs: signed(Math.abs),
  BatchNormalization: batchNormalization,
  Erf: real(erf),
  Exp: real(Math.exp),
  Log: real(Math.log),
  Max: either(Math.max),
  Min: either(Math.min),
  Neg: signed((x) => -x),
  Pow: (_, [a, b]) => pairwise(a, b, a.type, (x, y) => x ** y),
  Reciprocal: real((x) => 1 / x),
  Sigmoid: real((x) => 1 / (1 + Math.exp(-x))),
  Sqrt: real(Math.sqrt),
  Tanh: real(Math.tanh),
  Add: (_, [a, b]) => addAs(a, b, accumulated(a.type, b.type)),
  Cast: cast,
  Clip: clip,
  Div: div,
  Gelu: gelu,
  IntegerMean: mean,
  Mul: pair((a, b) => a * b),
  ReduceMean: mean,
  ReduceSum: reduceSum,
  Relu: (_, [x]) => mapped(x, x.type, (v) => Math.max(v, 0)),
  Softmax: softmax,
  Sub: pair((a, b) => a - b),
};
