/** Types and shapes of products: matrices and convolutions, plain and with zero points (onnx.ai, operator reference). */
import { integersAttribute, numberAttribute } from './attributes.ts';
import { isFloat } from './elements.ts';
import { elements, type Node, type Tensor } from './graph.ts';
import {
  broadcast,
  fail,
  integerResult,
  requireEach,
  requireRank,
  requireSingle,
  text,
  type Described,
  type OperatorTable,
  type Rule,
  type Shape,
} from './rule.ts';
import { windowOf, type WindowAxis } from './window.ts';

function productShape(node: Node, a: Tensor, b: Tensor): Shape {
  requireRank(node, a, 2);
  requireRank(node, b, 2);
  const [rows, inner] = a.shape.slice(-2);
  const [innerB, columns] = b.shape.slice(-2);
  if (inner !== innerB)
    throw fail(node, `${text(a.shape)} times ${text(b.shape)}: inner sizes ${inner} and ${innerB} differ`);
  return [...broadcast(node, a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
}

const matMul: Rule = (node, [a, b]) => ({
  type: isFloat(b.type) ? b.type : integerResult(a.type, 'int32'),
  shape: productShape(node, a, b),
});

/** How the matrices of a Gemm lie: rows, inner size and columns, and whether either is transposed. */
export interface GemmLayout {
  readonly batch: Shape;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

const matrixOf = (shape: Shape, transposed: boolean): Shape =>
  transposed ? shape.slice(-2).toReversed() : shape.slice(-2);

/** The layout of a Gemm. Matrices of more than two dimensions, which ONNX does not know and exporters write, repeat. */
export function gemmLayout(node: Node, a: Tensor, b: Tensor): GemmLayout {
  requireRank(node, a, 2);
  requireRank(node, b, 2);
  const transA = numberAttribute(node, 'transA', 0) !== 0;
  const transB = numberAttribute(node, 'transB', 0) !== 0;
  const [rows, inner] = matrixOf(a.shape, transA);
  const [innerB, columns] = matrixOf(b.shape, transB);
  if (inner !== innerB)
    throw fail(node, `${text(a.shape)} times ${text(b.shape)}: inner sizes ${inner} and ${innerB} differ`);
  const batch = broadcast(node, a.shape.slice(0, -2), b.shape.slice(0, -2));
  return { batch, rows, inner, columns, transA, transB };
}

export const gemmRule: Rule = (node, [a, b, c]) => {
  const { batch, rows, columns } = gemmLayout(node, a, b);
  const shape = [...batch, rows, columns];
  if (c && text(broadcast(node, shape, c.shape)) !== text(shape)) {
    throw fail(node, `${c.name} of shape ${text(c.shape)} does not broadcast to ${text(shape)}`);
  }
  return { type: isFloat(b.type) ? b.type : integerResult(a.type, 'int32'), shape };
};

/** How a convolution divides: `group` groups of `inputs` channels each give `outputs` channels each. */
export interface ConvLayout {
  readonly batch: number;
  readonly group: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly window: readonly WindowAxis[];
}

/** The layout of a convolution of x [N, C, …] with w [M, C / group, …]. */
export function convLayout(node: Node, x: Tensor, w: Tensor): ConvLayout {
  requireRank(node, x, 3);
  if (w.shape.length !== x.shape.length) {
    throw fail(
      node,
      `${w.name} of shape ${text(w.shape)} has other dimensions than its input ${text(x.shape)}`,
    );
  }
  const [batch, channels, ...spatial] = x.shape;
  const [filters, inputs, ...kernel] = w.shape;
  const stated = integersAttribute(node, 'kernel_shape', kernel);
  if (text(stated) !== text(kernel)) {
    throw fail(node, `kernel_shape ${text(stated)} is not that of ${w.name}, ${text(kernel)}`);
  }
  const group = numberAttribute(node, 'group', 1);
  if (
    !Number.isInteger(group) ||
    group < 1 ||
    inputs < 1 ||
    inputs * group !== channels ||
    filters % group !== 0
  ) {
    throw fail(
      node,
      `${channels} channels in ${group} groups do not fit ${w.name} of shape ${text(w.shape)} ([filters, channels / groups, …])`,
    );
  }
  return { batch, group, inputs, outputs: filters / group, window: windowOf(node, spatial, kernel) };
}

export function convShape(node: Node, x: Tensor, w: Tensor): Shape {
  const { batch, group, outputs, window } = convLayout(node, x, w);
  return [batch, group * outputs, ...window.map((axis) => axis.output)];
}

export const convRule: Rule = (node, [x, w, b]) => {
  const shape = convShape(node, x, w);
  if (b && elements(b.shape) !== shape[1]) {
    throw fail(
      node,
      `its bias ${b.name} of shape ${text(b.shape)} is not one for each of ${shape[1]} filters`,
    );
  }
  return { type: isFloat(w.type) ? w.type : integerResult(x.type, 'int32'), shape };
};

const integer = (shape: Shape): Described => ({ type: 'int32', shape });

/** The type of a quantised result is that of its zero point. */
const quantised = (zeroPoint: Tensor | undefined, shape: Shape): Described => ({
  type: zeroPoint?.type ?? 'uint8',
  shape,
});

const qLinearConv: Rule = (node, [x, sx, zx, w, sw, zw, sy, zy, b]) => {
  const { shape } = convRule(node, b ? [x, w, b] : [x, w]) as Described;
  requireSingle(node, [sx, zx, sy, zy]);
  requireEach(node, [sw, zw], shape[1], 'filters');
  return quantised(zy, shape);
};

const qGemm: Rule = (node, inputs) => {
  const [a, sa, za, b, sb, zb, c, sy, zy] = inputs;
  const { shape } = gemmRule(node, c ? [a, b, c] : [a, b]) as Described;
  requireSingle(node, [sa, za, sy, zy]);
  requireEach(node, [sb, zb], shape[shape.length - 1], 'columns');
  return sy ? quantised(zy, shape) : { type: 'float32', shape };
};

export const LINEAR_SHAPES: OperatorTable = {
  Conv: { set: 'ONNX', inputs: [2, 3], rule: convRule },
  ConvInteger: {
    set: 'ONNX',
    inputs: [2, 4],
    since: 10,
    rule: (node, [x, w, zx, zw]) => {
      requireSingle(node, [zx]);
      requireEach(node, [zw], w.shape[0], 'filters');
      return integer(convShape(node, x, w));
    },
  },
  Gemm: { set: 'ONNX', inputs: [2, 3], rule: gemmRule },
  MatMul: { set: 'ONNX', inputs: [2, 2], rule: matMul },
  MatMulInteger: {
    set: 'ONNX',
    inputs: [2, 4],
    since: 10,
    rule: (node, [a, b, za, zb]) => {
      const shape = productShape(node, a, b);
      requireEach(node, [za], a.shape[a.shape.length - 2], 'rows');
      requireEach(node, [zb], b.shape[b.shape.length - 1], 'columns');
      return integer(shape);
    },
  },
  QGemm: { set: 'com.microsoft', scales: true, inputs: [6, 9], gaps: [2, 5], rule: qGemm },
  QLinearConv: { set: 'ONNX', scales: true, inputs: [8, 9], since: 10, rule: qLinearConv },
  QLinearMatMul: {
    set: 'ONNX',
    scales: true,
    inputs: [8, 8],
    since: 10,
    rule: (node, [a, sa, za, b, sb, zb, sy, zy]) => {
      const shape = productShape(node, a, b);
      requireSingle(node, [sa, za, sy, zy]);
      requireEach(node, [sb, zb], shape[shape.length - 1], 'columns');
      return quantised(zy, shape);
    },
  },
};
