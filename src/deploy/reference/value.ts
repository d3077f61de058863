/** Values of the references: tensors whose elements are numbers, and how they stretch. */
import { ARRAY, numeric, type NumericData } from '../graph/elements.ts';
import { elements, type ElementType, type Node, type Tensor } from '../graph/graph.ts';

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
export function gatherStrided(
  source: Value,
  shape: readonly number[],
  start: number,
  step: readonly number[],
): Value {
  const data = allocate(source.type, elements(shape));
  if (data.length === 0) return { type: source.type, shape, data };
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

/** The common shape of two operands (ONNX "Broadcasting"). */
export function commonShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    return x === 1 ? (b[b.length - rank + i] ?? 1) : x;
  });
}

/** Broadcasts a value to `shape` (ONNX "Broadcasting"). */
export function broadcastTo(value: Value, shape: readonly number[]): Value {
  if (value.shape.length === shape.length && value.shape.every((d, i) => d === shape[i])) return value;
  const missing = shape.length - value.shape.length;
  const own = strides(value.shape);
  const step = shape.map((_, i) => (i < missing || value.shape[i - missing] === 1 ? 0 : own[i - missing]));
  return gatherStrided(value, shape, 0, step);
}

/** The values as constants, for the questions shape inference answers; omitted inputs stay undefined. */
export const asTensors = (inputs: readonly Value[]): Tensor[] =>
  inputs.map((value) => value && { name: '', ...value });
