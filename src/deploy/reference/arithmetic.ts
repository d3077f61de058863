/**
 * The integer arithmetic of the reference, written from the specification alone and sharing nothing with the model of
 * the accelerator. ONNX operators as onnx.ai defines them; RequantShift and iNoNorm as the PULP integer dialect does;
 * ITAPartialMax as the accelerator specification's §8, "Streaming softmax".
 */
import { DeployError } from '../../errors.ts';
import { numberAttribute } from '../graph/attributes.ts';
import { isFloat, type NumericData } from '../graph/elements.ts';
import { elements, type ElementType } from '../graph/graph.ts';
import { matmul } from './matmul.ts';
import { allocate, broadcastTo, type Operator, type Value } from './value.ts';

/** Integers carried in floats stay there; others take the type of the operator's result. */
const resultType = (input: ElementType, result: ElementType): ElementType =>
  isFloat(input) ? input : result;

/** The common shape of two operands (ONNX "Broadcasting"). */
function commonShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    return x === 1 ? (b[b.length - rank + i] ?? 1) : x;
  });
}

/** MatMul: products over the last two axes, the axes before them broadcast. The result holds `type`. */
export function matMulAs(a: Value, b: Value, type: ElementType): Value {
  const [rows, inner] = a.shape.slice(-2);
  const columns = b.shape[b.shape.length - 1];
  const batch = commonShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = broadcastTo(a, [...batch, rows, inner]);
  const right = broadcastTo(b, [...batch, inner, columns]);
  const data = allocate(type, elements(batch) * rows * columns);
  for (let n = 0; n < elements(batch); n++) {
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

/** Add with broadcasting. The result holds `type`. */
export function addAs(a: Value, b: Value, type: ElementType): Value {
  const shape = commonShape(a.shape, b.shape);
  const x = broadcastTo(a, shape).data;
  const y = broadcastTo(b, shape).data;
  const data = allocate(type, x.length);
  for (let i = 0; i < data.length; i++) data[i] = x[i] + y[i];
  return { type, shape, data };
}

/** A factor per element of `x`: one for all, one per last axis, or any broadcast shape. */
export function perElement(x: Value, parameter: Value): (i: number) => number {
  const { data } = parameter;
  if (data.length === 1) return () => data[0];
  const channels = x.shape[x.shape.length - 1];
  if (data.length === channels && parameter.shape[parameter.shape.length - 1] === channels) {
    return (i) => data[i % channels];
  }
  const spread = broadcastTo(parameter, x.shape).data;
  return (i) => spread[i];
}

/** The bounds of `levels` output levels. */
function bounds(levels: number, signed: boolean): readonly [least: number, most: number] {
  return signed ? [-levels / 2, levels / 2 - 1] : [0, levels - 1];
}

/** clip(floor((x · mul + add) / div)), the requantisation after every integer product. */
const requantShift: Operator = (node, [x, mul, add]) => {
  const div = numberAttribute(node, 'div');
  const signed = numberAttribute(node, 'signed', 1) !== 0;
  const [least, most] = bounds(numberAttribute(node, 'n_levels_out', 256), signed);
  const factor = perElement(x, mul);
  const addend = perElement(x, add);
  const type = resultType(x.type, signed ? 'int8' : 'uint8');
  const data = allocate(type, x.data.length);
  for (let i = 0; i < data.length; i++) {
    const y = Math.floor((x.data[i] * factor(i) + addend(i)) / div);
    data[i] = Math.min(Math.max(y, least), most);
  }
  return { type, shape: x.shape, data };
};

/** clip(floor((x · weight + bias) · mul / D)): normalisation replaced by an affine map (MobileBERT, "NoNorm"). */
const iNoNorm: Operator = (node, [x, weight, bias]) => {
  const mul = numberAttribute(node, 'mul');
  const div = numberAttribute(node, 'D');
  const [least, most] = bounds(numberAttribute(node, 'n_levels', 256), true);
  const factor = perElement(x, weight);
  const addend = perElement(x, bias);
  const type = resultType(x.type, 'int8');
  const data = allocate(type, x.data.length);
  for (let i = 0; i < data.length; i++) {
    const y = Math.floor(((x.data[i] * factor(i) + addend(i)) * mul) / div);
    data[i] = Math.min(Math.max(y, least), most);
  }
  return { type, shape: x.shape, data };
};

const relu: Operator = (_, [x]) => ({ ...x, data: (x.data as Float64Array).map((v) => Math.max(v, 0)) });

const SOFTMAX_GROUP = 16;

/** JavaScript counts shifts modulo 32; in the accelerator a longer shift leaves nothing. */
const halve = (value: number, times: number): number => (times > 31 ? 0 : value >>> times);

/**
 * Streaming softmax of one row.
 * logits: int8 [n]    out: uint8 [n]    One octave is 1 LSB for shift 0, 32 LSB (rounded) for shift 5.
 */
export function streamingSoftmax(logits: NumericData, out: NumericData, shift: number): void {
  const octaves = (d: number): number => (shift === 0 ? d : (d >> shift) + ((d >> (shift - 1)) & 1));
  let max = -128;
  let denominator = 0;
  for (let start = 0; start < logits.length; start += SOFTMAX_GROUP) {
    const group = logits.subarray(start, start + SOFTMAX_GROUP);
    let next = max;
    for (const x of group) next = Math.max(next, x);
    denominator = halve(denominator, octaves(next - max));
    for (const x of group) denominator += halve(256, octaves(next - x));
    max = next;
  }
  const inverse = Math.floor(65280 / denominator);
  for (let i = 0; i < logits.length; i++) out[i] = halve(inverse, octaves(max - logits[i]));
}

const itaPartialMax: Operator = (node, [x]) => {
  const shift = numberAttribute(node, 'softmax_shift');
  if (shift !== 0 && shift !== 5)
    throw new DeployError(`node ${node.name}: softmax_shift is ${shift}, expected 0 or 5`);
  const columns = x.shape[x.shape.length - 1];
  const data = allocate(resultType(x.type, 'uint8'), x.data.length);
  for (let at = 0; at < data.length; at += columns) {
    streamingSoftmax(x.data.subarray(at, at + columns), data.subarray(at, at + columns), shift);
  }
  return { type: resultType(x.type, 'uint8'), shape: x.shape, data };
};

/** Operators that compute, in integers. */
export const INTEGER: Readonly<Record<string, Operator>> = {
  Add: (_, [a, b]) => addAs(a, b, resultType(a.type, 'int32')),
  ITAPartialMax: itaPartialMax,
  MatMul: (_, [a, b]) => matMulAs(a, b, resultType(a.type, 'int32')),
  Relu: relu,
  RequantShift: requantShift,
  iNoNorm,
};
