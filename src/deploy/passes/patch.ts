/** What takes the place of a match when that is several nodes: built node by node, under names that are still free. */
import type { Attribute, Node, Tensor } from '../graph/graph.ts';
import { inferNode } from '../graph/shapes.ts';
import type { Match, Replacement } from './rewrite.ts';

/** Collects the nodes and tensors of one replacement. */
export class Patch {
  readonly #match: Match;
  readonly #nodes: Node[] = [];
  readonly #tensors = new Map<string, Tensor>();

  constructor(match: Match) {
    this.#match = match;
  }

  /** A tensor of the network or of this patch. */
  tensor(name: string): Tensor {
    return this.#tensors.get(name) ?? this.#match.named(name);
  }

  /** The node that makes a tensor, in the network or in this patch. */
  producer(tensor: string): Node | undefined {
    return this.#nodes.find(({ outputs }) => outputs.includes(tensor)) ?? this.#match.producer(tensor);
  }

  /** Adds a constant under a name like that; returns its name. */
  constant(name: string, { type, shape, data }: Pick<Required<Tensor>, 'type' | 'shape' | 'data'>): string {
    return this.#declare({ name: this.#free(name), type, shape, data });
  }

  /** A list of int64, as the structural operators take it. */
  list(name: string, values: readonly number[]): string {
    return this.constant(name, {
      type: 'int64',
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  }

  /** Adds a node under a name like that, and its output under the same; returns the output. */
  node(
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): string {
    const free = this.#free(name);
    return this.#add({ name: free, op, domain, inputs, outputs: [free], attributes });
  }

  /** Adds the node that makes the output of the match's root, and returns everything. */
  root(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Replacement {
    const { name, outputs } = this.#match.root;
    this.#add({ name, op, domain, inputs, outputs, attributes });
    return { nodes: this.#nodes, tensors: [...this.#tensors.values()] };
  }

  /** Everything so far, with a tensor of it in place of the root's output. */
  alias(tensor: string): Replacement {
    return { nodes: this.#nodes, tensors: [...this.#tensors.values()], alias: tensor };
  }

  #add(node: Node): string {
    const known = new Map(node.inputs.filter((name) => name !== '').map((name) => [name, this.tensor(name)]));
    const attributes = { ...node.attributes, sources: node.attributes.sources ?? this.#match.sources };
    this.#nodes.push({ ...node, attributes });
    return this.#declare(inferNode(node, known));
  }

  #declare(tensor: Tensor): string {
    this.#tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  #free(name: string): string {
    const taken = (candidate: string): boolean =>
      this.#match.isTaken(candidate) ||
      this.#tensors.has(candidate) ||
      this.#nodes.some((node) => node.name === candidate);
    let free = name;
    for (let n = 2; taken(free); n++) free = `${name}_${n}`;
    return free;
  }
}
