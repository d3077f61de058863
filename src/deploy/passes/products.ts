/** Products that no accelerator pattern took, as the one Gemm whose kernel does what stands around them, fastest along the sum. */
import { integersAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elements.ts';
import type { Node, Tensor } from '../graph/graph.ts';
import { any, constant, node, type Match, type Rule } from './rewrite.ts';

const gemm = (match: Match, inputs: readonly Tensor[], transB: 0 | 1): { nodes: Node[] } => ({
  nodes: [
    {
      name: match.root.name,
      op: 'Gemm',
      domain: '',
      inputs: inputs.map(({ name }) => name),
      outputs: match.root.outputs,
      attributes: { transB, sources: match.sources },
    },
  ],
});

/** Rows and inner size from which a product gains more from operands along the sum than their transposition takes. */
const LEAST_ROWS = 16;
const LEAST_INNER = 16;

function freshName(match: Match, name: string): string {
  return match.isTaken(name) ? freshName(match, `${name}_`) : name;
}

/** Whether a Transpose swaps the last two axes and leaves the others. */
function swapsLast(transpose: Node, { shape }: Tensor): boolean {
  const rank = shape.length;
  const axes = shape.map((_, i) => i);
  const perm = integersAttribute(transpose, 'perm', axes.toReversed());
  return rank >= 2 && perm.join() === [...axes.slice(0, -2), rank - 1, rank - 2].join();
}

/** Whether a tensor of shape `own` stretches to `shape` as it is. */
const stretches = (own: readonly number[], shape: readonly number[]): boolean =>
  own.length <= shape.length &&
  own.toReversed().every((size, i) => size === 1 || size === shape[shape.length - 1 - i]);

const ofIntegers = (match: Match, names: readonly string[]): boolean =>
  names.every((name) => !isFloat(match.tensor(name).type) && match.tensor(name).type !== 'int64');

export const PRODUCT_RULES: readonly Rule[] = [
  {
    name: 'MatMul with a transposed right operand is a Gemm',
    pattern: node('MatMul', 'product', any('a'), node('Transpose', 'turned', any('b'))),
    where: (match) => ofIntegers(match, ['a', 'b']) && swapsLast(match.node('turned'), match.tensor('b')),
    replace: (match) => gemm(match, [match.tensor('a'), match.tensor('b')], 1),
  },
  {
    name: 'MatMul and the Add of a constant are a Gemm',
    pattern: node('Add', 'sum', node('MatMul', 'product', any('a'), any('b')), constant('c')),
    where: (match) => {
      const sums = match.named(match.node('product').outputs[0]).shape;
      return ofIntegers(match, ['a', 'b', 'c']) && stretches(match.tensor('c').shape, sums);
    },
    replace: (match) => gemm(match, [match.tensor('a'), match.tensor('b'), match.tensor('c')], 0),
  },
  {
    name: 'MatMul by bytes that are no constant is a Gemm with them transposed',
    pattern: node('MatMul', 'product', any('a'), any('b')),
    where: (match) => {
      const [a, b] = [match.tensor('a'), match.tensor('b')];
      const [rows, inner] = a.shape.slice(-2);
      const fast = b.type === 'int8' && (a.type === 'int8' || a.type === 'uint8');
      return fast && !b.data && rows >= LEAST_ROWS && inner >= LEAST_INNER;
    },
    replace: (match) => {
      const { root } = match;
      const [a, b] = [match.tensor('a'), match.tensor('b')];
      const rank = b.shape.length;
      const axes = b.shape.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
      const turned: Tensor = {
        name: freshName(match, `${b.name}.along`),
        type: b.type,
        shape: axes.map((i) => b.shape[i]),
      };
      const transpose: Node = {
        name: `${root.name}/along`,
        op: 'Transpose',
        domain: '',
        inputs: [b.name],
        outputs: [turned.name],
        attributes: { perm: axes, sources: match.sources },
      };
      const { nodes } = gemm(match, [a, turned], 1);
      return { nodes: [transpose, ...nodes], tensors: [turned] };
    },
  },
];
