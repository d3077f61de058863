/** The vocabulary of the integer operators: result types, clipping to levels, and parameters per channel. */
import { numberAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elements.ts';
import type { ElementType, Node } from '../graph/graph.ts';
import { channelShape } from '../graph/shapes-pulp.ts';
import { allocate, broadcastTo, type Value } from './value.ts';

/** Integers carried in floats stay there; others take the type of the operator's result. */
export const resultType = (input: ElementType, result: ElementType): ElementType =>
  isFloat(input) ? input : result;

/** The bounds of `levels` output levels. */
export function bounds(levels: number, signed: boolean): readonly [least: number, most: number] {
  return signed ? [-levels / 2, levels / 2 - 1] : [0, levels - 1];
}

/** Levels of a node's output; exporters write the attribute under either name. */
export const levelsOf = (node: Node): number =>
  numberAttribute(node, 'n_levels_out', numberAttribute(node, 'n_levels', 256));

export const clamp = (x: number, least: number, most: number): number => Math.min(Math.max(x, least), most);

/** A parameter for each element of `x`: one for all, one per channel, or any broadcast shape. */
export function perElement(x: Value, parameter: Value): (i: number) => number {
  const { data } = parameter;
  if (data.length === 1) return () => data[0];
  const shape = channelShape(x.shape, parameter.shape);
  const columns = x.shape[x.shape.length - 1];
  if (data.length === columns && shape[shape.length - 1] === columns) return (i) => data[i % columns];
  const spread = broadcastTo({ ...parameter, shape }, x.shape).data;
  return (i) => spread[i];
}

/** A value of the shape of `x` and of type `type`, element i computed by `at`. */
export function mapped(x: Value, type: ElementType, at: (x: number, i: number) => number): Value {
  const data = allocate(type, x.data.length);
  for (let i = 0; i < data.length; i++) data[i] = at(x.data[i], i);
  return { type, shape: x.shape, data };
}

/** A value of the shape of `x`, computed row by row along the last axis. */
export function mapRows(
  x: Value,
  type: ElementType,
  row: (from: Float64Array, to: Value['data']) => void,
): Value {
  const columns = x.shape[x.shape.length - 1];
  const data = allocate(type, x.data.length);
  for (let at = 0; at < data.length; at += columns) {
    row(Float64Array.from(x.data.subarray(at, at + columns)), data.subarray(at, at + columns));
  }
  return { type, shape: x.shape, data };
}
