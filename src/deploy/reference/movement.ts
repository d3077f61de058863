/** Operators that move elements and compute nothing (onnx.ai, operator reference); both runs share them. */
import { DeployError } from '../../errors.ts';
import { integersAttribute, numberAttribute } from '../graph/attributes.ts';
import { elements, type Node, type Tensor } from '../graph/graph.ts';
import { axisOf, broadcast, constantIntegers, listOf } from '../graph/rule.ts';
import {
  concatType,
  flattened,
  padding,
  reshaped,
  shapeValues,
  sliceRanges,
  splitSizes,
  squeezed,
  unsqueezed,
} from '../graph/shapes-movement.ts';
import {
  allocate,
  asTensors,
  broadcastTo,
  gatherStrided,
  strides,
  valueOf,
  type Operator,
  type Value,
} from './value.ts';

const transpose: Operator = (node, [x]) => {
  const perm = integersAttribute(
    node,
    'perm',
    x.shape.map((_, i) => x.shape.length - 1 - i),
  );
  const step = strides(x.shape);
  return gatherStrided(
    x,
    perm.map((p) => x.shape[p]),
    0,
    perm.map((p) => step[p]),
  );
};

const slice: Operator = (node, inputs) => {
  const [x] = inputs;
  const shape = [...x.shape];
  const step = strides(x.shape);
  let start = 0;
  for (const range of sliceRanges(node, asTensors(inputs))) {
    start += range.start * step[range.axis];
    step[range.axis] *= range.step;
    shape[range.axis] = range.length;
  }
  return gatherStrided(x, shape, start, step);
};

const concat: Operator = (node, inputs) => {
  const [first] = inputs;
  const axis = axisOf(node, numberAttribute(node, 'axis'), first.shape.length);
  const joined = inputs.reduce((n, v) => n + v.shape[axis], 0);
  const shape = first.shape.map((d, i) => (i === axis ? joined : d));
  const type = concatType(inputs.map((v) => v.type));
  const data = allocate(type, elements(shape));
  const outer = data.length === 0 ? 0 : elements(shape.slice(0, axis));
  let to = 0;
  for (let o = 0; o < outer; o++) {
    for (const { data: part, shape: partShape } of inputs) {
      const run = elements(partShape.slice(axis));
      data.set(part.subarray(o * run, (o + 1) * run), to);
      to += run;
    }
  }
  return { type, shape, data };
};

const gather: Operator = (node, [table, indices]) => {
  const axis = axisOf(node, numberAttribute(node, 'axis', 0), table.shape.length);
  const size = table.shape[axis];
  const run = elements(table.shape.slice(axis + 1));
  const shape = [...table.shape.slice(0, axis), ...indices.shape, ...table.shape.slice(axis + 1)];
  const data = allocate(table.type, elements(shape));
  const outer = data.length === 0 ? 0 : elements(table.shape.slice(0, axis));
  let to = 0;
  for (let o = 0; o < outer; o++) {
    for (const index of indices.data) {
      const at = index < 0 ? index + size : index;
      if (!Number.isInteger(at) || at < 0 || at >= size) {
        throw new DeployError(
          `node ${node.name} (Gather): index ${index} lies outside the ${size} entries of its table`,
        );
      }
      const from = (o * size + at) * run;
      data.set(table.data.subarray(from, from + run), to);
      to += run;
    }
  }
  return { type: table.type, shape, data };
};

/** The same elements in another shape. */
const shaped =
  (shape: (node: Node, x: Value, tensors: readonly Tensor[]) => readonly number[]): Operator =>
  (node, inputs) => ({ ...inputs[0], shape: shape(node, inputs[0], asTensors(inputs)) });

const pad: Operator = (node, inputs) => {
  const [x, , fill] = inputs;
  const pads = padding(node, asTensors(inputs));
  const shape = x.shape.map((d, i) => d + pads[i][0] + pads[i][1]);
  const data = allocate(x.type, elements(shape));
  data.fill(fill ? fill.data[0] : numberAttribute(node, 'value', 0));
  if (x.data.length === 0) return { type: x.type, shape, data };
  const to = strides(shape);
  const from = strides(x.shape);
  const walk = (axis: number, source: number, target: number): void => {
    if (axis === shape.length) {
      data[target] = x.data[source];
      return;
    }
    const [before] = pads[axis];
    // Negative padding cuts elements off.
    const last = Math.min(x.shape[axis], shape[axis] - before);
    for (let i = Math.max(0, -before); i < last; i++) {
      walk(axis + 1, source + i * from[axis], target + (i + before) * to[axis]);
    }
  };
  walk(0, 0, 0);
  return { type: x.type, shape, data };
};

const constantOfShape: Operator = (node, [shape]) => {
  const { value } = node.attributes;
  const stated =
    typeof value === 'object' && 'shape' in value && value.data
      ? valueOf({ ...value, data: value.data })
      : undefined;
  const type = stated?.type ?? 'float32';
  const data = allocate(type, elements([...shape.data]));
  data.fill(stated?.data[0] ?? 0);
  return { type, shape: [...shape.data], data };
};

const shapeOf: Operator = (node, [x]) => {
  const values = shapeValues(node, x.shape);
  return { type: 'float64', shape: [values.length], data: Float64Array.from(values) };
};

/** Split, the one operator with several outputs. */
export function split(node: Node, inputs: readonly Value[]): Value[] {
  const [x] = inputs;
  const { axis, sizes } = splitSizes(node, asTensors(inputs));
  const step = strides(x.shape);
  let first = 0;
  return sizes.map((size) => {
    const shape = x.shape.map((d, i) => (i === axis ? size : d));
    const part = gatherStrided(x, shape, first * step[axis], step);
    first += size;
    return part;
  });
}

/** Operators that move elements and compute nothing. */
export const MOVEMENT: Readonly<Record<string, Operator>> = {
  Concat: concat,
  ConstantOfShape: constantOfShape,
  Expand: (node, [x, shape]) => broadcastTo(x, broadcast(node, x.shape, [...shape.data])),
  Flatten: shaped((node, x) => flattened(node, x.shape)),
  Gather: gather,
  Identity: (_, [x]) => x,
  Pad: pad,
  Reshape: shaped((node, x, [, shape]) => reshaped(node, x.shape, constantIntegers(node, shape, 'shape'))),
  Shape: shapeOf,
  Slice: slice,
  Squeeze: shaped((node, x, [, axes]) => squeezed(node, x.shape, listOf(node, 'axes', axes))),
  Transpose: transpose,
  Unsqueeze: shaped((node, x, [, axes]) => unsqueezed(node, x.shape, listOf(node, 'axes', axes))),
};
