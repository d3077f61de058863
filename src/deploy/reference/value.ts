/** Values of the references and the operators that only move them: both the integer and the float run share these. */
import { DeployError } from '../../errors.ts';
import { integersAttribute, numberAttribute } from '../graph/attributes.ts';
import { ARRAY, numeric, type NumericData } from '../graph/elements.ts';
import { elements, type ElementType, type Node, type Tensor } from '../graph/graph.ts';
import { axisOf, sliceRanges } from '../graph/shapes.ts';

/** A tensor with its elements as numbers. */
export interface Value {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: NumericData;
}

/** Computes the output of a node from its inputs; omitted optional inputs are undefined. */
export type Operator = (node: Node, inputs: readonly Value[]) => Value;

export const valueOf = ({ type, shape, data }: Required<Pick<Tensor, 'type' | 'shape' | 'data'>>): Value => ({
  type: type === 'int64' ? 'float64' : type,
  shape,
  data: numeric(data),
});

/** A zeroed array for `count` elements of a type; int64 values are computed as float64. */
export const allocate = (type: ElementType, count: number): NumericData =>
  type === 'int64' ? new Float64Array(count) : (new ARRAY[type](count) as NumericData);

/** Elements between neighbours along each axis of a row-major shape. */
export const strides = (shape: readonly number[]): number[] =>
  shape.map((_, i) => elements(shape.slice(i + 1)));

/** A copy with element (i0, i1, …) of `shape` taken from `start + Σ in · step[n]` of the source. */
function gatherStrided(
  source: Value,
  shape: readonly number[],
  start: number,
  step: readonly number[],
): Value {
  const data = allocate(source.type, elements(shape));
  let to = 0;
  const walk = (axis: number, from: number): void => {
    if (axis === shape.length) {
      data[to++] = source.data[from];
      return;
    }
    for (let i = 0; i < shape[axis]; i++) walk(axis + 1, from + i * step[axis]);
  };
  walk(0, start);
  return { type: source.type, shape, data };
}

/** Broadcasts a value to `shape` (ONNX "Broadcasting"). */
export function broadcastTo(value: Value, shape: readonly number[]): Value {
  if (value.shape.length === shape.length && value.shape.every((d, i) => d === shape[i])) return value;
  const missing = shape.length - value.shape.length;
  const own = strides(value.shape);
  const step = shape.map((_, i) => (i < missing || value.shape[i - missing] === 1 ? 0 : own[i - missing]));
  return gatherStrided(value, shape, 0, step);
}

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
  const described = inputs.map((v) => v && { name: '', ...v });
  const shape = [...x.shape];
  const step = strides(x.shape);
  let start = 0;
  for (const range of sliceRanges(node, described)) {
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
  const data = allocate(first.type, elements(shape));
  const outer = elements(shape.slice(0, axis));
  let to = 0;
  for (let o = 0; o < outer; o++) {
    for (const { data: part, shape: partShape } of inputs) {
      const run = elements(partShape.slice(axis));
      data.set(part.subarray(o * run, (o + 1) * run), to);
      to += run;
    }
  }
  return { type: first.type, shape, data };
};

const gather: Operator = (node, [table, indices]) => {
  const axis = axisOf(node, numberAttribute(node, 'axis', 0), table.shape.length);
  const size = table.shape[axis];
  const run = elements(table.shape.slice(axis + 1));
  const outer = elements(table.shape.slice(0, axis));
  const shape = [...table.shape.slice(0, axis), ...indices.shape, ...table.shape.slice(axis + 1)];
  const data = allocate(table.type, elements(shape));
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

const reshape: Operator = (_, [x, wanted]) => {
  const dims = Array.from(wanted.data, (d, i) => (d === 0 ? x.shape[i] : d));
  const known = dims.filter((d) => d !== -1).reduce((n, d) => n * d, 1);
  return { ...x, shape: dims.map((d) => (d === -1 ? x.data.length / known : d)) };
};

/** Operators that move elements and compute nothing. */
export const MOVEMENT: Readonly<Record<string, Operator>> = {
  Concat: concat,
  Gather: gather,
  Reshape: reshape,
  Slice: slice,
  Transpose: transpose,
};
