/**
 * Types and shapes of the operators of the PULP integer dialect, which Deeploy consumes, and of octet's own.
 * docs/operators.md states what they compute.
 */
import { numberAttribute } from './attributes.ts';
import { elements, type Node, type Tensor } from './graph.ts';
import {
  broadcast,
  fail,
  integerResult,
  levelsType,
  requireBroadcast,
  requireRank,
  text,
  type Described,
  type OperatorTable,
  type Rule,
  type Shape,
} from './rule.ts';
import { reducedShape } from './shapes-elementwise.ts';
import { convRule, gemmRule } from './shapes-linear.ts';

/** Whether the results of a requantising node are signed; they are unless the node says otherwise. */
export const isSigned = (node: Node): boolean => numberAttribute(node, 'signed', 1) !== 0;

const requantised = (node: Node, x: Tensor, shape: Shape = x.shape): Described => ({
  type: integerResult(x.type, levelsType(isSigned(node))),
  shape,
});

/**
 * The shape a multiplier or addend of a requantisation has beside x, as exporters write it: a plain list of as many
 * values as x has channels goes along axis 1 when x has spatial axes, and along the last axis otherwise.
 */
export function channelShape(shape: Shape, parameter: Shape): Shape {
  if (parameter.length !== 1 || shape.length < 4 || parameter[0] === shape.at(-1)) return parameter;
  return parameter[0] === shape[1] ? [...parameter, ...shape.slice(2).map(() => 1)] : parameter;
}

function requireParameters(node: Node, shape: Shape, parameters: readonly Tensor[]): void {
  for (const parameter of parameters) {
    requireBroadcast(node, { ...parameter, shape: channelShape(shape, parameter.shape) }, shape);
  }
}

const requantShift: Rule = (node, [x, mul, add]) => {
  requireParameters(node, x.shape, [mul, add]);
  return requantised(node, x);
};

const affine: Rule = (node, [x, ...parameters]) => {
  requireParameters(node, x.shape, parameters);
  return { type: integerResult(x.type, 'int8'), shape: x.shape };
};

/** Normalisations of rows: as many parameters as a row has elements. */
const rowNorm: Rule = (node, [x, ...parameters]) => {
  requireRank(node, x, 1);
  const columns = x.shape[x.shape.length - 1];
  for (const { name, shape } of parameters) {
    if (elements(shape) !== columns) {
      throw fail(node, `${name} of shape ${text(shape)} is not one value for each of ${columns} columns`);
    }
  }
  return { type: integerResult(x.type, 'int8'), shape: x.shape };
};

/** A softmax of rows; `signed` results are shifted down by half the levels. */
const rows =
  (signed: boolean): Rule =>
  (node, [x]) => {
    requireRank(node, x, 1);
    return { type: integerResult(x.type, levelsType(signed)), shape: x.shape };
  };

const wide: Rule = (_, [x]) => ({ type: integerResult(x.type, 'int32'), shape: x.shape });

const integerDiv: Rule = (node, [x, y]) => ({
  type: integerResult(x.type, 'int32'),
  shape: y ? broadcast(node, x.shape, y.shape) : x.shape,
});

const requantizedConv: Rule = (node, inputs) => {
  const bias = inputs.length === 5;
  const [x, w, b] = inputs;
  const { shape } = convRule(node, bias ? [x, w, b] : [x, w]) as Described;
  requireParameters(node, shape, inputs.slice(bias ? 3 : 2));
  return requantised(node, x, shape);
};

const requantizedGemm: Rule = (node, [a, b, c, mul]) => {
  const { shape } = gemmRule(node, [a, b]) as Described;
  requireParameters(node, shape, [c, mul]);
  return requantised(node, a, shape);
};

const requantizedAdd: Rule = (node, [a, b]) => ({
  type: integerResult(a.type, levelsType(numberAttribute(node, 'rqsOut_signed', 1) !== 0)),
  shape: broadcast(node, a.shape, b.shape),
});

export const PULP_SHAPES: OperatorTable = {
  Dequant: { set: 'PULP', inputs: [1, 1], rule: (_, [x]) => ({ type: 'float32', shape: x.shape }) },
  ITAMax: { set: 'PULP', inputs: [1, 1], rule: rows(false) },
  ITAPartialMax: {
    set: 'PULP',
    inputs: [1, 1],
    rule: (node, inputs) => rows(!('softmax_shift' in node.attributes))(node, inputs),
  },
  IntegerDiv: { set: 'PULP', inputs: [2, 2], rule: integerDiv },
  IntegerMean: {
    set: 'PULP',
    inputs: [1, 2],
    rule: (node, [x, axes]) => ({ type: x.type, shape: reducedShape(node, x.shape, axes) }),
  },
  Quant: {
    set: 'PULP',
    inputs: [1, 1],
    rule: (node, [x]) => ({ type: levelsType(isSigned(node)), shape: x.shape }),
  },
  RequantShift: { set: 'PULP', inputs: [3, 3], rule: requantShift },
  RequantizedAdd: { set: 'PULP', inputs: [2, 2], rule: requantizedAdd },
  RequantizedConv: { set: 'PULP', inputs: [4, 5], rule: requantizedConv },
  RequantizedGemm: { set: 'PULP', inputs: [4, 4], rule: requantizedGemm },
  RequantizediGELU: { set: 'PULP', inputs: [3, 4], rule: requantShift },
  RequantizediHardswish: { set: 'PULP', inputs: [1, 1], rule: (node, [x]) => requantised(node, x) },
  TrueIntegerDiv: { set: 'PULP', inputs: [1, 1], rule: integerDiv },
  iGELU: { set: 'PULP', inputs: [1, 1], rule: wide },
  iHardswish: { set: 'PULP', inputs: [1, 1], rule: wide },
  iLayerNorm: { set: 'PULP', inputs: [3, 3], rule: rowNorm },
  iNoNorm: { set: 'PULP', inputs: [3, 3], rule: affine },
  iRMSNorm: { set: 'PULP', inputs: [2, 2], rule: rowNorm },
  iSoftmax: { set: 'PULP', inputs: [1, 1], rule: rows(false) },
};
