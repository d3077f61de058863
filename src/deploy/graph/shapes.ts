/**
 * Type and shape inference for the operators of the flow, all shapes static. Standard operators follow the ONNX
 * operator reference, the others the PULP integer dialect. Where a file stores integers as float32, the inferred
 * type stays float32.
 */
import { DeployError } from '../../errors.ts';
import { integersAttribute, numberAttribute } from './attributes.ts';
import { isFloat, numeric } from './elements.ts';
import { elements, type ElementType, type Graph, type Node, type Tensor } from './graph.ts';

type Shape = readonly number[];
type Described = Pick<Tensor, 'type' | 'shape'>;
/** From a node and its inputs (omitted optional ones are undefined) to its single output. */
type Rule = (node: Node, inputs: readonly Tensor[]) => Described;

const text = (shape: Shape): string => `[${shape.join(', ')}]`;

const fail = (node: Node, reason: string): DeployError =>
  new DeployError(`node ${node.name} (${node.op}): ${reason}`);

/** The type of an integer operator's result; values carried in floats stay in floats. */
const integerResult = (input: ElementType, result: ElementType): ElementType =>
  isFloat(input) ? input : result;

/** The shape both operands stretch to (ONNX "Broadcasting"). */
function broadcast(node: Node, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw fail(node, `shapes ${text(a)} and ${text(b)} do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** `axis` counted from the front; negative values count from the back. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw fail(node, `axis ${axis} lies outside the ${rank} dimensions`);
  return at;
}

/** The values of an input that must be known before the network runs. */
export function constantIntegers(node: Node, tensor: Tensor | undefined, role: string): number[] {
  if (!tensor?.data) throw fail(node, `its ${role} must be a constant`);
  return [...numeric(tensor.data)];
}

/** One sliced axis: elements `start, start + step, …`, `length` of them. */
export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** The ranges of a Slice node (ONNX Slice-13: inputs data, starts, ends, axes, steps), clamped as ONNX clamps them. */
export function sliceRanges(node: Node, inputs: readonly Tensor[]): SliceRange[] {
  const [data, starts, ends, axes, steps] = inputs;
  const from = constantIntegers(node, starts, 'starts');
  const to = constantIntegers(node, ends, 'ends');
  const along = axes ? constantIntegers(node, axes, 'axes') : from.map((_, i) => i);
  const by = steps ? constantIntegers(node, steps, 'steps') : from.map(() => 1);
  if (new Set([from.length, to.length, along.length, by.length]).size !== 1) {
    throw fail(node, 'starts, ends, axes and steps differ in length');
  }
  return from.map((first, i) => {
    const axis = axisOf(node, along[i], data.shape.length);
    const size = data.shape[axis];
    const step = by[i];
    if (step === 0) throw fail(node, 'a step of 0');
    const clamp = (x: number, low: number, high: number): number =>
      Math.min(Math.max(x < 0 ? x + size : x, low), high);
    const start = step > 0 ? clamp(first, 0, size) : clamp(first, 0, size - 1);
    const end = step > 0 ? clamp(to[i], 0, size) : clamp(to[i], -1, size - 1);
    return { axis, start, step, length: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

function matMul(node: Node, [a, b]: readonly Tensor[]): Described {
  if (a.shape.length < 2 || b.shape.length < 2) throw fail(node, 'operands need at least two dimensions');
  const [rows, inner] = a.shape.slice(-2);
  const [innerB, columns] = b.shape.slice(-2);
  if (inner !== innerB)
    throw fail(node, `${text(a.shape)} times ${text(b.shape)}: inner sizes ${inner} and ${innerB} differ`);
  const batch = broadcast(node, a.shape.slice(0, -2), b.shape.slice(0, -2));
  return { type: integerResult(a.type, 'int32'), shape: [...batch, rows, columns] };
}

function reshape(node: Node, [data, shape]: readonly Tensor[]): Described {
  const wanted = constantIntegers(node, shape, 'shape').map((d, i) => (d === 0 ? data.shape[i] : d));
  const known = wanted.filter((d) => d !== -1).reduce((n, d) => n * d, 1);
  const result = wanted.map((d) => (d === -1 ? elements(data.shape) / known : d));
  if (elements(result) !== elements(data.shape) || !result.every((d) => Number.isInteger(d) && d >= 0)) {
    throw fail(node, `${text(data.shape)} does not reshape to ${text(wanted)}`);
  }
  return { type: data.type, shape: result };
}

function transpose(node: Node, [data]: readonly Tensor[]): Described {
  const reversed = data.shape.map((_, i) => data.shape.length - 1 - i);
  const perm = integersAttribute(node, 'perm', reversed);
  if ([...perm].sort((a, b) => a - b).some((p, i) => p !== i) || perm.length !== data.shape.length) {
    throw fail(node, `perm ${text(perm)} is no permutation of the ${data.shape.length} dimensions`);
  }
  return { type: data.type, shape: perm.map((p) => data.shape[p]) };
}

function concat(node: Node, inputs: readonly Tensor[]): Described {
  const [first] = inputs;
  const axis = axisOf(node, numberAttribute(node, 'axis'), first.shape.length);
  for (const { name, type, shape } of inputs) {
    const fits =
      shape.length === first.shape.length && shape.every((d, i) => i === axis || d === first.shape[i]);
    if (!fits)
      throw fail(
        node,
        `${name} of shape ${text(shape)} does not join ${text(first.shape)} along axis ${axis}`,
      );
    if (type !== first.type) throw fail(node, `${name} is ${type}, the inputs before it are ${first.type}`);
  }
  const joined = inputs.reduce((n, t) => n + t.shape[axis], 0);
  return { type: first.type, shape: first.shape.map((d, i) => (i === axis ? joined : d)) };
}

function iNoNorm(node: Node, [x, weight, bias]: readonly Tensor[]): Described {
  for (const parameter of [weight, bias]) {
    if (text(broadcast(node, x.shape, parameter.shape)) !== text(x.shape)) {
      throw fail(
        node,
        `${parameter.name} of shape ${text(parameter.shape)} does not broadcast to ${text(x.shape)}`,
      );
    }
  }
  return { type: integerResult(x.type, 'int8'), shape: x.shape };
}

const RULES: Readonly<
  Record<string, { readonly inputs: readonly [least: number, most: number]; readonly rule: Rule }>
> = {
  Add: {
    inputs: [2, 2],
    rule: (node, [a, b]) => ({
      type: integerResult(a.type, 'int32'),
      shape: broadcast(node, a.shape, b.shape),
    }),
  },
  Concat: { inputs: [1, Infinity], rule: concat },
  Gather: {
    inputs: [2, 2],
    rule: (node, [data, indices]) => {
      const axis = axisOf(node, numberAttribute(node, 'axis', 0), data.shape.length);
      return {
        type: data.type,
        shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)],
      };
    },
  },
  ITAPartialMax: {
    inputs: [1, 1],
    rule: (_, [x]) => ({ type: integerResult(x.type, 'uint8'), shape: x.shape }),
  },
  MatMul: { inputs: [2, 2], rule: matMul },
  Relu: { inputs: [1, 1], rule: (_, [x]) => x },
  RequantShift: {
    inputs: [3, 3],
    rule: (node, [x]) => ({
      type: integerResult(x.type, numberAttribute(node, 'signed', 1) === 0 ? 'uint8' : 'int8'),
      shape: x.shape,
    }),
  },
  Reshape: { inputs: [2, 2], rule: reshape },
  Slice: {
    inputs: [3, 5],
    rule: (node, inputs) => {
      const shape = [...inputs[0].shape];
      for (const { axis, length } of sliceRanges(node, inputs)) shape[axis] = length;
      return { type: inputs[0].type, shape };
    },
  },
  Transpose: { inputs: [1, 1], rule: transpose },
  iNoNorm: { inputs: [3, 3], rule: iNoNorm },
};

/**
 * The type and shape of a node's output.
 * @throws DeployError naming the node when the operator is unsupported or its inputs do not fit it
 */
export function inferNode(node: Node, tensors: ReadonlyMap<string, Tensor>): Tensor {
  const known = RULES[node.op];
  if (!known) {
    const domain = node.domain === '' ? '' : ` of domain ${node.domain}`;
    throw new DeployError(
      `node ${node.name}: operator ${node.op}${domain} is not supported; supported are ${Object.keys(RULES).join(', ')}`,
    );
  }
  const [least, most] = known.inputs;
  if (node.inputs.length < least || node.inputs.length > most || node.inputs.slice(0, least).includes('')) {
    throw fail(
      node,
      `has ${node.inputs.length} inputs, expected ${least === most ? least : `${least} to ${most}`}`,
    );
  }
  if (node.outputs.length !== 1) throw fail(node, `has ${node.outputs.length} outputs, expected 1`);
  const inputs = node.inputs.map((name) => {
    const tensor = tensors.get(name);
    if (!tensor && name !== '') throw fail(node, `its input ${name} has no type and shape`);
    return tensor;
  });
  const { type, shape } = known.rule(node, inputs as Tensor[]);
  return { name: node.outputs[0], type, shape };
}

/**
 * Completes the graph with the type and shape of every tensor.
 * @throws DeployError when a node is unsupported, or a shape the file declares disagrees with the inferred one
 */
export function inferShapes(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  for (const node of graph.nodes) {
    const inferred = inferNode(node, tensors);
    const declared = tensors.get(inferred.name);
    if (declared && text(declared.shape) !== text(inferred.shape)) {
      throw fail(
        node,
        `produces ${text(inferred.shape)}, but ${inferred.name} is declared as ${text(declared.shape)}`,
      );
    }
    tensors.set(inferred.name, inferred);
  }
  return { ...graph, tensors };
}
