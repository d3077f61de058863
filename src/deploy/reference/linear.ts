/** Matrix products of the references: MatMul, Gemm and their integer forms (onnx.ai, operator reference). */
import { numberAttribute } from '../graph/attributes.ts';
import { isFloat, type NumericData } from '../graph/elements.ts';
import { elements, type ElementType, type Node } from '../graph/graph.ts';
import { gemmLayout } from '../graph/shapes-linear.ts';
import { resultType } from './levels.ts';
import { matmul } from './matmul.ts';
import { allocate, asTensors, broadcastTo, commonShape, gatherStrided, strides } from './value.ts';
import type { Operator, Value } from './value.ts';

/** MatMul: products over the last two axes, the axes before them broadcast. The result holds `type`. */
export function matMulAs(a: Value, b: Value, type: ElementType): Value {
  const [rows, inner] = a.shape.slice(-2);
  const columns = b.shape[b.shape.length - 1];
  const batch = commonShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = broadcastTo(a, [...batch, rows, inner]);
  const right = broadcastTo(b, [...batch, inner, columns]);
  const data = allocate(type, elements(batch) * rows * columns);
  const products = data.length === 0 ? 0 : elements(batch);
  for (let n = 0; n < products; n++) {
    matmul(
      { data: left.data, offset: n * rows * inner },
      { data: right.data, offset: n * inner * columns },
      { data, offset: n * rows * columns },
      rows,
      inner,
      columns,
    );
  }
  return { type, shape: [...batch, rows, columns], data };
}

/** The type of a product: a float if an operand is one, else `result`. */
export const productType = (a: Value, b: Value, result: ElementType = 'int32'): ElementType =>
  isFloat(b.type) ? b.type : resultType(a.type, result);

const lastTwoSwapped = (list: readonly number[]): number[] => [
  ...list.slice(0, -2),
  ...list.slice(-2).toReversed(),
];

const transposed = (value: Value): Value =>
  gatherStrided(value, lastTwoSwapped(value.shape), 0, lastTwoSwapped(strides(value.shape)));

/** alpha · A · B + beta · C, A and B transposed where the node says so. The result holds `type`. */
export function gemmAs(node: Node, [a, b, c]: readonly Value[], type: ElementType): Value {
  const [x, y] = asTensors([a, b]);
  const { transA, transB } = gemmLayout(node, x, y);
  const alpha = numberAttribute(node, 'alpha', 1);
  const beta = numberAttribute(node, 'beta', 1);
  const product = matMulAs(
    transA ? transposed(a) : a,
    transB ? transposed(b) : b,
    alpha === 1 && !c ? type : 'float64',
  );
  if (alpha === 1 && !c) return product;
  const bias: NumericData | undefined = c && broadcastTo(c, product.shape).data;
  const data = allocate(type, product.data.length);
  for (let i = 0; i < data.length; i++) data[i] = alpha * product.data[i] + (bias ? beta * bias[i] : 0);
  return { type, shape: product.shape, data };
}

/** `x` less its zero point: one for all, or one per entry of axis `axis` counted from the back. */
export function withoutZero(x: Value, zeroPoint: Value | undefined, axis = 1): Value {
  if (!zeroPoint || zeroPoint.data.every((z) => z === 0)) return x;
  const shape =
    zeroPoint.shape.length === 1 && zeroPoint.data.length > 1
      ? [zeroPoint.data.length, ...Array<number>(axis - 1).fill(1)]
      : zeroPoint.shape;
  const zero = broadcastTo({ ...zeroPoint, shape: zeroPoint.data.length === 1 ? [] : shape }, x.shape).data;
  return { type: 'int32', shape: x.shape, data: Int32Array.from(x.data, (v, i) => v - zero[i]) };
}

export const LINEAR: Readonly<Record<string, Operator>> = {
  Gemm: (node, [a, b, c]) => gemmAs(node, c ? [a, b, c] : [a, b], productType(a, b)),
  MatMul: (_, [a, b]) => matMulAs(a, b, productType(a, b)),
  MatMulInteger: (_, [a, b, za, zb]) => matMulAs(withoutZero(a, za, 2), withoutZero(b, zb), 'int32'),
};
