/**
 * Networks in QDQ form, real operators between DequantizeLinear and QuantizeLinear, as integer ones: each such group is
 * the quantised operator it stands for (ONNX QLinear*, ONNX Runtime's contributed operators), or one that moves integers.
 */
import { numberAttribute } from '../graph/attributes.ts';
import { fromNumbers, numeric } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { inferShapes } from '../graph/shapes.ts';
import { any, node, rewrite, type Match, type Pattern, type Rule } from './rewrite.ts';

const dequantised = (as: string): Pattern => node('DequantizeLinear', as);

/** QuantizeLinear of `of`, with a zero point and without. */
const quantisedOf = (of: Pattern): readonly Pattern[] => [
  node('QuantizeLinear', 'q', of, any('scale'), any('zero')),
  node('QuantizeLinear', 'q', of, any('scale')),
];

/** A quantised tensor: its integers, scale and zero point. */
interface Quantised {
  readonly x: Tensor;
  readonly scale: Tensor;
  readonly zero: Tensor;
  /** Along which the scales differ. */
  readonly axis: number;
}

/** The inputs of a (De)QuantizeLinear node; an omitted zero point is 0, of the type the node implies. */
function quantised(match: Match, as: string): Quantised {
  const at = match.node(as);
  const [x, scale] = at.inputs.map((name) => name && match.named(name)) as Tensor[];
  const type = at.op === 'QuantizeLinear' ? 'uint8' : x.type;
  const zero: Tensor =
    at.inputs.length > 2 && at.inputs[2] !== ''
      ? match.named(at.inputs[2])
      : { name: `${at.name}/zero`, type, shape: [], data: fromNumbers(type, [0]) };
  const axis = numberAttribute(at, 'axis', 1);
  return { x, scale, zero, axis: axis < 0 ? axis + x.shape.length : axis };
}

const single = ({ scale, zero }: Quantised): boolean =>
  elements(scale.shape) === 1 && elements(zero.shape) === 1;

/** One scale, or one for each entry along `axis`. */
const along = (value: Quantised, axis: number): boolean => single(value) || value.axis === axis;

const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.abs(b);

/** Whether a bias is quantised as the sum it is added to: by the product of the scales, without a zero point. */
function fitsSum(bias: Quantised, x: Quantised, w: Quantised): boolean {
  const [own, sx, sw, zero] = [bias.scale, x.scale, w.scale, bias.zero].map(
    ({ data }) => data && numeric(data),
  );
  if (bias.x.type !== 'int32' || !own || !sx || !sw || !zero) return false;
  return (
    zero.every((z) => z === 0) &&
    (own.length === sw.length || sw.length === 1) &&
    own.every((s, i) => close(s, sx[0] * sw[sw.length === 1 ? 0 : i]))
  );
}

const equal = (a: Tensor, b: Tensor): boolean =>
  a.data !== undefined && b.data !== undefined && a.type === b.type && a.data.join() === b.data.join();

/** Whether clipping to the result's type is a Relu already: the zero point is the least value. */
const clipsAtZero = ({ zero }: Quantised): boolean =>
  zero.data !== undefined && Number(zero.data[0]) === (zero.type === 'uint8' ? 0 : -128);

/** A node in place of the match's root, with the tensors it mentions. */
function replaced(
  match: Match,
  op: string,
  domain: string,
  source: string,
  inputs: readonly Tensor[],
): { nodes: Node[]; tensors: Tensor[] } {
  const { name, outputs } = match.root;
  const { attributes } = match.node(source);
  return {
    nodes: [{ name, op, domain, inputs: inputs.map((t) => t.name), outputs, attributes }],
    tensors: inputs.filter(({ data }) => data),
  };
}

/** Sums of products: two operands and perhaps a bias. */
function product(
  op: string,
  domain: string,
  to: string,
  filterAxis: (node: Node, w: Tensor) => number,
): Rule[] {
  const rows = [false, true].flatMap((biased) => [false, true].map((relu) => ({ biased, relu })));
  return rows.flatMap(({ biased, relu }) => {
    const sum = node(op, 'sum', dequantised('x'), dequantised('w'), ...(biased ? [dequantised('b')] : []));
    return quantisedOf(relu ? node('Relu', 'relu', sum) : sum).map((pattern): Rule => ({
      name: `QDQ ${op}${biased ? ' with a bias' : ''}${relu ? ' and Relu' : ''} becomes ${to}`,
      pattern,
      where: (match) => {
        const [x, w, y] = ['x', 'w', 'q'].map((as) => quantised(match, as));
        const sumNode = match.node('sum');
        return (
          single(x) &&
          single(y) &&
          along(w, filterAxis(sumNode, w.x)) &&
          (!relu || clipsAtZero(y)) &&
          (!biased || fitsSum(quantised(match, 'b'), x, w)) &&
          numberAttribute(sumNode, 'beta', 1) === 1 &&
          numberAttribute(sumNode, 'alpha', 1) === 1
        );
      },
      replace: (match) => {
        const [x, w, y] = ['x', 'w', 'q'].map((as) => quantised(match, as));
        const operands = [x.x, x.scale, x.zero, w.x, w.scale, w.zero];
        const bias = biased ? [quantised(match, 'b').x] : [];
        const result = [y.scale, y.zero];
        // QGemm has the bias before the scale of the result; without one its place stays empty.
        const none: Tensor = { name: '', type: 'int32', shape: [] };
        const inputs =
          to === 'QGemm' ? [...operands, bias[0] ?? none, ...result] : [...operands, ...result, ...bias];
        return replaced(match, to, domain, 'sum', inputs);
      },
    }));
  });
}

const pair = (op: string): Rule[] =>
  quantisedOf(node(op, 'pair', dequantised('a'), dequantised('b'))).map((pattern) => ({
    name: `QDQ ${op} becomes QLinear${op}`,
    pattern,
    where: (match) => ['a', 'b', 'q'].every((as) => single(quantised(match, as))),
    replace: (match) => {
      const [a, b, y] = ['a', 'b', 'q'].map((as) => quantised(match, as));
      return replaced(match, `QLinear${op}`, 'com.microsoft', 'pair', [
        a.x,
        a.scale,
        a.zero,
        b.x,
        b.scale,
        b.zero,
        y.scale,
        y.zero,
      ]);
    },
  }));

const average = (op: string): Rule[] =>
  quantisedOf(node(op, 'pool', dequantised('x'))).map((pattern) => ({
    name: `QDQ ${op} becomes QLinear${op}`,
    pattern,
    where: (match) => ['x', 'q'].every((as) => single(quantised(match, as))),
    replace: (match) => {
      const [x, y] = ['x', 'q'].map((as) => quantised(match, as));
      return replaced(match, `QLinear${op}`, 'com.microsoft', 'pool', [
        x.x,
        x.scale,
        x.zero,
        y.scale,
        y.zero,
      ]);
    },
  }));

/** Operators that treat integers as they treat the real numbers these stand for, and how many inputs may follow x. */
const MOVING: Readonly<Record<string, readonly number[]>> = {
  Flatten: [0],
  GlobalMaxPool: [0],
  Identity: [0],
  MaxPool: [0],
  Reshape: [1],
  Slice: [0, 2, 3, 4],
  Squeeze: [0, 1],
  Transpose: [0],
  Unsqueeze: [0, 1],
};

/** QuantizeLinear of a moving operator of DequantizeLinear, both by one scale. */
const moving = (op: string, further: number): Rule[] =>
  quantisedOf(
    node(op, 'move', dequantised('x'), ...Array.from({ length: further }, (_, i) => any(`further${i}`))),
  ).map((pattern) => ({
    name: `QDQ ${op} works on integers`,
    pattern,
    where: (match) => {
      const [x, y] = ['x', 'q'].map((as) => quantised(match, as));
      return single(x) && equal(x.scale, y.scale) && equal(x.zero, y.zero);
    },
    replace: (match) => {
      const move = match.node('move');
      const inputs = [quantised(match, 'x').x, ...move.inputs.slice(1).map((name) => match.named(name))];
      return replaced(match, op, move.domain, 'move', inputs);
    },
  }));

const columns = (gemm: Node, w: Tensor): number =>
  numberAttribute(gemm, 'transB', 0) !== 0 ? w.shape.length - 2 : w.shape.length - 1;

/** One row per group; each is tested by name. */
export const QDQ_RULES: readonly Rule[] = [
  ...product('Conv', '', 'QLinearConv', () => 0),
  ...product('Gemm', 'com.microsoft', 'QGemm', columns),
  ...product('MatMul', '', 'QLinearMatMul', columns).filter(({ name }) => !name.includes('bias')),
  ...pair('Add'),
  ...pair('Mul'),
  ...average('AveragePool'),
  ...average('GlobalAveragePool'),
  ...Object.entries(MOVING).flatMap(([op, counts]) => counts.flatMap((further) => moving(op, further))),
];

/** The network with its QDQ groups as quantised operators; what fits no row stays in real numbers. */
export function quantisedOperators(graph: Graph): Graph {
  if (!graph.nodes.some(({ op }) => op === 'DequantizeLinear')) return graph;
  return QDQ_RULES.reduce(rewrite, inferShapes(graph));
}
