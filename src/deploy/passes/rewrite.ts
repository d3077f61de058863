/** Graph rewriting: rules as rows of (pattern, where, replace), applied in one forward sweep over the nodes. */
import type { Graph, Node, Tensor } from '../graph/graph.ts';

/** A tree that is matched from a node upwards to the producers of its inputs. */
export type Pattern =
  | { readonly kind: 'any'; readonly as: string }
  | { readonly kind: 'constant'; readonly as: string }
  | {
      readonly kind: 'node';
      readonly op: string;
      readonly as: string;
      /** One pattern per input; without it the node matches whatever its inputs are. */
      readonly inputs?: readonly Pattern[];
      readonly commutative: boolean;
    };

/** Any tensor, bound to `as`. */
export const any = (as: string): Pattern => ({ kind: 'any', as });
/** A tensor with data, bound to `as`. */
export const constant = (as: string): Pattern => ({ kind: 'constant', as });
/** The output of a node of operator `op`; the node is bound to `as`. */
export const node = (op: string, as: string, ...inputs: Pattern[]): Pattern => ({
  kind: 'node',
  op,
  as,
  inputs: inputs.length > 0 ? inputs : undefined,
  commutative: op === 'Add',
});

/** What a pattern bound: nodes and tensors by the names the pattern gave them. */
export class Match {
  readonly root: Node;
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #view: GraphView;

  constructor(root: Node, bound: Bindings, view: GraphView) {
    this.root = root;
    this.#nodes = bound.nodes;
    this.#tensors = bound.tensors;
    this.#view = view;
  }

  has(as: string): boolean {
    return this.#nodes.has(as) || this.#tensors.has(as);
  }

  node(as: string): Node {
    const found = this.#nodes.get(as);
    if (!found) throw new Error(`the pattern of ${this.root.name} binds no node ${as}`);
    return found;
  }

  tensor(as: string): Tensor {
    const found = this.#tensors.get(as);
    if (!found) throw new Error(`the pattern of ${this.root.name} binds no tensor ${as}`);
    return found;
  }

  /** The tensor of that name in the graph; for rules that look beyond their pattern. */
  named(name: string): Tensor {
    return this.#view.tensor(name);
  }

  /** The node that produces a tensor, if one does. */
  producer(tensor: string): Node | undefined {
    return this.#view.producer(tensor);
  }

  /** Whether the network gives a tensor to the outside. */
  isOutput(tensor: string): boolean {
    return this.#view.isOutput(tensor);
  }

  /** Whether a node or tensor has that name already. */
  isTaken(name: string): boolean {
    return this.#view.isTaken(name);
  }

  /** Names of the matched nodes in the source network, for the emitted comments. */
  get sources(): string {
    const names = [...this.#nodes.values()].map(({ name, attributes: { sources } }) =>
      typeof sources === 'string' ? sources : name,
    );
    return [...new Set(names.toReversed().join(', ').split(', '))].join(', ');
  }
}

/** What takes the place of the matched root; the last node must produce the root's output. */
export interface Replacement {
  readonly nodes: readonly Node[];
  readonly tensors?: readonly Tensor[];
  /** The tensor that is read in place of the root's output, which is no output of the network and then disappears. */
  readonly alias?: string;
}

export interface Rule {
  readonly name: string;
  readonly pattern: Pattern;
  readonly where?: (match: Match) => boolean;
  readonly replace: (match: Match) => Replacement;
}

interface Bindings {
  readonly nodes: Map<string, Node>;
  readonly tensors: Map<string, Tensor>;
}

interface GraphView {
  readonly producer: (tensor: string) => Node | undefined;
  readonly tensor: (name: string) => Tensor;
  readonly isOutput: (name: string) => boolean;
  readonly isTaken: (name: string) => boolean;
}

/** The node with the tensors it reads under the names `name` gives them; itself where they are the same. */
const reading = (node: Node, name: (tensor: string) => string): Node =>
  node.inputs.every((input) => name(input) === input) ? node : { ...node, inputs: node.inputs.map(name) };

/**
 * Applies one rule at every place where it matches. Only the root of a match is replaced; nodes whose outputs
 * nobody reads any more are then dropped, so a value with further readers stays as it was.
 */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const tensors = new Map(graph.tensors);
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((output) => [output, n] as const)));
  const names = new Set(graph.nodes.map(({ name }) => name));
  const view: GraphView = {
    producer: (name) => producers.get(name),
    tensor: (name) => {
      const found = tensors.get(name);
      if (!found) throw new Error(`graph ${graph.name} has no tensor ${name}`);
      return found;
    },
    isOutput: (name) => graph.outputs.includes(name),
    isTaken: (name) => tensors.has(name) || names.has(name),
  };
  const aliases = new Map<string, string>();
  const nodes: Node[] = [];
  for (const named of graph.nodes) {
    const original = reading(named, (name) => aliases.get(name) ?? name);
    if (original !== named) for (const output of original.outputs) producers.set(output, original);
    const bound: Bindings = { nodes: new Map(), tensors: new Map() };
    const match = matchNode(original, rule.pattern, bound, view)
      ? new Match(original, bound, view)
      : undefined;
    if (!match || rule.where?.(match) === false) {
      nodes.push(original);
      continue;
    }
    const replacement = rule.replace(match);
    if (replacement.alias !== undefined) aliases.set(original.outputs[0], replacement.alias);
    for (const tensor of replacement.tensors ?? []) tensors.set(tensor.name, tensor);
    for (const fresh of replacement.nodes) {
      nodes.push(fresh);
      names.add(fresh.name);
      for (const output of fresh.outputs) producers.set(output, fresh);
    }
  }
  return prune({ ...graph, nodes, tensors });
}

/** Drops nodes whose outputs are not read, and tensors that nothing mentions any more. */
export function prune(graph: Graph): Graph {
  const read = new Set(graph.outputs);
  const nodes: Node[] = [];
  for (const n of graph.nodes.toReversed()) {
    if (!n.outputs.some((output) => read.has(output))) continue;
    nodes.push(n);
    for (const input of n.inputs) read.add(input);
  }
  const kept = new Set([...read, ...graph.inputs, ...nodes.flatMap((n) => n.outputs)]);
  const tensors = new Map([...graph.tensors].filter(([name]) => kept.has(name)));
  return { ...graph, nodes: nodes.toReversed(), tensors };
}

function matchNode(candidate: Node, pattern: Pattern, bound: Bindings, view: GraphView): boolean {
  if (pattern.kind !== 'node' || candidate.op !== pattern.op) return false;
  bound.nodes.set(pattern.as, candidate);
  const { inputs } = pattern;
  if (!inputs) return true;
  if (candidate.inputs.length !== inputs.length) return false;
  const orders = pattern.commutative ? [candidate.inputs, candidate.inputs.toReversed()] : [candidate.inputs];
  return orders.some((names) => {
    const trial: Bindings = { nodes: new Map(bound.nodes), tensors: new Map(bound.tensors) };
    if (!inputs.every((input, i) => matchTensor(names[i], input, trial, view))) return false;
    for (const [as, n] of trial.nodes) bound.nodes.set(as, n);
    for (const [as, t] of trial.tensors) bound.tensors.set(as, t);
    return true;
  });
}

function matchTensor(name: string, pattern: Pattern, bound: Bindings, view: GraphView): boolean {
  if (pattern.kind === 'node') {
    const producer = view.producer(name);
    return producer !== undefined && matchNode(producer, pattern, bound, view);
  }
  const tensor = view.tensor(name);
  if (pattern.kind === 'constant' && !tensor.data) return false;
  bound.tensors.set(pattern.as, tensor);
  return true;
}
