/**
 * Masked attention of all heads at once, as exporters write it, taken apart into one product of queries and keys for each
 * head: the mask of a head becomes part of its product (mask.ts), for which the head needs columns of its own.
 */
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { headNaming, type Heads, headsOf } from '../passes/attention.ts';
import { columns } from '../passes/columns.ts';
import { Patch } from '../passes/patch.ts';
import { any, constant, type Match, node, type Replacement, rewrite, type Rule } from '../passes/rewrite.ts';
import { shareConstants, shareNodes } from '../passes/tidy.ts';
import { COMPOSE } from '../passes/views.ts';

/** What stands between the product of queries and keys and the mask: factors of one element, the last one first. */
interface Scores {
  readonly factors: readonly Node[];
  readonly product: Node;
}

function scoresOf(match: Match): Scores | undefined {
  const factors: Node[] = [];
  let at = match.producer(match.tensor('logits').name);
  while (at?.op === 'Mul' || at?.op === 'Div') {
    if (match.named(at.inputs[1]).data?.length !== 1) return undefined;
    factors.push(at);
    at = match.producer(at.inputs[0]);
  }
  return at?.op === 'MatMul' ? { factors, product: at } : undefined;
}

interface Attention extends Scores {
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
}

/** The match as heads in the columns of matrices; undefined where it is not, or is a plain matrix already. */
function attentionOf(match: Match): Attention | undefined {
  const scores = scoresOf(match);
  const { shape } = match.named(match.root.outputs[0]);
  if (!scores || shape.length === 2) return undefined;
  const [query, key] = scores.product.inputs;
  const [q, k, v] = [
    headsOf(match, query, false),
    headsOf(match, key, true),
    headsOf(match, match.tensor('v').name, false),
  ];
  // The mask is the same for all heads and queries; maskOf says so where it is not for the queries.
  const one = match.tensor('mask').data?.length === shape.at(-2);
  return q && k && v && one && k.heads === q.heads && v.heads === q.heads
    ? { ...scores, q, k, v }
    : undefined;
}

function byHead(match: Match): Replacement {
  const found = attentionOf(match);
  if (!found) throw new Error(`${match.root.name} matched no longer`);
  const { q, k, v, product, factors } = found;
  const { heads, rows } = q;
  const { root } = match;
  const patch = new Patch(match);
  const [add, softmax, mask] = [match.node('add'), match.node('softmax'), match.tensor('mask')];
  const parts = Array.from({ length: heads }, (_, h) => {
    const named = headNaming([root.name, q.source, k.source, v.source], h);
    const own = ({ source, width }: Heads): string => columns(patch, source, h * width, width, named);
    const keys = patch.node('Transpose', named(`${product.name}/keys`), [own(k)], { perm: [1, 0] });
    const scores = patch.node('MatMul', named(product.name), [own(q), keys]);
    const scaled = factors.reduceRight(
      (x, { op, name, inputs: [, factor] }) => patch.node(op, named(name), [x, factor]),
      scores,
    );
    const { type, data } = mask as Required<Tensor>;
    const row = patch.constant(named(mask.name), { type, shape: [1, data.length], data });
    const masked = patch.node('Add', named(add.name), [scaled, row]);
    const probabilities = patch.node('Softmax', named(softmax.name), [masked], { axis: -1 });
    return patch.node('MatMul', named(root.name), [probabilities, own(v)]);
  });
  const joined = heads === 1 ? parts[0] : patch.node('Concat', `${root.name}/joined`, parts, { axis: 1 });
  const split = patch.list(`${root.name}/split/shape`, [rows, heads, v.width]);
  const apart = patch.node('Reshape', `${root.name}/split`, [joined, split]);
  const turned = patch.node('Transpose', `${root.name}/turned`, [apart], { perm: [1, 0, 2] });
  const { shape } = match.named(root.outputs[0]);
  return patch.root('Reshape', [turned, patch.list(`${root.name}/shape`, shape)]);
}

const MASKED_HEADS: Rule = {
  name: 'masked attention of all heads becomes one attention for each',
  pattern: node(
    'MatMul',
    'context',
    node('Softmax', 'softmax', node('Add', 'add', any('logits'), constant('mask'))),
    any('v'),
  ),
  where: (match) => attentionOf(match) !== undefined,
  replace: byHead,
};

/** The contexts of heads, side by side in the matrix x; undefined where x is something else. */
function contextsOf(match: Match): readonly string[] | undefined {
  const { name, shape } = match.tensor('x');
  const made = match.producer(name);
  const joined = made?.op === 'Reshape' ? made.inputs[0] : name;
  if (match.named(joined).shape.at(-1) !== shape.at(-1) || match.named(joined).shape.length !== 2)
    return undefined;
  const parts = match.producer(joined);
  // A context that is read as it is needs nothing done.
  if (parts?.op !== 'Concat' && joined === name) return undefined;
  const contexts = parts?.op === 'Concat' ? parts.inputs : [joined];
  const isContext = (tensor: string): boolean => {
    const product = match.producer(tensor);
    return product?.op === 'MatMul' && match.producer(product.inputs[0])?.op === 'Softmax';
  };
  return contexts.every(isContext) ? contexts : undefined;
}

function projectionByHead(match: Match): Replacement {
  const contexts = contextsOf(match);
  if (!contexts) throw new Error(`${match.root.name} matched no longer`);
  const { root } = match;
  const product = match.node('product');
  const w = match.tensor('w') as Required<Tensor>;
  const [inner, outputs] = w.shape;
  const own = inner / contexts.length;
  const patch = new Patch(match);
  const terms = contexts.map((context, h) => {
    const named = headNaming([root.name, product.name, w.name], h);
    const rows = w.data.slice(h * own * outputs, (h + 1) * own * outputs);
    const weight = patch.constant(named(w.name), { type: w.type, shape: [own, outputs], data: rows });
    const term = patch.node('MatMul', named(product.name), [context, weight]);
    // The bias is added once, by the first head.
    return h === 0 && match.has('b')
      ? patch.node('Add', named(root.name), [term, match.tensor('b').name])
      : term;
  });
  const sum = terms.reduce((a, b, h) => patch.node('Add', `${root.name}/sum_${h}`, [a, b]));
  const { shape } = match.named(root.outputs[0]);
  return patch.root('Reshape', [sum, patch.list(`${root.name}/shape`, shape)]);
}

const product = node('MatMul', 'product', any('x'), constant('w'));

const PROJECTIONS: readonly Rule[] = [node('Add', 'bias', product, constant('b')), product].map(
  (pattern, i) => ({
    name: `the output projection of heads becomes one for each${i === 0 ? ', with its bias' : ''}`,
    pattern,
    where: (match) => {
      const columns = match.tensor('w').shape;
      const bias = !match.has('b') || elements(match.tensor('b').shape) === columns[1];
      return columns.length === 2 && bias && contextsOf(match) !== undefined;
    },
    replace: projectionByHead,
  }),
);

/** The graph with masked attention head by head; itself where there is none of several heads. */
export function splitMaskedHeads(graph: Graph): Graph {
  const split = rewrite(graph, MASKED_HEADS);
  if (split.nodes.length === graph.nodes.length) return graph;
  const moved = COMPOSE.reduce(rewrite, split);
  return shareNodes(shareConstants(PROJECTIONS.reduce(rewrite, moved)));
}
