/**
 * The independent integer reference: evaluates an unfused, untiled graph node by node. Deployed firmware is compared
 * with it element by element.
 */
import { DeployError, InputError } from '../../errors.ts';
import { ARRAY } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor, type TensorData } from '../graph/graph.ts';
import { INTEGER } from './arithmetic.ts';
import { MOVEMENT, valueOf, type Operator, type Value } from './value.ts';

/** Called with every tensor a node produces, in order of execution. */
export type Observer = (tensorName: string, data: TensorData) => void;

const OPERATORS: Readonly<Record<string, Operator>> = { ...MOVEMENT, ...INTEGER };

/**
 * Computes one node with the given operators.
 * @throws DeployError naming the node when its operator is not among them
 */
export function evaluateNode(
  node: Node,
  read: (name: string) => Value,
  operators: Readonly<Record<string, Operator>> = OPERATORS,
): Value {
  const operator = operators[node.op];
  if (!operator)
    throw new DeployError(`node ${node.name}: the reference does not know the operator ${node.op}`);
  // An omitted optional input has the empty name and arrives as undefined, as the operators expect.
  return operator(node, node.inputs.map((name) => (name === '' ? undefined : read(name))) as Value[]);
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
  return run(graph, readInputs(graph, inputs), OPERATORS, observe);
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
    const value = evaluateNode(node, read, operators);
    values.set(node.outputs[0], value);
    observe?.(node.outputs[0], value.data);
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
