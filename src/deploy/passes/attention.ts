/**
 * Attention of several heads as exporters write it, recognised as one node, and taken apart into one run of the
 * accelerator for each head (accelerator specification §2.4; the heads are columns of queries, keys and values):
 *
 *     MultiHeadAttention  q k v  [S, H·P]     for each head, softmax(requant(q·kᵀ))·v requantised, side by side again
 */
import { numberAttribute } from '../graph/attributes.ts';
import { numeric } from '../graph/elements.ts';
import { elements, type Node, type Tensor } from '../graph/graph.ts';
import { listOf } from '../graph/rule.ts';
import { channelShape } from '../graph/shapes-pulp.ts';
import { MAX_TILES, TILE, type AcceleratorLimits } from './assign.ts';
import { columns, type Naming } from './columns.ts';
import { Patch } from './patch.ts';
import { acceleratorRequant, halved, requantShift, type RequantShift } from './requant.ts';
import { any, constant, node, type Match, type Pattern, type Replacement, type Rule } from './rewrite.ts';
import { joinFactors, viewOf, type Factor } from './views.ts';

/** Domain of the operators that are octet's own. */
export const OWN = 'octet';

const requantised = (of: Pattern, as: string): Pattern =>
  node('RequantShift', as, of, constant(`${as}.mul`), constant(`${as}.add`));

const isRun = (factors: readonly Factor[], size: number, stride: number): boolean =>
  size === 1
    ? factors.length === 0
    : factors.length === 1 && factors[0].size === size && factors[0].stride === stride;

/** Heads side by side in the columns of a matrix. */
export interface Heads {
  /** The matrix [rows, heads · width], perhaps with leading dimensions of 1. */
  readonly source: string;
  readonly heads: number;
  readonly rows: number;
  readonly width: number;
}

/** A tensor [heads…, rows, width], or with the last two swapped, as heads in the columns of a matrix; undefined when it is not. */
export function headsOf(match: Match, tensor: string, swapped: boolean): Heads | undefined {
  const { shape } = match.named(tensor);
  if (shape.length < 2) return undefined;
  const heads = elements(shape.slice(0, -2));
  const [rows, width] = swapped ? shape.slice(-2).toReversed() : shape.slice(-2);
  const { source, dimensions } = viewOf(match, tensor);
  const [own, across] = (swapped ? dimensions.slice(-2).toReversed() : dimensions.slice(-2)).map(joinFactors);
  const fits =
    isRun(joinFactors(dimensions.slice(0, -2).flat()), heads, width) &&
    isRun(own, rows, heads * width) &&
    isRun(across, width, 1);
  return fits ? { source, heads, rows, width } : undefined;
}

/** The value a parameter has for each head: one for all, or shape [heads…, 1, 1] beside a tensor of that shape. */
function perHead(parameter: Tensor, shape: readonly number[], heads: number): number[] | undefined {
  if (!parameter.data) return undefined;
  const values = Array.from(numeric(parameter.data));
  if (values.length === 1) return Array.from({ length: heads }, () => values[0]);
  const own = channelShape(shape, parameter.shape);
  const stretched = [...shape.slice(own.length).map(() => 1), ...own].slice(-shape.length);
  const expected = [...shape.slice(0, -2), 1, 1];
  return values.length === heads && stretched.join() === expected.join() ? values : undefined;
}

/** The requantisation of each head; undefined where it differs within a head. */
function requantsOf(match: Match, as: string, heads: number): RequantShift[] | undefined {
  const at = match.node(as);
  const { shape } = match.named(at.outputs[0]);
  const [mul, add] = ['mul', 'add'].map((role) => perHead(match.tensor(`${as}.${role}`), shape, heads));
  if (!mul || !add) return undefined;
  const single = (value: number): Tensor => ({
    name: as,
    type: 'float64',
    shape: [],
    data: Float64Array.of(value),
  });
  return mul.map((value, h) => halved(requantShift(at, single(value), single(add[h]))));
}

interface Fused {
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  readonly logits: readonly RequantShift[];
  readonly values: readonly RequantShift[];
  readonly softmaxShift: number;
}

const signed256 = (at: Node): boolean =>
  numberAttribute(at, 'n_levels_out', numberAttribute(at, 'n_levels', 256)) === 256 &&
  numberAttribute(at, 'signed', 1) === 1;

/** The match as heads the accelerator can run one by one; undefined when it cannot. */
function fused(match: Match, limits: AcceleratorLimits): Fused | undefined {
  const softmax = match.node('softmax').attributes.softmax_shift;
  if (softmax !== limits.softmaxShift || !signed256(match.node('scale')) || !signed256(match.node('requant')))
    return undefined;
  // Plain matrices are a head already.
  if (match.named(match.root.outputs[0]).shape.length === 2) return undefined;
  const [q, k, v] = [
    headsOf(match, match.tensor('q').name, false),
    headsOf(match, match.tensor('k').name, true),
    headsOf(match, match.tensor('v').name, false),
  ];
  if (!q || !k || !v) return undefined;
  const alike = [k, v].every((o) => o.heads === q.heads && o.rows === q.rows && o.width === q.width);
  const most = MAX_TILES * TILE;
  if (!alike || q.rows % TILE !== 0 || q.rows > most || q.width > most) return undefined;
  if ([q, k, v].some(({ source }) => match.named(source).data || match.named(source).type !== 'int8'))
    return undefined;
  const [logits, values] = ['scale', 'requant'].map((as) => requantsOf(match, as, q.heads));
  if (!logits || !values) return undefined;
  if ([...logits, ...values].some((requant) => typeof acceleratorRequant(requant) === 'string'))
    return undefined;
  return { q, k, v, logits, values, softmaxShift: softmax };
}

function fuse(match: Match, limits: AcceleratorLimits): Replacement {
  const found = fused(match, limits);
  if (!found) throw new Error(`${match.root.name} matched no longer`);
  const { q, k, v, logits, values, softmaxShift } = found;
  const { heads, rows, width } = q;
  const { name } = match.root;
  const patch = new Patch(match);
  const matrix = ({ source }: Heads): string => {
    const flat = [rows, heads * width];
    if (match.named(source).shape.join() === flat.join()) return source;
    return patch.node('Reshape', `${source}/rows`, [source, patch.list(`${source}/rows/shape`, flat)]);
  };
  const all = patch.node(
    'MultiHeadAttention',
    `${name}/heads`,
    [q, k, v].map(matrix),
    {
      heads,
      softmax_shift: softmaxShift,
      logits_mul: logits.map(({ mul }) => mul),
      logits_add: logits.map(({ add }) => add),
      logits_shift: logits.map(({ shift }) => shift),
      mul: values.map(({ mul }) => mul),
      add: values.map(({ add }) => add),
      shift: values.map(({ shift }) => shift),
    },
    OWN,
  );
  const split = patch.node('Reshape', `${name}/split`, [
    all,
    patch.list(`${name}/split/shape`, [rows, heads, width]),
  ]);
  const turned = patch.node('Transpose', `${name}/turned`, [split], { perm: [1, 0, 2] });
  const { shape } = match.named(match.root.outputs[0]);
  return patch.root('Reshape', [turned, patch.list(`${name}/shape`, shape)]);
}

/** MatMul, softmax and MatMul over several heads, or over one with leading dimensions, become MultiHeadAttention. */
export const fuseAttention = (limits: AcceleratorLimits): Rule => ({
  name: 'attention of all heads becomes MultiHeadAttention',
  pattern: requantised(
    node(
      'MatMul',
      'values',
      node('ITAPartialMax', 'softmax', requantised(node('MatMul', 'logits', any('q'), any('k')), 'scale')),
      any('v'),
    ),
    'requant',
  ),
  where: (match) => fused(match, limits) !== undefined,
  replace: (match) => fuse(match, limits),
});

const listed = (at: Node, name: string): readonly number[] => at.attributes[name] as readonly number[];

/** A RequantShift node with the constants of one head. */
function requantNode(patch: Patch, name: string, x: string, { mul, add, shift }: RequantShift): string {
  const scalar = (role: string, value: number): string =>
    patch.constant(
      `${name}/${role}`,
      value === (value | 0)
        ? { type: 'int32', shape: [1], data: Int32Array.of(value) }
        : { type: 'int64', shape: [1], data: BigInt64Array.of(BigInt(value)) },
    );
  return patch.node('RequantShift', name, [x, scalar('mul', mul), scalar('add', add)], {
    div: 2 ** shift,
    rounding: 0,
    n_levels_out: 256,
    signed: 1,
  });
}

/**
 * How the nodes of one head are called: `a/query` beside `a/context` becomes `a/head_0/query`, and what has no directory in
 * common with the others stands below the first of them.
 * @param all names that belong together
 */
export function headNaming(all: readonly string[], head: number): Naming {
  const [first, ...others] = all.map((name) => name.split('/').slice(0, -1));
  const differs = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  const common = (differs < 0 ? first : first.slice(0, differs)).join('/');
  const at = `${common || all[0]}/head_${head}`;
  return (name) => {
    if (common && name.startsWith(`${common}/`)) return `${at}${name.slice(common.length)}`;
    return name === all[0] ? at : `${at}/${name}`;
  };
}

function splitHeads(match: Match): Replacement {
  const { root } = match;
  const base = root.name.replace(/\/heads$/, '');
  const heads = numberAttribute(root, 'heads');
  const width = (match.named(root.outputs[0]).shape.at(-1) ?? 0) / heads;
  const patch = new Patch(match);
  const requant = (prefix: string, h: number): RequantShift => {
    const [mul, add, shift] = ['mul', 'add', 'shift'].map((role) => listed(root, `${prefix}${role}`)[h]);
    return { mul, add, shift };
  };
  const parts = Array.from({ length: heads }, (_, h) => {
    const named = headNaming([base, ...root.inputs], h);
    const name = named(base);
    const [q, k, v] = root.inputs.map((input) => columns(patch, input, h * width, width, named));
    const keys = patch.node('Transpose', `${name}/keys`, [k], { perm: [1, 0] });
    const products = patch.node('MatMul', `${name}/logits/matmul`, [q, keys]);
    const logits = requantNode(patch, `${name}/logits`, products, requant('logits_', h));
    const probabilities = patch.node(
      'ITAPartialMax',
      `${name}/probabilities`,
      [logits],
      { softmax_shift: numberAttribute(root, 'softmax_shift') },
      OWN,
    );
    const mixed = patch.node('MatMul', `${name}/context/matmul`, [probabilities, v]);
    return requantNode(patch, name, mixed, requant('', h));
  });
  const [only] = parts;
  if (heads === 1 && !match.isOutput(root.outputs[0])) return patch.alias(only);
  return patch.root('Concat', parts, { axis: 1 });
}

/** Each head on its own, with its columns of the projections; the results are the columns of one matrix again. */
export const SPLIT_HEADS: Rule = {
  name: 'MultiHeadAttention becomes one attention for each head',
  pattern: node('MultiHeadAttention', 'heads'),
  replace: splitHeads,
};

/** The head's entry of a constant of shape [heads…, …], or the whole where it is the same for all heads. */
function entry(
  { type, shape, data }: Required<Tensor>,
  heads: number,
  h: number,
): Required<Omit<Tensor, 'name'>> {
  const own = shape.slice(-2);
  if (shape.length <= 2 || elements(shape.slice(0, -2)) === 1) return { type, shape: own, data };
  const size = data.length / heads;
  return { type, shape: own, data: data.slice(h * size, (h + 1) * size) };
}

/** The dimensions before the last two, without those of 1. */
const batchOf = (shape: readonly number[]): string =>
  shape
    .slice(0, -2)
    .filter((size) => size > 1)
    .join();

/** Σ over heads of requantised products [heads…, rows, width] x [heads…, width, columns], and what is needed of them. */
function projected(match: Match): { x: Heads; requants: readonly RequantShift[] } | undefined {
  const at = match.node('requant');
  const sums = match.named(at.outputs[0]);
  const weight = match.tensor('w');
  const heads = elements(sums.shape.slice(0, -2));
  if (sums.shape.length < 3 || batchOf(weight.shape) !== batchOf(sums.shape) || !signed256(at))
    return undefined;
  const { root } = match;
  const axes = listOf(root, 'axes', root.inputs[1] ? match.named(root.inputs[1]) : undefined);
  const summed = axes?.map((axis) => (axis < 0 ? axis + sums.shape.length : axis));
  const overHeads = sums.shape.every(
    (size, i) => size === 1 || summed?.includes(i) === i < sums.shape.length - 2,
  );
  if (!summed || !overHeads || summed.some((axis) => axis >= sums.shape.length - 2)) return undefined;
  const x = headsOf(match, match.tensor('x').name, false);
  if (!x || x.heads !== heads) return undefined;
  if (match.has('b')) {
    const own = match.tensor('b').shape;
    const stretched = [...sums.shape.slice(own.length).map(() => 1), ...own];
    const leading = stretched.slice(0, -2).join();
    if (own.length > sums.shape.length || stretched.at(-1) !== sums.shape.at(-1) || stretched.at(-2) !== 1)
      return undefined;
    if (leading !== sums.shape.slice(0, -2).join() && elements(stretched.slice(0, -2)) !== 1)
      return undefined;
  }
  const requants = requantsOf(match, 'requant', heads);
  return requants && { x, requants };
}

function splitProjection(match: Match): Replacement {
  const found = projected(match);
  if (!found) throw new Error(`${match.root.name} matched no longer`);
  const { x, requants } = found;
  const { heads, width } = x;
  const { name } = match.root;
  const patch = new Patch(match);
  const { shape } = match.named(match.root.outputs[0]);
  const constants = (as: string): Required<Tensor> => match.tensor(as) as Required<Tensor>;
  const terms = requants.map((requant, h) => {
    const named = headNaming([name, match.node('requant').name], h);
    const own = columns(patch, x.source, h * width, width, named);
    const weight = patch.constant(named(match.tensor('w').name), entry(constants('w'), heads, h));
    let sum = patch.node('MatMul', named(match.node('product').name), [own, weight]);
    if (match.has('b')) {
      const { type, data } = entry(constants('b'), heads, h);
      const bias = { type, shape: [data.length], data };
      if (data.some((value) => Number(value) !== 0))
        sum = patch.node('Add', named(match.node('bias').name), [
          sum,
          patch.constant(named(match.tensor('b').name), bias),
        ]);
    }
    const at = named(match.node('requant').name);
    const term = requantNode(patch, at, sum, requant);
    if (patch.tensor(term).shape.join() === shape.join()) return term;
    return patch.node('Reshape', `${at}/shaped`, [term, patch.list(`${at}/shape`, shape)]);
  });
  const last = terms.pop() as string;
  const sum = terms.slice(1).reduce((a, b, i) => patch.node('Add', `${name}/sum_${i + 1}`, [a, b]), terms[0]);
  return patch.root('Add', [sum, last]);
}

const stacked = node('MatMul', 'product', any('x'), constant('w'));

/** An output projection written as one product for each head, requantised and summed over the heads. */
export const SPLIT_PROJECTIONS: readonly Rule[] = [false, true].flatMap((biased) =>
  [false, true].map((listedAxes): Rule => {
    const terms = requantised(biased ? node('Add', 'bias', stacked, constant('b')) : stacked, 'requant');
    return {
      name: `the sum over heads of products${biased ? ' with biases' : ''} is one linear layer for each${listedAxes ? '' : ' (axes as an attribute)'}`,
      pattern: node('ReduceSum', 'sum', terms, ...(listedAxes ? [constant('axes')] : [])),
      where: (match) => (projected(match)?.x.heads ?? 0) > 1,
      replace: splitProjection,
    };
  }),
);
