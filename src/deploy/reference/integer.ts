/**
 * The independent integer reference: evaluates an unfused, untiled graph node by node. Deployed firmware is compared
 * with it element by element.
 */
import { DeployError, InputError } from '../../errors.ts';
import { ARRAY } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor, type TensorData } from '../graph/graph.ts';
import { CONVOLUTION } from './convolution.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { LINEAR } from './linear.ts';
import { MOVEMENT, split } from './movement.ts';
import { NORM } from './norm.ts';
import { OWN } from './own.ts';
import { POOL } from './pool.ts';
import { QUANTISED } from './quantised.ts';
import { REQUANT } from './requant.ts';
import { SOFTMAX } from './softmax.ts';
import { valueOf, type Operator, type Value } from './value.ts';

/** Called with every tensor a node produces, in order of execution. */
export type Observer = (tensorName: string, data: TensorData) => void;

/** Operators of one output, by name; Split, which has several, stands apart. */
export const REFERENCE: Readonly<Record<string, Operator>> = {
  ...MOVEMENT,
  ...LINEAR,
  ...CONVOLUTION,
  ...ELEMENTWISE,
  ...POOL,
  ...NORM,
  ...SOFTMAX,
  ...REQUANT,
  ...QUANTISED,
  ...OWN,
};

/**
 * Computes all outputs of one node with the given operators.
 * @throws DeployError naming the node when its operator is not among them
 */
export function evaluateOutputs(
  node: Node,
  read: (name: string) => Value,
  operators: Readonly<Record<string, Operator>> = REFERENCE,
): readonly Value[] {
  // An omitted optional input has the empty name and arrives as undefined, as the operators expect.
  const inputs = node.inputs
    .slice(0, node.inputs.findLastIndex((name) => name !== '') + 1)
    .map((name) => (name === '' ? undefined : read(name))) as Value[];
  if (node.op === 'Split') return split(node, inputs);
  if (!Object.hasOwn(operators, node.op))
    throw new DeployError(`node ${node.name}: the reference does not know the operator ${node.op}`);
  try {
    return [operators[node.op](node, inputs)];
  } catch (error) {
    // What the host says when an array is larger than it can give.
    if (!(error instanceof RangeError)) throw error;
    throw new DeployError(`node ${node.name} (${node.op}): is too large to evaluate: ${error.message}`);
  }
}

/** Like `evaluateOutputs` for a node of one output. */
export function evaluateNode(
  node: Node,
  read: (name: string) => Value,
  operators: Readonly<Record<string, Operator>> = REFERENCE,
): Value {
  return evaluateOutputs(node, read, operators)[0];
}

/**
 * Runs the network on one set of inputs.
 * @param inputs elements of every graph input, by name
 * @param observe sees every intermediate tensor, so that layers can be compared without keeping them all
 * @returns the graph outputs by name
 * @throws InputError when an input is missing or has another type or size than the graph says
 */
export function evaluate(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  observe?: Observer,
): Map<string, TensorData> {
  return run(graph, readInputs(graph, inputs), REFERENCE, observe);
}

/** Evaluates the graph and keeps the tensors of those names. */
export function evaluateNamed(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  names: ReadonlySet<string>,
): Map<string, TensorData> {
  const kept = new Map<string, TensorData>();
  evaluate(graph, inputs, (name, data) => {
    if (names.has(name)) kept.set(name, data);
  });
  return kept;
}

/** Runs the graph on `values`, dropping each intermediate after its last use. */
export function run(
  graph: Graph,
  values: Map<string, Value>,
  operators: Readonly<Record<string, Operator>>,
  observe?: Observer,
): Map<string, TensorData> {
  const constants = new Map<string, Value>();
  const read = (name: string): Value => {
    const value = values.get(name) ?? constants.get(name);
    if (value) return value;
    const constant = valueOf(graph.tensors.get(name) as Required<Tensor>);
    constants.set(name, constant);
    return constant;
  };
  const lastUse = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.inputs) lastUse.set(name, node);
  for (const node of graph.nodes) {
    evaluateOutputs(node, read, operators).forEach((value, i) => {
      if (node.outputs[i] === '') return;
      values.set(node.outputs[i], value);
      observe?.(node.outputs[i], value.data);
    });
    for (const name of node.inputs) {
      if (lastUse.get(name) === node && !graph.outputs.includes(name)) values.delete(name);
    }
  }
  return new Map(graph.outputs.map((name) => [name, read(name).data]));
}

/** The graph inputs as values, checked against the graph. */
export function readInputs(graph: Graph, inputs: ReadonlyMap<string, TensorData>): Map<string, Value> {
  return new Map(
    graph.inputs.map((name) => {
      const { type, shape } = graph.tensors.get(name) as Tensor;
      const data = inputs.get(name);
      if (!data) throw new InputError(`graph ${graph.name}: no data for its input ${name}`);
      if (!(data instanceof ARRAY[type]) || data.length !== elements(shape)) {
        throw new InputError(
          `graph ${graph.name}: input ${name} is a ${data.constructor.name} of ${data.length} elements, expected ${type} [${shape.join(', ')}]`,
        );
      }
      return [name, valueOf({ type, shape, data })];
    }),
  );
}
