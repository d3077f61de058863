/** Types and shapes of operators that work element by element, along axes or in windows (onnx.ai, operator reference). */
import { integersAttribute, numberAttribute } from './attributes.ts';
import { isFloat } from './elements.ts';
import { elements, type ElementType, type Node, type Tensor } from './graph.ts';
import { DATA_TYPE } from '../onnx/schema.ts';
import {
  accumulated,
  axesOf,
  axisOf,
  broadcast,
  fail,
  listOf,
  requireBroadcast,
  requireEach,
  requireRank,
  requireSingle,
  text,
  type Described,
  type OperatorRow,
  type OperatorTable,
  type Rule,
  type Shape,
} from './rule.ts';
import { windowOf, type WindowAxis } from './window.ts';

const pairwise: Rule = (node, [a, b]) => ({
  type: accumulated(a.type, b.type),
  shape: broadcast(node, a.shape, b.shape),
});

const same: Rule = (_, [{ type, shape }]) => ({ type, shape });

const floating: Rule = (node, [x]) => {
  if (!isFloat(x.type)) throw fail(node, `${x.name} is ${x.type}, the operator takes floats only`);
  return { type: x.type, shape: x.shape };
};

/** The axes of a reduction and whether they stay as dimensions of 1; without axes it is over all of them. */
export function reduction(
  node: Node,
  shape: Shape,
  axes: Tensor | undefined,
): { axes: readonly number[]; keep: boolean } {
  const stated = listOf(node, 'axes', axes);
  const rank = shape.length;
  const none = numberAttribute(node, 'noop_with_empty_axes', 0) !== 0;
  const along =
    stated && (stated.length > 0 || none)
      ? axesOf(node, stated, rank)
      : none
        ? []
        : Array.from({ length: rank }, (_, i) => i);
  return { axes: along, keep: numberAttribute(node, 'keepdims', 1) !== 0 };
}

/** The shape a reduction leaves. */
export function reducedShape(node: Node, shape: Shape, axes: Tensor | undefined): Shape {
  const { axes: along, keep } = reduction(node, shape, axes);
  const gone = new Set(along);
  return keep ? shape.map((d, i) => (gone.has(i) ? 1 : d)) : shape.filter((_, i) => !gone.has(i));
}

/** A mean keeps the type; a sum of integers is int32. */
const reduce =
  (sum: boolean): Rule =>
  (node, [x, axes]) => ({
    type: sum ? accumulated(x.type, x.type) : x.type,
    shape: reducedShape(node, x.shape, axes),
  });

/** The window of a pooling over x [N, C, …]; everywhere it holds at least one element that is no padding. */
export function poolWindow(node: Node, x: Pick<Tensor, 'name' | 'shape'>): readonly WindowAxis[] {
  requireRank(node, x, 3);
  const window = windowOf(node, x.shape.slice(2), integersAttribute(node, 'kernel_shape', []));
  for (const { kernel, dilation, before, after } of window) {
    if (dilation > 1 && before + after > 0)
      throw fail(node, 'has both pads and dilations, which is not supported');
    if (Math.max(before, after) >= kernel) {
      throw fail(node, `pads ${before} and ${after} elements for a window of ${kernel}`);
    }
  }
  return window;
}

const pool: Rule = (node, [x]) => ({
  type: x.type,
  shape: [...x.shape.slice(0, 2), ...poolWindow(node, x).map((axis) => axis.output)],
});

const globalPool: Rule = (node, [x]) => {
  requireRank(node, x, 3);
  if (x.shape.slice(2).includes(0))
    throw fail(node, `${x.name} of shape ${text(x.shape)} has no elements to pool`);
  return { type: x.type, shape: x.shape.map((d, i) => (i < 2 ? d : 1)) };
};

/** Results beyond the type of x are possible: -(-128) is 128. */
const signed: Rule = (_, [x]) => ({ type: accumulated(x.type, x.type), shape: x.shape });

/** The larger or smaller of two: a type that holds both. */
const widest: Rule = (node, [a, b]) => ({
  type: a.type === b.type ? a.type : accumulated(a.type, b.type),
  shape: broadcast(node, a.shape, b.shape),
});

const clip: Rule = (node, [x, low, high]) => {
  requireSingle(node, [low, high]);
  return { type: x.type, shape: x.shape };
};

const cast: Rule = (node, [x]) => {
  const code = numberAttribute(node, 'to');
  const type = (Object.keys(DATA_TYPE) as ElementType[]).find((name) => DATA_TYPE[name] === code);
  if (!type) throw fail(node, `casts to element type ${code}, which is not supported`);
  return { type, shape: x.shape };
};

const layerNormalization: Rule = (node, [x, scale, bias]) => {
  const axis = axisOf(node, numberAttribute(node, 'axis', -1), x.shape.length);
  for (const parameter of [scale, bias]) {
    if (parameter) requireBroadcast(node, parameter, x.shape.slice(axis));
  }
  return floating(node, [x]);
};

const softmax: Rule = (node, [x]) => {
  const rank = x.shape.length;
  const axis = axisOf(node, numberAttribute(node, 'axis', -1), rank);
  if (axis !== rank - 1) throw fail(node, `is over axis ${axis} of ${text(x.shape)}, supported is the last`);
  return floating(node, [x]);
};

/** The axis along which scales and zero points may differ; it only matters where they do. */
function requireGrain(node: Node, x: Tensor, parameters: readonly (Tensor | undefined)[]): void {
  if (parameters.every((parameter) => !parameter || elements(parameter.shape) === 1)) return;
  const axis = axisOf(node, numberAttribute(node, 'axis', 1), x.shape.length);
  requireEach(node, parameters, x.shape[axis], `entries along axis ${axis}`);
}

const quantizeLinear: Rule = (node, [x, scale, zeroPoint]) => {
  requireGrain(node, x, [scale, zeroPoint]);
  return { type: zeroPoint?.type ?? 'uint8', shape: x.shape };
};

const dequantizeLinear: Rule = (node, [x, scale, zeroPoint]) => {
  if (isFloat(x.type)) throw fail(node, `${x.name} is ${x.type} already`);
  requireGrain(node, x, [scale, zeroPoint]);
  return { type: 'float32', shape: x.shape };
};

/** QLinearAdd and QLinearMul: (a, scale, zero point) twice, then scale and zero point of the result. */
const qLinearPair: Rule = (node, [a, sa, za, b, sb, zb, sy, zy]) => {
  requireSingle(node, [sa, za, sb, zb, sy, zy]);
  return { type: zy?.type ?? a.type, shape: broadcast(node, a.shape, b.shape) };
};

/** (x, scale, zero point, scale and zero point of the result). */
const qLinearPool =
  (shape: (node: Node, x: Tensor) => Shape): Rule =>
  (node, [x, sx, zx, sy, zeroPoint]) => {
    requireSingle(node, [sx, zx, sy, zeroPoint]);
    if (numberAttribute(node, 'channels_last', 0) !== 0) throw fail(node, 'channels_last is not supported');
    return { type: zeroPoint?.type ?? x.type, shape: shape(node, x) };
  };

const shapeBy =
  (rule: Rule) =>
  (node: Node, x: Tensor): Shape =>
    (rule(node, [x]) as Described).shape;

/** Functions of one real number, by name. */
const REAL = ['Erf', 'Exp', 'Log', 'Reciprocal', 'Sigmoid', 'Sqrt', 'Tanh'] as const;

/** y = (x - mean) / √(variance + epsilon) · scale + bias for each channel. */
const batchNormalization: Rule = (node, [x, ...parameters]) => {
  requireRank(node, x, 2);
  if (numberAttribute(node, 'training_mode', 0) !== 0) throw fail(node, 'is in training mode');
  for (const { name, shape } of parameters) {
    if (text(shape) !== `[${x.shape[1]}]`) {
      throw fail(node, `${name} of shape ${text(shape)} is not one value for each of ${x.shape[1]} channels`);
    }
  }
  return floating(node, [x]);
};

/** Real numbers only, two of them. */
const realPair: Rule = (node, [a, b]) => ({
  type: (floating(node, [a]) as Described).type,
  shape: broadcast(node, a.shape, b.shape),
});

export const ELEMENTWISE_SHAPES: OperatorTable = {
  ...Object.fromEntries(
    REAL.map((name): [string, OperatorRow] => [
      name,
      { set: 'ONNX', inputs: [1, 1], ...(name === 'Erf' ? { since: 9 } : {}), rule: floating },
    ]),
  ),
  Abs: { set: 'ONNX', inputs: [1, 1], rule: signed },
  BatchNormalization: { set: 'ONNX', inputs: [5, 5], rule: batchNormalization },
  Max: { set: 'ONNX', inputs: [2, 2], rule: widest },
  Min: { set: 'ONNX', inputs: [2, 2], rule: widest },
  Neg: { set: 'ONNX', inputs: [1, 1], rule: signed },
  Pow: { set: 'ONNX', inputs: [2, 2], rule: realPair },
  Add: { set: 'ONNX', inputs: [2, 2], rule: pairwise },
  AveragePool: { set: 'ONNX', inputs: [1, 1], rule: pool },
  Cast: { set: 'ONNX', inputs: [1, 1], rule: cast },
  Clip: { set: 'ONNX', inputs: [1, 3], rule: clip },
  DequantizeLinear: { set: 'ONNX', scales: true, inputs: [2, 3], since: 10, rule: dequantizeLinear },
  Div: { set: 'ONNX', inputs: [2, 2], rule: pairwise },
  Gelu: { set: 'com.microsoft', inputs: [1, 1], rule: floating },
  GlobalAveragePool: { set: 'ONNX', inputs: [1, 1], rule: globalPool },
  GlobalMaxPool: { set: 'ONNX', inputs: [1, 1], rule: globalPool },
  LayerNormalization: { set: 'ONNX', inputs: [2, 3], since: 17, rule: layerNormalization },
  MaxPool: { set: 'ONNX', inputs: [1, 1], rule: pool },
  Mul: { set: 'ONNX', inputs: [2, 2], rule: pairwise },
  QLinearAdd: { set: 'com.microsoft', scales: true, inputs: [7, 8], gaps: [2, 5], rule: qLinearPair },
  QLinearAveragePool: {
    set: 'com.microsoft',
    scales: true,
    inputs: [4, 5],
    gaps: [2],
    rule: qLinearPool(shapeBy(pool)),
  },
  QLinearGlobalAveragePool: {
    set: 'com.microsoft',
    scales: true,
    inputs: [5, 5],
    gaps: [2],
    rule: qLinearPool(shapeBy(globalPool)),
  },
  QLinearMul: { set: 'com.microsoft', scales: true, inputs: [7, 8], gaps: [2, 5], rule: qLinearPair },
  QuantizeLinear: { set: 'ONNX', scales: true, inputs: [2, 3], since: 10, rule: quantizeLinear },
  ReduceMean: { set: 'ONNX', inputs: [1, 2], rule: reduce(false) },
  ReduceSum: { set: 'ONNX', inputs: [1, 2], rule: reduce(true) },
  Relu: { set: 'ONNX', inputs: [1, 1], rule: same },
  Softmax: { set: 'ONNX', inputs: [1, 1], rule: softmax },
  Sub: { set: 'ONNX', inputs: [2, 2], rule: pairwise },
};
