/**
 * Chains of Reshape and Transpose as strided views of their source: what the chain does as a whole, and the fewest nodes
 * that do the same (none where elements stay where they are).
 */
import { integersAttribute } from '../graph/attributes.ts';
import { elements, type Node } from '../graph/graph.ts';
import { node, type Match, type Replacement, type Rule } from './rewrite.ts';
import { Patch } from './patch.ts';

/** A run of elements of the source: `size` of them, `stride` elements apart. */
export interface Factor {
  readonly size: number;
  readonly stride: number;
}

/** A tensor as its source sees it: for each dimension the factors it is made of, slowest first; none for a dimension of 1. */
export interface View {
  /** The tensor that no Reshape or Transpose makes. */
  readonly source: string;
  readonly dimensions: readonly (readonly Factor[])[];
  /** Nodes between source and tensor, and how many of them are Transposes. */
  readonly nodes: number;
  readonly transposes: number;
}

/** The operators of a chain; others that only reshape become Reshape before (tidy.ts). */
const MOVES: ReadonlySet<string> = new Set(['Reshape', 'Transpose']);

/** Neighbours joined where the walk through them is one through a single run. */
export function joinFactors(factors: readonly Factor[]): Factor[] {
  const joined: Factor[] = [];
  for (const factor of factors) {
    const last = joined.at(-1);
    if (factor.size === 1) continue;
    if (last && last.stride === factor.size * factor.stride) {
      joined[joined.length - 1] = { size: last.size * factor.size, stride: factor.stride };
    } else {
      joined.push(factor);
    }
  }
  return joined;
}

/** The factors of a row-major walk regrouped into dimensions; undefined where a dimension cuts through a run unevenly. */
function regroup(factors: readonly Factor[], shape: readonly number[]): Factor[][] | undefined {
  const left = joinFactors(factors);
  const dimensions: Factor[][] = [];
  for (const size of shape) {
    const own: Factor[] = [];
    for (let missing = size; missing > 1;) {
      const next = left.shift();
      if (!next) return undefined;
      if (missing % next.size === 0) {
        own.push(next);
        missing /= next.size;
      } else if (next.size % missing === 0) {
        const rest = next.size / missing;
        own.push({ size: missing, stride: next.stride * rest });
        left.unshift({ size: rest, stride: next.stride });
        missing = 1;
      } else {
        return undefined;
      }
    }
    dimensions.push(own);
  }
  return left.length === 0 ? dimensions : undefined;
}

const dense = (shape: readonly number[]): Factor[][] => {
  let stride = 1;
  return shape
    .toReversed()
    .map((size) => {
      const own = size > 1 ? [{ size, stride }] : [];
      stride *= size;
      return own;
    })
    .toReversed();
};

const permutation = (transpose: Node, rank: number): readonly number[] =>
  integersAttribute(
    transpose,
    'perm',
    Array.from({ length: rank }, (_, i) => rank - 1 - i),
  );

/** A tensor as a view of the first tensor behind it that is made otherwise; of itself where it is such a one. */
export function viewOf(match: Match, tensor: string): View {
  const chain: Node[] = [];
  let source = tensor;
  for (
    let made = match.producer(source);
    made && MOVES.has(made.op) && made.domain === '';
    made = match.producer(source)
  ) {
    chain.unshift(made);
    [source] = made.inputs;
  }
  let view: View = { source, dimensions: dense(match.named(source).shape), nodes: 0, transposes: 0 };
  for (const made of chain) {
    const { shape } = match.named(made.outputs[0]);
    const { dimensions } = view;
    const moved =
      made.op === 'Transpose'
        ? permutation(made, dimensions.length).map((axis) => dimensions[axis])
        : regroup(dimensions.flat(), shape);
    // Where a dimension cuts through a run, the view starts anew behind it.
    view = moved
      ? {
          source: view.source,
          dimensions: moved,
          nodes: view.nodes + 1,
          transposes: view.transposes + (made.op === 'Transpose' ? 1 : 0),
        }
      : { source: made.outputs[0], dimensions: dense(shape), nodes: 0, transposes: 0 };
  }
  return view;
}

/** The nodes that make a view: at most Reshape, Transpose, Reshape. */
interface Chain {
  readonly split?: readonly number[];
  readonly perm?: readonly number[];
  readonly shape?: readonly number[];
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

function chainOf({ dimensions }: View, from: readonly number[], to: readonly number[]): Chain {
  const factors = joinFactors(dimensions.flat());
  if (factors.length <= 1) return same(from, to) ? {} : { shape: to };
  const order = factors.toSorted((a, b) => b.stride - a.stride);
  const split = order.map(({ size }) => size);
  const perm = factors.map((factor) => order.indexOf(factor));
  const turned = factors.map(({ size }) => size);
  return {
    ...(same(from, split) ? {} : { split }),
    perm,
    ...(same(turned, to) ? {} : { shape: to }),
  };
}

/** What a chain costs: its nodes, those that move elements above all. */
const length = (chain: Chain): number => Object.keys(chain).length + (chain.perm ? MOVE : 0);
const MOVE = 10;

function shorter(match: Match): Chain | undefined {
  const [output] = match.root.outputs;
  const view = viewOf(match, output);
  if (elements(match.named(output).shape) === 0) return undefined;
  const chain = chainOf(view, match.named(view.source).shape, match.named(output).shape);
  if (length(chain) >= view.nodes + MOVE * view.transposes) return undefined;
  return length(chain) === 0 && match.isOutput(output) ? undefined : chain;
}

function replace(match: Match): Replacement {
  const chain = shorter(match);
  if (!chain) throw new Error(`${match.root.name} matched no longer`);
  const { source } = viewOf(match, match.root.outputs[0]);
  if (length(chain) === 0) return { nodes: [], alias: source };
  const { split, perm, shape } = chain;
  const { name } = match.root;
  const patch = new Patch(match);
  const reshape = (role: string, to: readonly number[]): string => patch.list(`${name}/${role}`, to);
  if (!perm) return patch.root('Reshape', [source, reshape('shape', shape ?? [])]);
  const runs = split ? patch.node('Reshape', `${name}/runs`, [source, reshape('runs/shape', split)]) : source;
  if (!shape) return patch.root('Transpose', [runs], { perm });
  const turned = patch.node('Transpose', `${name}/turned`, [runs], { perm });
  return patch.root('Reshape', [turned, reshape('shape', shape)]);
}

/** Reshape and Transpose chains by the fewest nodes; chains of one node that do nothing disappear. */
export const COMPOSE: readonly Rule[] = ['Reshape', 'Transpose'].map((op) => ({
  name: `${op} at the end of a chain is made of the fewest nodes`,
  pattern: node(op, 'move'),
  where: (match) => shorter(match) !== undefined,
  replace,
}));
