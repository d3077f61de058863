/** Rows that tidy a network up: nodes that do nothing, other spellings of Reshape, and what exists twice. */
import { numberAttribute } from '../graph/attributes.ts';
import { numeric } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { axisOf, sliceRanges } from '../graph/shapes.ts';
import { Patch } from './patch.ts';
import { node, prune, type Match, type Rule } from './rewrite.ts';

const input = (match: Match): Tensor => match.named(match.root.inputs[0]);
const output = (match: Match): Tensor => match.named(match.root.outputs[0]);
const sameShape = (a: Tensor, b: Tensor): boolean => a.shape.join() === b.shape.join();
const sameKind = (match: Match): boolean =>
  sameShape(input(match), output(match)) && input(match).type === output(match).type;

/** Operators that may do nothing, and when they do not. */
const IDLE: Readonly<Record<string, (match: Match) => boolean>> = {
  Cast: sameKind,
  Concat: ({ root }) => root.inputs.length === 1,
  Expand: sameKind,
  Identity: () => true,
  Slice: (match) =>
    sameKind(match) &&
    sliceRanges(
      match.root,
      match.root.inputs.map((name) => match.named(name)),
    ).every(({ step }) => step === 1),
};

/** The root's input takes the place of its output. */
export const REMOVE_IDLE: readonly Rule[] = Object.entries(IDLE).map(([op, idle]) => ({
  name: `${op} that changes nothing disappears`,
  pattern: node(op, 'idle'),
  where: (match) => !match.isOutput(match.root.outputs[0]) && idle(match),
  replace: (match) => ({ nodes: [], alias: match.root.inputs[0] }),
}));

/** Whether a Gather takes the only entry there is. */
function takesOnlyEntry(match: Match): boolean {
  const [table, indices] = match.root.inputs.map((name) => match.named(name));
  const axis = axisOf(match.root, numberAttribute(match.root, 'axis', 0), table.shape.length);
  const { data, shape } = indices;
  return table.shape[axis] === 1 && data?.length === 1 && shape.length <= 1 && !table.data;
}

/** Every operator that only gives a tensor another shape, as Reshape. */
export const AS_RESHAPE: readonly Rule[] = ['Flatten', 'Squeeze', 'Unsqueeze', 'Gather'].map((op) => ({
  name: op === 'Gather' ? 'Gather of the only entry becomes Reshape' : `${op} becomes Reshape`,
  pattern: node(op, 'reshape'),
  // A 0 in the shape of a Reshape stands for the dimension before.
  where: (match) => elements(output(match).shape) > 0 && (op !== 'Gather' || takesOnlyEntry(match)),
  replace: (match) => {
    const patch = new Patch(match);
    const shape = patch.list(`${match.root.name}/shape`, output(match).shape);
    return patch.root('Reshape', [match.root.inputs[0], shape]);
  },
}));

/** 32 bits that depend on all elements. */
function digest(data: ArrayLike<number>): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < data.length; i++) hash = Math.imul(hash ^ data[i], 0x01000193) ^ (hash >>> 15);
  return hash;
}

/** Constants of equal type, shape and elements are one. */
export function shareConstants(graph: Graph): Graph {
  const kept = new Map<string, Tensor[]>();
  const shared = new Map<string, string>();
  const fixed = new Set(graph.outputs);
  for (const tensor of graph.tensors.values()) {
    if (!tensor.data || fixed.has(tensor.name)) continue;
    const values = numeric(tensor.data);
    const key = `${tensor.type} ${tensor.shape.join()} ${digest(values)}`;
    const alike = kept.get(key) ?? [];
    const first = alike.find(({ data }) => data && numeric(data).every((value, i) => value === values[i]));
    if (first) shared.set(tensor.name, first.name);
    else kept.set(key, [...alike, tensor]);
  }
  return shared.size === 0 ? graph : prune(renamed(graph, shared));
}

const renamed = (graph: Graph, names: ReadonlyMap<string, string>): Graph => ({
  ...graph,
  nodes: graph.nodes.map((n) =>
    n.inputs.some((name) => names.has(name))
      ? { ...n, inputs: n.inputs.map((name) => names.get(name) ?? name) }
      : n,
  ),
});

/** What two nodes must agree in to compute the same; names of nodes in `sources` do not matter. */
function computation({ op, domain, inputs, outputs, attributes }: Node): string | undefined {
  const own = Object.entries(attributes).filter(([name]) => name !== 'sources');
  // Attributes that are tensors are rare, and not compared.
  if (own.some(([, value]) => typeof value === 'object' && 'data' in value)) return undefined;
  return JSON.stringify([domain, op, inputs, outputs.length, own.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

/** Nodes of one operator, inputs and attributes are one: the first. */
export function shareNodes(graph: Graph): Graph {
  const first = new Map<string, Node>();
  const names = new Map<string, string>();
  const fixed = new Set(graph.outputs);
  const nodes: Node[] = [];
  for (const original of graph.nodes) {
    const own = { ...original, inputs: original.inputs.map((name) => names.get(name) ?? name) };
    const key = computation(own);
    const known = key === undefined ? undefined : first.get(key);
    if (known && !own.outputs.some((name) => fixed.has(name))) {
      own.outputs.forEach((name, i) => names.set(name, known.outputs[i]));
      continue;
    }
    if (key !== undefined) first.set(key, own);
    nodes.push(own.inputs.some((name, i) => name !== original.inputs[i]) ? own : original);
  }
  return nodes.length === graph.nodes.length ? graph : prune({ ...graph, nodes });
}
