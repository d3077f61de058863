/**
 * Requantisation and the integer operators of the PULP dialect that work element by element. Formulas found from the
 * golden outputs of Deeploy's tests; docs/operators.md lists them.
 */
import { numberAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { requantRounding } from '../graph/requant.ts';
import { isSigned } from '../graph/shapes-pulp.ts';
import { broadcast } from '../graph/rule.ts';
import { addAs, pairwise } from './elementwise.ts';
import { convolution } from './convolution.ts';
import { bounds, clamp, levelsOf, mapped, perElement, resultType } from './levels.ts';
import { gemmAs } from './linear.ts';
import { broadcastTo, type Operator, type Value } from './value.ts';

/** clip(floor((x · mul + add + rounding) / div)), the requantisation after every integer product. */
const requantShift: Operator = (node, [x, mul, add]) =>
  requantise(node, x, mul, add, numberAttribute(node, 'div'), requantRounding(node));

function requantise(node: Node, x: Value, mul: Value, add: Value, div: number, rounding: number): Value {
  const [least, most] = bounds(levelsOf(node), isSigned(node));
  const factor = perElement(x, mul);
  const addend = perElement(x, add);
  return mapped(x, resultType(x.type, isSigned(node) ? 'int8' : 'uint8'), (v, i) =>
    clamp(Math.floor((v * factor(i) + addend(i) + rounding) / div), least, most),
  );
}

/** clip(floor((x · weight + bias) · mul / D)): normalisation replaced by an affine map (MobileBERT, "NoNorm"). */
const iNoNorm: Operator = (node, [x, weight, bias]) => {
  const mul = numberAttribute(node, 'mul');
  const div = numberAttribute(node, 'D');
  const [least, most] = bounds(levelsOf(node), true);
  const factor = perElement(x, weight);
  const addend = perElement(x, bias);
  return mapped(x, resultType(x.type, 'int8'), (v, i) =>
    clamp(Math.floor(((v * factor(i) + addend(i)) * mul) / div), least, most),
  );
};

/**
 * x · (sign(x) · (one - (min(|x|, -b) + b)²) + one) >> 1, with b negative: the integer GELU of I-BERT up to a scale.
 */
const iGelu: Operator = (node, [x]) => {
  const b = numberAttribute(node, 'b');
  const one = numberAttribute(node, 'one');
  return mapped(x, resultType(x.type, 'int32'), (v) => {
    const t = Math.min(Math.abs(v), -b) + b;
    const erf = Math.sign(v) * (one - t * t);
    return v * Math.floor((one + erf) / 2);
  });
};

/** x · clip(x + three, 0, six) · one_over_six. */
const iHardswish: Operator = (node, [x]) => {
  const [three, six, sixth] = ['three', 'six', 'one_over_six'].map((name) => numberAttribute(node, name));
  return mapped(x, resultType(x.type, 'int32'), (v) => v * clamp(v + three, 0, six) * sixth);
};

/** num · Delta · eta / (den · eta + eps), rounded half away from zero. */
function divided(node: Node, num: number, den: number): number {
  const [delta, eps, eta] = ['Delta', 'eps', 'eta'].map((name) => numberAttribute(node, name));
  const wide = num * delta * eta;
  const divisor = den * eta + eps;
  return Math.trunc((wide + Math.sign(wide) * Math.floor(divisor / 2)) / divisor);
}

/** x times floor(Delta · eta / (y · eta + eps)), the reciprocal of the constant y in units of 1 / Delta. */
const trueIntegerDiv: Operator = (node, [x]) => {
  const [y, delta, eps, eta] = ['y', 'Delta', 'eps', 'eta'].map((name) => numberAttribute(node, name));
  const reciprocal = Math.floor((delta * eta) / (y * eta + eps));
  return mapped(x, resultType(x.type, 'int32'), (v) => v * reciprocal);
};

const integerDiv: Operator = (node, [x, y]) =>
  pairwise(x, y, resultType(x.type, 'int32'), (a, b) => divided(node, a, b));

/** What a fused node of Deeploy divides by: its addend holds the rounding already. */
const divisor = (node: Node): number => numberAttribute(node, 'div');

const requantizedConv: Operator = (node, inputs) => {
  const bias = inputs.length === 5;
  const sum = convolution(node, bias ? inputs.slice(0, 3) : inputs.slice(0, 2), 'int32');
  const [mul, add] = inputs.slice(bias ? 3 : 2);
  return requantise(node, sum, mul, add, divisor(node), 0);
};

const requantizedGemm: Operator = (node, [a, b, c, mul]) =>
  requantise(node, gemmAs(node, [a, b], 'int32'), mul, c, divisor(node), 0);

/** The result of a fused activation: mul and add are inputs or attributes, and add is in units of mul. */
const requantisedActivation =
  (activation: Operator): Operator =>
  (node, inputs) => {
    const parameter = (at: number, name: string): Value =>
      inputs[at] ?? { type: 'float64', shape: [], data: Float64Array.of(numberAttribute(node, name)) };
    const [mul, add] = [parameter(1, 'mul'), parameter(2, 'add')];
    const sum = activation(node, inputs.slice(0, 1));
    const shifted = pairwise(sum, add, 'float64', (x, y) => x + y);
    const none: Value = { type: 'float64', shape: [], data: Float64Array.of(0) };
    const y = requantise(node, shifted, mul, none, divisor(node), divisor(node) / 2);
    return { ...y, ...mapped(y, isSigned(node) ? 'int8' : 'uint8', (v) => v) };
  };

/** Both terms and their sum are requantised by attributes rqs1_…, rqs2_… and rqsOut_…, rounding included. */
const requantizedAdd: Operator = (node, [a, b]) => {
  const step = (x: Value, prefix: string): Value => {
    const [mul, add, div] = ['mul', 'add', 'div'].map((name) => numberAttribute(node, `${prefix}_${name}`));
    const signed = numberAttribute(node, `${prefix}_signed`, 1) !== 0;
    const [least, most] = bounds(numberAttribute(node, `${prefix}_n_levels_out`, 256), signed);
    return mapped(x, resultType(x.type, signed ? 'int8' : 'uint8'), (v) =>
      clamp(Math.floor((v * mul + add) / div), least, most),
    );
  };
  const shape = broadcast(node, a.shape, b.shape);
  const [x, y] = [step(a, 'rqs1'), step(b, 'rqs2')].map((term) => broadcastTo(term, shape));
  return step(addAs(x, y, resultType(a.type, 'int32')), 'rqsOut');
};

/** round(x · scale + zero_point) half away from zero, in single precision, clipped to bit_width bits. */
const quant: Operator = (node, [x]) => {
  const scale = Math.fround(numberAttribute(node, 'scale'));
  const zero = Math.fround(numberAttribute(node, 'zero_point', 0));
  const [least, most] = bounds(2 ** numberAttribute(node, 'bit_width', 8), isSigned(node));
  return mapped(x, isSigned(node) ? 'int8' : 'uint8', (v) => {
    const scaled = Math.fround(Math.fround(v * scale) + zero);
    return clamp(Math.trunc(Math.fround(scaled + (scaled >= 0 ? 0.5 : -0.5))), least, most);
  });
};

/** (x - zero_point) · scale in single precision. */
const dequant: Operator = (node, [x]) => {
  const scale = Math.fround(numberAttribute(node, 'scale'));
  const zero = Math.fround(numberAttribute(node, 'zero_point', 0));
  return mapped(x, 'float32', (v) => Math.fround(v - zero) * scale);
};

export const REQUANT: Readonly<Record<string, Operator>> = {
  Dequant: dequant,
  IntegerDiv: integerDiv,
  Quant: quant,
  RequantShift: requantShift,
  RequantizedAdd: requantizedAdd,
  RequantizedConv: requantizedConv,
  RequantizedGemm: requantizedGemm,
  RequantizediGELU: requantisedActivation(iGelu),
  RequantizediHardswish: requantisedActivation(iHardswish),
  TrueIntegerDiv: trueIntegerDiv,
  iGELU: iGelu,
  iHardswish,
  iNoNorm,
};
