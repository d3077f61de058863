/**
 * Quantised operators of standard ONNX: (x - zero point) · scale is the real value. Results are requantised in single
 * precision, as ONNX Runtime does: round(f32(sum) · f32(f32(a · b) / y)), halves to even, plus the zero point, clipped.
 */
import { numberAttribute } from '../graph/attributes.ts';
import type { ElementType, Node } from '../graph/graph.ts';
import { convolution } from './convolution.ts';
import { pairwise } from './elementwise.ts';
import { clamp, mapped } from './levels.ts';
import { gemmAs, matMulAs, withoutZero } from './linear.ts';
import { pooled, stated, termsOf, wholeWindow } from './pool.ts';
import { broadcastTo, type Operator, type Value } from './value.ts';
import type { WindowAxis } from '../graph/window.ts';

/** The bounds of the integer types a result can have. */
const RANGE: Readonly<Partial<Record<ElementType, readonly [least: number, most: number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** The nearest integer, halves to the even one. */
export function roundEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

const f32 = Math.fround;
const zeroOf = (zeroPoint: Value | undefined): number => zeroPoint?.data[0] ?? 0;

/** A scale or zero point for each element of a tensor of `shape`: one, or one along the axis of that many entries. */
function along(parameter: Value, shape: readonly number[], axis: number): Value['data'] {
  const own =
    parameter.data.length === 1 ? [] : shape.map((_, i) => (i === axis ? parameter.data.length : 1));
  return broadcastTo({ ...parameter, shape: own }, shape).data;
}

/** round(x · factor) + zero point, clipped to the type of the zero point. */
function rescaled(
  x: Value,
  factor: (i: number) => number,
  zeroPoint: Value | undefined,
  fallback: ElementType = 'uint8',
): Value {
  const type = zeroPoint?.type ?? fallback;
  const [least, most] = RANGE[type] ?? [-Infinity, Infinity];
  const zero = zeroOf(zeroPoint);
  return mapped(x, type, (v, i) => clamp(roundEven(f32(f32(v) * factor(i))) + zero, least, most));
}

const quantizeLinear: Operator = (node, [x, scale, zeroPoint]) => {
  const axis = numberAttribute(node, 'axis', 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  const scales = along(scale, x.shape, at);
  const zeros = zeroPoint && along(zeroPoint, x.shape, at);
  const type = zeroPoint?.type ?? 'uint8';
  const [least, most] = RANGE[type] ?? [-Infinity, Infinity];
  return mapped(x, type, (v, i) =>
    clamp(roundEven(f32(f32(v) / scales[i])) + (zeros ? zeros[i] : 0), least, most),
  );
};

const dequantizeLinear: Operator = (node, [x, scale, zeroPoint]) => {
  const axis = numberAttribute(node, 'axis', 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  const scales = along(scale, x.shape, at);
  const zeros = zeroPoint && along(zeroPoint, x.shape, at);
  return mapped(x, 'float32', (v, i) => f32(v - (zeros ? zeros[i] : 0)) * scales[i]);
};

/** f32(f32(a · b) / y), with b for each element along `axis` of the result. */
function multiplier(
  [a, b, y]: readonly Value[],
  shape: readonly number[],
  axis: number,
): (i: number) => number {
  const [sa, sy] = [f32(a.data[0]), f32(y.data[0])];
  if (b.data.length === 1) {
    const all = f32(f32(sa * b.data[0]) / sy);
    return () => all;
  }
  const each = along(b, shape, axis);
  return (i) => f32(f32(sa * each[i]) / sy);
}

/** Sums times one factor, or one along `axis`: what is left of the scales of a product (passes/decompose.ts). */
export const quantizeProduct: Operator = (node, [x, factor, zeroPoint]) => {
  const axis = numberAttribute(node, 'axis', -1);
  const each = along(factor, x.shape, axis < 0 ? axis + x.shape.length : axis);
  return rescaled(x, (i) => each[i], zeroPoint);
};

const qLinearMatMul: Operator = (_, [a, sa, za, b, sb, zb, sy, zy]) => {
  const product = matMulAs(withoutZero(a, za, 2), withoutZero(b, zb), 'int32');
  return rescaled(product, multiplier([sa, sb, sy], product.shape, product.shape.length - 1), zy);
};

const qLinearConv: Operator = (node, [x, sx, zx, w, sw, zw, sy, zy, b]) => {
  const operands = [withoutZero(x, zx), withoutZero(w, zw, w.shape.length)];
  const sum = convolution(node, b ? [...operands, b] : operands, 'int32');
  return rescaled(sum, multiplier([sx, sw, sy], sum.shape, 1), zy);
};

const qGemm: Operator = (node, [a, sa, za, b, sb, zb, c, sy, zy]) => {
  const plain: Node = { ...node, attributes: { ...node.attributes, alpha: 1, beta: 1 } };
  const alpha = numberAttribute(node, 'alpha', 1);
  const transB = numberAttribute(node, 'transB', 0) !== 0;
  const operands = [withoutZero(a, za), withoutZero(b, zb, transB ? 2 : 1)];
  const sum = gemmAs(plain, c ? [...operands, c] : operands, 'int32');
  const one: Value = { type: 'float32', shape: [], data: Float32Array.of(1) };
  const scaled: Value = { ...sa, data: Float32Array.of(f32(alpha * sa.data[0])) };
  const factor = multiplier([scaled, sb, sy ?? one], sum.shape, sum.shape.length - 1);
  return sy ? rescaled(sum, factor, zy) : mapped(sum, 'float32', (v, i) => f32(v) * factor(i));
};

/** The real value of an element: (x - zero point) · scale in single precision. */
const real = (scale: Value, zeroPoint: Value | undefined) => (v: number) =>
  f32(f32(v - zeroOf(zeroPoint)) * scale.data[0]);

/** a op b in single precision, then the quantisation of the result. */
const qLinearPair =
  (of: (a: number, b: number) => number): Operator =>
  (_, [a, sa, za, b, sb, zb, sy, zy]) => {
    const [x, y] = [real(sa, za), real(sb, zb)];
    const result = pairwise(a, b, 'float32', (p, q) => of(x(p), y(q)));
    const scale = sy.data[0];
    const [least, most] = RANGE[zy?.type ?? a.type] ?? [-Infinity, Infinity];
    return mapped(result, zy?.type ?? a.type, (v) =>
      clamp(roundEven(f32(v / scale)) + zeroOf(zy), least, most),
    );
  };

/** The mean of the integers, its zero point exchanged and its scale changed. */
const qLinearAverage =
  (windowFor: (node: Node, x: Value) => readonly WindowAxis[]): Operator =>
  (node, [x, sx, zx, sy, zy]) => {
    const zero = zeroOf(zx);
    const ratio = f32(sx.data[0] / sy.data[0]);
    const wide: Value = { ...x, type: 'float64', data: Float64Array.from(x.data) };
    const mean = pooled(wide, windowFor(node, x), (inside, taps) => {
      const sum = inside.reduce((s, v) => s + v - zero, 0);
      return sum / termsOf(node, inside, taps);
    });
    return rescaled(mean, () => ratio, zy ?? { ...x, data: new Int32Array(1) });
  };

export const QUANTISED: Readonly<Record<string, Operator>> = {
  DequantizeLinear: dequantizeLinear,
  QGemm: qGemm,
  QLinearAdd: qLinearPair((a, b) => f32(a + b)),
  QLinearAveragePool: qLinearAverage(stated),
  QLinearConv: qLinearConv,
  QLinearGlobalAveragePool: qLinearAverage((_, x) => wholeWindow(x)),
  QLinearMatMul: qLinearMatMul,
  QLinearMul: qLinearPair((a, b) => f32(a * b)),
  QuantizeLinear: quantizeLinear,
};
