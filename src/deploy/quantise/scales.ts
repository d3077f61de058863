/**
 * Chooses the scale of every tensor: range / 127, symmetric. Tensors that must be in the same units share one: what only
 * moves elements, what is concatenated, and the operands of an addition.
 */
import { numeric } from '../graph/elements.ts';
import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { largest, quantiseWeights } from './multiplier.ts';
import type { Statistics } from './statistics.ts';

/** Operators whose first input and outputs are in the same units. */
export const SAME_UNITS: ReadonlySet<string> = new Set([
  'AveragePool',
  'Clip',
  'Expand',
  'Flatten',
  'Gather',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Identity',
  'MaxPool',
  'Pad',
  'ReduceMean',
  'Relu',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

/** Attribute of an Add whose result is in the units of its operands. */
export const KEEPS_UNITS = 'octet_keeps_units';

/** The nodes that read a tensor; a graph output counts as read once more. */
export class Uses {
  readonly #readers = new Map<string, Node[]>();
  readonly #producers = new Map<string, Node>();
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const node of graph.nodes) {
      for (const name of new Set(node.inputs)) {
        this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
      }
      for (const name of node.outputs) this.#producers.set(name, node);
    }
  }

  readers(name: string): readonly Node[] {
    return this.#readers.get(name) ?? [];
  }

  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  /** The only node that reads the tensor; undefined when there are several or it is a graph output. */
  onlyReader(name: string): Node | undefined {
    const readers = this.readers(name);
    return readers.length === 1 && !this.#graph.outputs.includes(name) ? readers[0] : undefined;
  }
}

export const tensorOf = (graph: Graph, name: string): Tensor => {
  const tensor = graph.tensors.get(name);
  if (!tensor) throw new Error(`graph ${graph.name} has no tensor ${name}`);
  return tensor;
};

/** The one value of a constant of one element. */
export function scalarOf(graph: Graph, name: string): number | undefined {
  const { data } = tensorOf(graph, name);
  return data?.length === 1 ? numeric(data)[0] : undefined;
}

/** Whether a constant holds one value for each entry of the last axis of `shape`, and nothing else. */
export function isColumnVector(graph: Graph, name: string, shape: readonly number[]): boolean {
  const { data, shape: own } = tensorOf(graph, name);
  const columns = shape[shape.length - 1];
  return data !== undefined && data.length === columns && (own[own.length - 1] ?? 1) === columns;
}

const PRODUCTS = new Set(['MatMul', 'Conv']);

/** Whether an Add puts a bias onto the sums of a product that nothing else reads, so that it joins their int32 sums. */
export function isBias(graph: Graph, uses: Uses, node: Node): boolean {
  const [flowing, constant] = operands(graph, node);
  if (constant === undefined || uses.onlyReader(flowing) === undefined) return false;
  const producer = uses.producer(flowing);
  const { shape } = tensorOf(graph, flowing);
  return (
    producer !== undefined &&
    (PRODUCTS.has(producer.op) || (producer.op === 'Add' && isBias(graph, uses, producer))) &&
    (isColumnVector(graph, constant, shape) || scalarOf(graph, constant) !== undefined)
  );
}

/** The inputs of a node of two, a constant one last. */
export function operands(
  graph: Graph,
  { inputs: [a, b] }: Node,
): [flowing: string, constant: string | undefined] {
  if (tensorOf(graph, a).data) return [b, a];
  return [a, tensorOf(graph, b).data ? b : undefined];
}

/** Ranges are never taken as zero: a tensor without a signal still needs a scale. */
const LEAST_RANGE = 1e-9;

/** The scale of each real-valued tensor that flows. */
export function chooseScales(graph: Graph, statistics: Statistics): Map<string, number> {
  const uses = new Uses(graph);
  const parent = new Map<string, string>();
  const rootOf = (name: string): string => {
    let at = name;
    for (let up = parent.get(at); up !== undefined; up = parent.get(at)) at = up;
    return at;
  };
  const join = (a: string, b: string): void => {
    const [x, y] = [rootOf(a), rootOf(b)];
    if (x !== y) parent.set(x, y);
  };
  /** Tensors whose own range is of no account: the sums in front of a ReLU or Clip, which clips them. */
  const hidden = new Set<string>();
  const constants: { joined: string; range: number }[] = [];
  for (const node of graph.nodes) {
    const [first] = node.inputs;
    const table = SAME_UNITS.has(node.op) ? tensorOf(graph, first).data : undefined;
    if (table)
      constants.push({ joined: node.outputs[0], range: 127 * quantiseWeights(numeric(table)).scale });
    else if (SAME_UNITS.has(node.op)) for (const output of node.outputs) join(first, output);
    if (KEEPS_UNITS in node.attributes) join(first, node.outputs[0]);
    if ((node.op === 'Relu' || node.op === 'Clip') && uses.onlyReader(first)) hidden.add(first);
    if (node.op === 'Concat') {
      for (const input of node.inputs) {
        const { data } = tensorOf(graph, input);
        if (data) constants.push({ joined: node.outputs[0], range: largest(numeric(data)) });
        else join(input, node.outputs[0]);
      }
    }
    if ((node.op === 'Add' || node.op === 'Sub') && !isBias(graph, uses, node)) {
      const [flowing, constant] = operands(graph, node);
      if (constant === undefined) join(node.inputs[0], node.inputs[1]);
      else
        constants.push({
          joined: flowing,
          range: largest(numeric(tensorOf(graph, constant).data ?? new Float32Array())),
        });
    }
  }
  const ranges = new Map<string, number>();
  const include = (name: string, range: number): void => {
    const root = rootOf(name);
    ranges.set(root, Math.max(ranges.get(root) ?? LEAST_RANGE, range));
  };
  const names = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  for (const name of names) if (!hidden.has(name)) include(name, statistics.range(name));
  for (const { joined, range } of constants) include(joined, range);
  return new Map(names.map((name) => [name, (ranges.get(rootOf(name)) ?? LEAST_RANGE) / 127]));
}
