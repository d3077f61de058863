/** Types and shapes of the operators that move elements and compute nothing (onnx.ai, operator reference). */
import { integersAttribute, numberAttribute, textAttribute } from './attributes.ts';
import { isFloat } from './elements.ts';
import { elements, type ElementType, type Node, type Tensor } from './graph.ts';
import {
  axesOf,
  axisOf,
  broadcast,
  constantIntegers,
  fail,
  listOf,
  text,
  type Described,
  type OperatorTable,
  type Rule,
  type Shape,
} from './rule.ts';

/** One sliced axis: elements `start, start + step, …`, `length` of them. */
export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/**
 * The ranges of a Slice node, clamped as ONNX clamps them: from the inputs starts, ends, axes and steps (Slice-10 and
 * later) or the attributes of the first three names (Slice-1).
 */
export function sliceRanges(node: Node, inputs: readonly Tensor[]): SliceRange[] {
  const [data, starts, ends, axes, steps] = inputs;
  const from = listOf(node, 'starts', starts);
  const to = listOf(node, 'ends', ends);
  if (!from || !to) throw fail(node, 'has no starts or no ends');
  const along = listOf(node, 'axes', axes) ?? from.map((_, i) => i);
  const by = steps ? constantIntegers(node, steps, 'steps') : from.map(() => 1);
  if (new Set([from.length, to.length, along.length, by.length]).size !== 1) {
    throw fail(node, 'starts, ends, axes and steps differ in length');
  }
  const at = axesOf(node, along, data.shape.length);
  return from.map((first, i) => {
    const size = data.shape[at[i]];
    const step = by[i];
    if (!Number.isInteger(step) || step === 0) throw fail(node, `a step of ${step}`);
    const clamp = (x: number, low: number, high: number): number =>
      Math.min(Math.max(x < 0 ? x + size : x, low), high);
    const start = step > 0 ? clamp(first, 0, size) : clamp(first, 0, size - 1);
    const end = step > 0 ? clamp(to[i], 0, size) : clamp(to[i], -1, size - 1);
    return { axis: at[i], start, step, length: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

/** The shape a Reshape gives: 0 keeps a dimension, one -1 takes what is left. */
export function reshaped(node: Node, data: Shape, shape: readonly number[]): Shape {
  const keeps = numberAttribute(node, 'allowzero', 0) === 0;
  const wanted = shape.map((d, i) => (d === 0 && keeps ? (data[i] ?? 0) : d));
  const known = wanted.filter((d) => d !== -1).reduce((n, d) => n * d, 1);
  const result = wanted.map((d) => (d === -1 ? elements(data) / known : d));
  if (elements(result) !== elements(data) || !result.every((d) => Number.isInteger(d) && d >= 0)) {
    throw fail(node, `${text(data)} does not reshape to ${text(wanted)}`);
  }
  return result;
}

/** The shape Flatten gives: the axes before `axis` in one dimension, the others in a second. */
export function flattened(node: Node, shape: Shape): Shape {
  const axis = numberAttribute(node, 'axis', 1);
  const at = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(at) || at < 0 || at > shape.length) {
    throw fail(node, `axis ${axis} lies outside the ${shape.length} dimensions`);
  }
  return [elements(shape.slice(0, at)), elements(shape.slice(at))];
}

/** The shape Squeeze gives. `axes` as the node states them; without them every dimension of 1 goes. */
export function squeezed(node: Node, shape: Shape, axes: readonly number[] | undefined): Shape {
  if (!axes) return shape.filter((d) => d !== 1);
  const gone = new Set(axesOf(node, axes, shape.length));
  for (const axis of gone) {
    if (shape[axis] !== 1) throw fail(node, `dimension ${axis} of ${text(shape)} is not 1`);
  }
  return shape.filter((_, i) => !gone.has(i));
}

/** The shape Unsqueeze gives: dimensions of 1 at `axes` of the result. */
export function unsqueezed(node: Node, shape: Shape, axes: readonly number[] | undefined): Shape {
  if (!axes) throw fail(node, 'names no axes');
  const added = new Set(axesOf(node, axes, shape.length + axes.length));
  const left = [...shape];
  return Array.from({ length: shape.length + added.size }, (_, i) =>
    added.has(i) ? 1 : (left.shift() as number),
  );
}

/** Elements added before and after each axis. Pads come as an input (Pad-11) or an attribute (Pad-2). */
export function padding(node: Node, inputs: readonly Tensor[]): readonly (readonly [number, number])[] {
  const [data, pads, , axes] = inputs;
  const rank = data.shape.length;
  const mode = textAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') throw fail(node, `mode ${mode} is not supported, expected constant`);
  const amounts = listOf(node, 'pads', pads);
  if (!amounts) throw fail(node, 'has no pads');
  const along = axes
    ? axesOf(node, constantIntegers(node, axes, 'axes'), rank)
    : Array.from({ length: rank }, (_, i) => i);
  if (amounts.length !== 2 * along.length) {
    throw fail(node, `has ${amounts.length} pads, expected two for each of ${along.length} axes`);
  }
  const result = Array.from({ length: rank }, (): readonly [number, number] => [0, 0]);
  along.forEach((axis, i) => {
    result[axis] = [amounts[i], amounts[along.length + i]];
  });
  return result;
}

/** Sizes of the parts of a Split along its axis. */
export function splitSizes(
  node: Node,
  inputs: readonly Tensor[],
): { axis: number; sizes: readonly number[] } {
  const [data, sizes] = inputs;
  const axis = axisOf(node, numberAttribute(node, 'axis', 0), data.shape.length);
  const whole = data.shape[axis];
  const count = node.outputs.length;
  const each = Math.ceil(whole / count);
  const parts =
    listOf(node, 'split', sizes) ??
    Array.from({ length: count }, (_, i) => (i < count - 1 ? each : whole - each * (count - 1)));
  const sum = parts.reduce((n, d) => n + d, 0);
  if (parts.length !== count || sum !== whole || parts.some((d) => !Number.isInteger(d) || d < 0)) {
    throw fail(node, `${whole} elements do not split into ${count} outputs of ${text(parts)}`);
  }
  return { axis, sizes: parts };
}

function transpose(node: Node, [data]: readonly Tensor[]): Described {
  const reversed = data.shape.map((_, i) => data.shape.length - 1 - i);
  const perm = integersAttribute(node, 'perm', reversed);
  if ([...perm].sort((a, b) => a - b).some((p, i) => p !== i) || perm.length !== data.shape.length) {
    throw fail(node, `perm ${text(perm)} is no permutation of the ${data.shape.length} dimensions`);
  }
  return { type: data.type, shape: perm.map((p) => data.shape[p]) };
}

/** The narrowest integer type that holds both; undefined for a float and an integer, or two floats of two kinds. */
function common(a: ElementType, b: ElementType): ElementType | undefined {
  if (a === b) return a;
  if (isFloat(a) || isFloat(b) || a === 'bool' || b === 'bool') return undefined;
  if (a === 'int64' || b === 'int64') return 'int64';
  if (a === 'int32' || b === 'int32') return 'int32';
  return 'int16';
}

/** The type of joined tensors; int64 counts among the floats that hold it in the references. */
export const concatType = (types: readonly ElementType[]): ElementType =>
  types.reduce((a, b) => common(a, b) ?? 'float64');

function concat(node: Node, inputs: readonly Tensor[]): Described {
  const [first] = inputs;
  const axis = axisOf(node, numberAttribute(node, 'axis'), first.shape.length);
  let { type } = first;
  for (const { name, type: own, shape } of inputs) {
    const fits =
      shape.length === first.shape.length && shape.every((d, i) => i === axis || d === first.shape[i]);
    if (!fits)
      throw fail(
        node,
        `${name} of shape ${text(shape)} does not join ${text(first.shape)} along axis ${axis}`,
      );
    const both = common(type, own);
    if (!both) throw fail(node, `${name} is ${own}, the inputs before it are ${type}`);
    type = both;
  }
  const joined = inputs.reduce((n, t) => n + t.shape[axis], 0);
  return { type, shape: first.shape.map((d, i) => (i === axis ? joined : d)) };
}

const gather: Rule = (node, [data, indices]) => {
  if (isFloat(indices.type))
    throw fail(node, `its indices ${indices.name} are ${indices.type}, not integers`);
  const axis = axisOf(node, numberAttribute(node, 'axis', 0), data.shape.length);
  return {
    type: data.type,
    shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)],
  };
};

const slice: Rule = (node, inputs) => {
  const shape = [...inputs[0].shape];
  for (const { axis, length } of sliceRanges(node, inputs)) shape[axis] = length;
  return { type: inputs[0].type, shape };
};

const pad: Rule = (node, inputs) => {
  const pads = padding(node, inputs);
  const shape = inputs[0].shape.map((d, i) => d + pads[i][0] + pads[i][1]);
  if (shape.some((d) => !Number.isInteger(d) || d < 0)) {
    throw fail(node, `pads ${text(pads.flat())} leave nothing of ${text(inputs[0].shape)}`);
  }
  return { type: inputs[0].type, shape };
};

const split: Rule = (node, inputs) => {
  const { axis, sizes } = splitSizes(node, inputs);
  const [{ type, shape }] = inputs;
  return sizes.map((size) => ({ type, shape: shape.map((d, i) => (i === axis ? size : d)) }));
};

/** The dimensions a Shape node gives: all, or those from `start` to `end` (Shape-15). */
export function shapeValues(node: Node, shape: Shape): Shape {
  return shape.slice(
    numberAttribute(node, 'start', 0),
    'end' in node.attributes ? numberAttribute(node, 'end') : undefined,
  );
}

const constantOfShape: Rule = (node, [shape]) => {
  const dims = constantIntegers(node, shape, 'shape');
  if (dims.some((d) => !Number.isInteger(d) || d < 0)) throw fail(node, `${text(dims)} is no shape`);
  const { value } = node.attributes;
  return { type: typeof value === 'object' && 'shape' in value ? value.type : 'float32', shape: dims };
};

const same: Rule = (_, [{ type, shape }]) => ({ type, shape });

export const MOVEMENT_SHAPES: OperatorTable = {
  Concat: { set: 'ONNX', inputs: [1, Infinity], rule: concat },
  ConstantOfShape: { set: 'ONNX', inputs: [1, 1], since: 9, rule: constantOfShape },
  Expand: {
    set: 'ONNX',
    inputs: [2, 2],
    since: 8,
    rule: (node, [x, shape]) => ({
      type: x.type,
      shape: broadcast(node, x.shape, constantIntegers(node, shape, 'shape')),
    }),
  },
  Flatten: {
    set: 'ONNX',
    inputs: [1, 1],
    rule: (node, [x]) => ({ type: x.type, shape: flattened(node, x.shape) }),
  },
  Gather: { set: 'ONNX', inputs: [2, 2], rule: gather },
  Identity: { set: 'ONNX', inputs: [1, 1], rule: same },
  Pad: { set: 'ONNX', inputs: [1, 4], rule: pad },
  Reshape: {
    set: 'ONNX',
    inputs: [2, 2],
    rule: (node, [x, shape]) => ({
      type: x.type,
      shape: reshaped(node, x.shape, constantIntegers(node, shape, 'shape')),
    }),
  },
  Shape: {
    set: 'ONNX',
    inputs: [1, 1],
    rule: (node, [x]) => ({ type: 'int64', shape: [shapeValues(node, x.shape).length] }),
  },
  Slice: { set: 'ONNX', inputs: [1, 5], rule: slice },
  Split: { set: 'ONNX', inputs: [1, 2], outputs: [1, Infinity], rule: split },
  Squeeze: {
    set: 'ONNX',
    inputs: [1, 2],
    rule: (node, [x, axes]) => ({ type: x.type, shape: squeezed(node, x.shape, listOf(node, 'axes', axes)) }),
  },
  Transpose: { set: 'ONNX', inputs: [1, 1], rule: transpose },
  Unsqueeze: {
    set: 'ONNX',
    inputs: [1, 2],
    rule: (node, [x, axes]) => ({
      type: x.type,
      shape: unsqueezed(node, x.shape, listOf(node, 'axes', axes)),
    }),
  },
};
