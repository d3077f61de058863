/** The invariants of a graph as a table of predicates; later stages append rows of their own. */
import { DeployError } from '../../errors.ts';
import { ARRAY } from './elements.ts';
import { elements, type Graph } from './graph.ts';

/** One invariant. `violations` yields what breaks it, each a clause that names the thing. */
export interface Invariant {
  readonly name: string;
  violations(graph: Graph): Iterable<string>;
}

const invariant = (name: string, violations: (graph: Graph) => Iterable<string>): Invariant => ({
  name,
  violations,
});

const constantsOf = (graph: Graph): string[] =>
  [...graph.tensors.values()].filter((t) => t.data).map((t) => t.name);

/** What holds for every graph, from the importer to the last stage. */
export const GRAPH_INVARIANTS: readonly Invariant[] = [
  invariant('tensors are filed under their own names', function* (graph) {
    for (const [key, tensor] of graph.tensors)
      if (key !== tensor.name) yield `${tensor.name} is filed as ${key}`;
  }),
  invariant('node names are unique and not empty', function* (graph) {
    const seen = new Set<string>();
    for (const { name, op } of graph.nodes) {
      if (name === '') yield `a node of operator ${op} has no name`;
      else if (seen.has(name)) yield `two nodes are named ${name}`;
      seen.add(name);
    }
  }),
  invariant(
    'constants have as many elements as their shape says, in the array of their type',
    function* (graph) {
      for (const { name, type, shape, data } of graph.tensors.values()) {
        if (!data) continue;
        if (data.length !== elements(shape)) {
          yield `${name} has ${data.length} elements for the shape [${shape.join(', ')}]`;
        }
        if (!(data instanceof ARRAY[type])) yield `${name} is ${type} but held in a ${data.constructor.name}`;
      }
    },
  ),
  invariant(
    'each tensor has one producer, and nodes come after the producers of their inputs',
    function* (graph) {
      const ready = new Set([...graph.inputs, ...constantsOf(graph)]);
      for (const node of graph.nodes) {
        for (const input of node.inputs) {
          if (input !== '' && !ready.has(input))
            yield `${node.name} reads ${input} before anything produces it`;
        }
        for (const output of node.outputs) {
          if (output === '') continue;
          if (ready.has(output)) yield `${node.name} produces ${output}, which exists already`;
          ready.add(output);
        }
      }
      for (const output of graph.outputs)
        if (!ready.has(output)) yield `nothing produces the graph output ${output}`;
    },
  ),
  invariant('graph inputs and outputs are described', function* (graph) {
    for (const name of [...graph.inputs, ...graph.outputs]) {
      if (!graph.tensors.has(name)) yield `${name} has no type and shape`;
    }
  }),
];

/** What shape inference adds: every tensor that flows has a type and a static shape. */
export const SHAPED_INVARIANTS: readonly Invariant[] = [
  ...GRAPH_INVARIANTS,
  invariant('every tensor has a type and a static shape', function* (graph) {
    for (const node of graph.nodes) {
      for (const name of node.outputs) {
        if (name === '') continue;
        const tensor = graph.tensors.get(name);
        if (!tensor) yield `${name}, an output of ${node.name}, has no type and shape`;
        else if (!tensor.shape.every((d) => Number.isInteger(d) && d >= 0)) {
          yield `${name} has the shape [${tensor.shape.join(', ')}]`;
        }
      }
    }
  }),
];

/**
 * Returns the graph when every invariant holds.
 * @throws DeployError naming the graph, the first broken invariant and what breaks it
 */
export function check(graph: Graph, invariants: readonly Invariant[] = SHAPED_INVARIANTS): Graph {
  for (const invariant of invariants) {
    for (const violation of invariant.violations(graph)) {
      throw new DeployError(`graph ${graph.name}: ${violation} (required: ${invariant.name})`);
    }
  }
  return graph;
}
