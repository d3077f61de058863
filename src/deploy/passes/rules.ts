/**
 * The rewrites from the operators of an integer ONNX file to the nodes the engines execute (domain `engine`):
 *
 *     Linear         x W [b]      y = requant(x·W + b), then max(y, 0) with relu = 1; transposed = 1 writes yᵀ
 *     AttentionHead  q k vᵀ       o = requant(P·V), P = softmax of requant(q·kᵀ)
 *     Sum            x…           int32 sum of int8 tensors; exists between rules only
 *     RequantSum     x…           requant of the sum
 *     NormSum        w b x…       iNoNorm of the sum; of x itself when there is one
 *     GatherRows     table ids    row s holds table[ids[s + offset]] for each of `offsets`; zeros beyond the ends
 */
import { integersAttribute, numberAttribute } from '../graph/attributes.ts';
import { ARRAY } from '../graph/elements.ts';
import type { Attribute, Node, Tensor } from '../graph/graph.ts';
import { axisOf, sliceRanges } from '../graph/shapes.ts';
import { ADDEND_INTO_BIAS } from './addend.ts';
import type { Pass } from './pass.ts';
import { PRODUCT_RULES } from './products.ts';
import { any, constant, node, type Match, type Replacement, type Rule } from './rewrite.ts';
import { requantShift } from './requant.ts';

export const ENGINE = 'engine';

/** A node of the engine domain that takes the place of the match's root. */
const engine = (
  match: Match,
  op: string,
  inputs: readonly string[],
  attributes: Record<string, Attribute> = {},
  output = match.root.outputs[0],
): Node => ({
  name: match.root.name,
  op,
  domain: ENGINE,
  inputs,
  outputs: [output],
  attributes: { ...attributes, sources: match.sources },
});

const linear = (match: Match): { nodes: Node[] } => ({
  nodes: [
    engine(
      match,
      'Linear',
      ['x', 'w', 'b'].filter((role) => match.has(role)).map((role) => match.tensor(role).name),
      { ...requantShift(match.node('requant'), match.tensor('mul'), match.tensor('add')) },
    ),
  ],
});

/** A constant matrix with its axes swapped. */
function transposed(match: Match, { type, shape, data, name }: Tensor): Tensor {
  const [rows, columns] = shape;
  const turned = new ARRAY[type](rows * columns);
  data?.forEach((value, i) => {
    turned[(i % columns) * rows + Math.floor(i / columns)] = value;
  });
  let own = `${name}.transposed`;
  while (match.isTaken(own)) own = `${own}_`;
  return { name: own, type, shape: [columns, rows], data: turned };
}

/** Whether a Gemm is x · w [+ b] with a constant matrix, perhaps transposed. */
function isPlainGemm(match: Match): boolean {
  const gemm = match.node('gemm');
  const [alpha, beta] = ['alpha', 'beta'].map((role) => numberAttribute(gemm, role, 1));
  const bias = !match.has('b') || (match.tensor('b').shape.length === 1 && beta === 1);
  return alpha === 1 && bias && numberAttribute(gemm, 'transA', 0) === 0 && match.tensor('w').type === 'int8';
}

const gemmLinear = (match: Match): Replacement => {
  const w = match.tensor('w');
  const weight = numberAttribute(match.node('gemm'), 'transB', 0) === 0 ? w : transposed(match, w);
  const requant = requantShift(match.node('requant'), match.tensor('mul'), match.tensor('add'));
  const bias = match.has('b') ? [match.tensor('b').name] : [];
  return {
    nodes: [engine(match, 'Linear', [match.tensor('x').name, weight.name, ...bias], { ...requant })],
    tensors: [weight],
  };
};

const product = node('MatMul', 'product', any('x'), constant('w'));
const isMatrix = (match: Match): boolean => match.tensor('w').shape.length === 2;
const requantOf = (of: ReturnType<typeof any>, as = 'requant'): ReturnType<typeof any> =>
  node(
    'RequantShift',
    as,
    of,
    constant(as === 'requant' ? 'mul' : `${as}.mul`),
    constant(as === 'requant' ? 'add' : `${as}.add`),
  );

/** The tensors a Sum adds up, seen through sums of sums. */
const terms = (match: Match, tensor: string): readonly string[] => {
  const producer = match.producer(tensor);
  return producer?.op === 'Sum' && producer.domain === ENGINE ? producer.inputs : [tensor];
};

const norm = (match: Match, inputs: readonly string[]): { nodes: Node[] } => {
  const root = match.node('norm');
  const attributes = {
    D: numberAttribute(root, 'D'),
    mul: numberAttribute(root, 'mul'),
    n_levels: numberAttribute(root, 'n_levels', 256),
  };
  return {
    nodes: [
      engine(
        match,
        'NormSum',
        [match.tensor('weight').name, match.tensor('bias').name, ...inputs],
        attributes,
      ),
    ],
  };
};

const isZero = ({ data }: Tensor): boolean => data?.every((value) => Number(value) === 0) ?? false;

/** A tensor as another one moved by whole rows with zeros moved in: row s is row s + offset of `source`. */
function movedRows(match: Match, tensor: string): { source: Node; offset: number } | undefined {
  const producer = match.producer(tensor);
  if (producer?.op === 'GatherRows') return { source: producer, offset: 0 };
  if (producer?.op !== 'Concat' || producer.inputs.length !== 2) return undefined;
  const rank = match.named(tensor).shape.length;
  if (axisOf(producer, numberAttribute(producer, 'axis'), rank) !== rank - 2) return undefined;
  const parts = producer.inputs.map((name) => match.named(name));
  const moved = parts.findIndex((part) => !isZero(part));
  const zeros = parts[1 - moved];
  if (moved < 0 || !isZero(zeros)) return undefined;
  const slice = match.producer(parts[moved].name);
  const source = slice && match.producer(slice.inputs[0]);
  if (slice?.op !== 'Slice' || source?.op !== 'GatherRows') return undefined;
  const rows = match.named(tensor).shape[rank - 2];
  const ranges = sliceRanges(
    slice,
    slice.inputs.map((name) => match.named(name)),
  );
  const [range] = ranges;
  if (ranges.length !== 1 || range.axis !== rank - 2 || range.step !== 1) return undefined;
  const count = zeros.shape[rank - 2];
  if (match.named(slice.inputs[0]).shape[rank - 2] !== rows) return undefined;
  if (moved === 0 && range.start === count) return { source, offset: count };
  if (moved === 1 && range.start === 0) return { source, offset: -count };
  return undefined;
}

/** The parts of a row-wise concatenation of moved copies of one gather; undefined when it is something else. */
function movedParts(match: Match): { table: string; ids: string; offsets: number[] } | undefined {
  const { inputs, outputs } = match.root;
  const rank = match.named(outputs[0]).shape.length;
  if (rank < 2 || axisOf(match.root, numberAttribute(match.root, 'axis'), rank) !== rank - 1)
    return undefined;
  const parts = inputs.map((input) => movedRows(match, input));
  const [first] = parts;
  if (!first || !parts.every((part) => part !== undefined && part.source === first.source)) return undefined;
  const own = (first.source.attributes.offsets as readonly number[])[0];
  if (own !== 0) return undefined;
  const [table, ids] = first.source.inputs;
  return { table, ids, offsets: parts.map((part) => part?.offset ?? 0) };
}

/** Whether a Transpose of a matrix swaps its axes, as ONNX does unless told otherwise. */
const swapsAxes = (transpose: Node): boolean => integersAttribute(transpose, 'perm', [1, 0]).join() === '1,0';

/** Linear layers of the accelerator. */
const LINEAR: readonly Rule[] = [
  {
    name: 'MatMul, Add and RequantShift become Linear',
    pattern: requantOf(node('Add', 'bias', product, constant('b'))),
    where: isMatrix,
    replace: linear,
  },
  {
    name: 'MatMul and RequantShift become Linear without bias',
    pattern: requantOf(product),
    where: isMatrix,
    replace: linear,
  },
  {
    name: 'Gemm with a bias and RequantShift become Linear',
    pattern: requantOf(node('Gemm', 'gemm', any('x'), constant('w'), constant('b'))),
    where: isPlainGemm,
    replace: gemmLinear,
  },
  {
    name: 'Gemm and RequantShift become Linear without bias',
    pattern: requantOf(node('Gemm', 'gemm', any('x'), constant('w'))),
    where: isPlainGemm,
    replace: gemmLinear,
  },
];

/** Activations of linear layers. */
const RELU: readonly Rule[] = [
  {
    name: 'Relu after Linear is its activation',
    pattern: node('Relu', 'relu', node('Linear', 'linear')),
    replace: (match) => {
      const before = match.node('linear');
      return { nodes: [engine(match, 'Linear', before.inputs, { ...before.attributes, relu: 1 })] };
    },
  },
];

/** Heads of attention on the accelerator. */
const ATTENTION: readonly Rule[] = [
  {
    name: 'MatMul, softmax and MatMul become AttentionHead',
    pattern: requantOf(
      node(
        'MatMul',
        'values',
        node(
          'ITAPartialMax',
          'softmax',
          requantOf(node('MatMul', 'logits', any('q'), node('Transpose', 'keys', any('k'))), 'scale'),
        ),
        any('v'),
      ),
    ),
    where: (match) =>
      [match.tensor('q'), match.tensor('v')].every(({ shape }) => shape.length === 2) &&
      swapsAxes(match.node('keys')),
    replace: (match) => {
      const scale = requantShift(match.node('scale'), match.tensor('scale.mul'), match.tensor('scale.add'));
      const requant = requantShift(match.node('requant'), match.tensor('mul'), match.tensor('add'));
      return {
        nodes: [
          engine(
            match,
            'AttentionHead',
            [match.tensor('q').name, match.tensor('k').name, match.tensor('v').name],
            {
              ...requant,
              logits_mul: scale.mul,
              logits_add: scale.add,
              logits_shift: scale.shift,
              softmax_shift: numberAttribute(match.node('softmax'), 'softmax_shift'),
              transposed: 0,
            },
          ),
        ],
      };
    },
  },
  {
    name: 'a Linear that feeds the values of AttentionHead is produced transposed',
    pattern: node('AttentionHead', 'head', any('q'), any('k'), node('Linear', 'value')),
    where: (match) => match.node('head').attributes.transposed === 0,
    replace: (match) => {
      const { head, value } = { head: match.node('head'), value: match.node('value') };
      const plain = match.named(value.outputs[0]);
      const transposed: Tensor = {
        name: `${plain.name}.transposed`,
        type: plain.type,
        shape: plain.shape.toReversed(),
      };
      const [q, k] = head.inputs;
      return {
        tensors: [transposed],
        nodes: [
          {
            ...value,
            name: `${value.name}.transposed`,
            outputs: [transposed.name],
            attributes: { ...value.attributes, transposed: 1, of: plain.name },
          },
          { ...head, inputs: [q, k, transposed.name], attributes: { ...head.attributes, transposed: 1 } },
        ],
      };
    },
  },
];

/** Look-ups by DMA. */
const GATHER: readonly Rule[] = [
  {
    name: 'Gather of table rows becomes GatherRows',
    pattern: node('Gather', 'gather', constant('table'), any('ids')),
    where: (match) =>
      numberAttribute(match.root, 'axis', 0) === 0 &&
      match.tensor('table').shape.length === 2 &&
      match.tensor('ids').shape.length === 1,
    replace: (match) => ({
      nodes: [
        engine(match, 'GatherRows', [match.tensor('table').name, match.tensor('ids').name], { offsets: [0] }),
      ],
    }),
  },
  {
    name: 'Concat of a gather with its moved copies is one GatherRows',
    pattern: node('Concat', 'concat'),
    where: (match) => movedParts(match) !== undefined,
    replace: (match) => {
      const parts = movedParts(match);
      if (!parts) throw new Error(`${match.root.name} matched no longer`);
      const { table, ids, offsets } = parts;
      return { nodes: [engine(match, 'GatherRows', [table, ids], { offsets })] };
    },
  },
];

/** Sums and affine maps of int8 tensors, in tiles. */
const SUM: readonly Rule[] = [
  {
    name: 'Add of tensors becomes Sum, sums of sums one Sum',
    pattern: node('Add', 'add', any('a'), any('b')),
    where: (match) => {
      const [a, b] = [match.tensor('a'), match.tensor('b')];
      const summable = (t: Tensor): boolean => t.type === 'int8' || match.producer(t.name)?.op === 'Sum';
      return summable(a) && summable(b) && a.shape.join() === b.shape.join();
    },
    replace: (match) => ({
      nodes: [
        engine(
          match,
          'Sum',
          match.root.inputs.flatMap((input) => terms(match, input)),
        ),
      ],
    }),
  },
  {
    name: 'RequantShift of Sum becomes RequantSum',
    pattern: requantOf(node('Sum', 'sum')),
    replace: (match) => ({
      nodes: [
        engine(match, 'RequantSum', match.node('sum').inputs, {
          ...requantShift(match.node('requant'), match.tensor('mul'), match.tensor('add')),
        }),
      ],
    }),
  },
  {
    name: 'iNoNorm of Sum becomes NormSum',
    pattern: node('iNoNorm', 'norm', node('Sum', 'sum'), constant('weight'), constant('bias')),
    replace: (match) => norm(match, match.node('sum').inputs),
  },
  {
    name: 'iNoNorm becomes NormSum of one tensor',
    pattern: node('iNoNorm', 'norm', any('x'), constant('weight'), constant('bias')),
    where: (match) => match.tensor('x').type === 'int8',
    replace: (match) => norm(match, [match.tensor('x').name]),
  },
];

/** Applied in this order; each rule has a test named after it. */
export const ENGINE_PASSES: readonly Pass[] = [
  {
    name: 'fuse-linear',
    does: 'products with a constant matrix, their bias and requantisation become linear layers of the accelerator',
    accelerator: true,
    rules: LINEAR,
  },
  {
    name: 'fuse-relu',
    does: 'Relu after a linear layer is its activation',
    accelerator: true,
    rules: RELU,
  },
  {
    name: 'fold-addends',
    does: 'addends of requantisations that the accelerator cannot add after scaling move into the bias',
    accelerator: true,
    rules: [ADDEND_INTO_BIAS],
  },
  {
    name: 'fuse-head',
    does: 'a head of attention becomes one run of the accelerator, its values written transposed by their linear layer',
    accelerator: true,
    rules: ATTENTION,
  },
  {
    name: 'fuse-gather',
    does: 'rows taken from a table, and joined with their neighbours, are fetched by the DMA',
    rules: GATHER,
  },
  {
    name: 'fuse-sum',
    does: 'sums of int8 tensors become one step with their requantisation or normalisation',
    rules: SUM,
  },
  {
    name: 'fuse-product',
    does: 'products left for the harts take up the bias that is added to them, and have their right operand transposed',
    rules: PRODUCT_RULES,
  },
];

/** All of them, in order. */
export const RULES: readonly Rule[] = ENGINE_PASSES.flatMap(({ rules = [] }) => rules);
