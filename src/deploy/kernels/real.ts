/** Steps between integers and real numbers on the harts (firmware/kernels/quantize.h), in single precision. */
import { numberAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elements.ts';
import { elements, type ElementType, type Node, type Tensor } from '../graph/graph.ts';
import { axisOf } from '../graph/rule.ts';
import { isSigned } from '../graph/shapes-pulp.ts';
import type { WindowAxis } from '../graph/window.ts';
import {
  type Argument,
  constantOf,
  countOf,
  type Fields,
  type Lowering,
  name,
  type Operation,
  result,
  source,
  unsupported,
  valueOf,
  valuesOf,
} from './call.ts';
import { pool, statedWindow, wholeWindow } from './elementwise.ts';
import { broadcastSteps, denseSteps, walkOf } from './walk.ts';

const f32 = Math.fround;

/** Bounds of the types a quantised result may have. */
const RANGE: Readonly<Partial<Record<ElementType, readonly [least: number, most: number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
};

/** Initialiser of struct levels for a result of the tensor's type. */
function levels(node: Node, y: Tensor, zero = 0): Argument {
  const range = RANGE[y.type];
  if (!range) throw unsupported(node, `${y.name} is ${y.type}, the harts quantise to int8, uint8 and int16`);
  return { struct: { zero, least: range[0], most: range[1] } };
}

const NO_LEVELS: Argument = { struct: { zero: 0, least: 0, most: 0 } };

/** Initialiser of struct channels; `axis` is that of the entries where there are several. */
function channels(
  node: Node,
  shape: readonly number[],
  axis: number,
  scale: ArrayLike<number>,
  zero: ArrayLike<number> | undefined,
): Argument {
  const count = Math.max(scale.length, zero?.length ?? 1);
  const each = (values: ArrayLike<number>): number[] =>
    Array.from({ length: count }, (_, i) => values[values.length === 1 ? 0 : i]);
  return {
    struct: {
      scale: constantOf(node, 'scales', 'float32', each(scale)),
      zero: constantOf(node, 'zero points', 'int32', each(zero ?? [0])),
      count,
      inner: count === 1 ? 1 : elements(shape.slice(axis + 1)),
    },
  };
}

function quantize({ node, inputs, outputs }: Operation, kind: string, fields: Fields): ReturnType<Lowering> {
  const [x] = inputs;
  const real = kind === 'QUANTIZE_LINEAR' || kind === 'QUANTIZE_AFFINE';
  if (isFloat(x.type) !== real) {
    throw unsupported(node, `${x.name} is ${x.type}, the harts take ${real ? 'float32' : 'integers'} there`);
  }
  return [
    {
      kernel: 'quantize',
      header: 'quantize',
      fields: {
        x: source(node, x),
        y: result(node, outputs[0]),
        count: countOf(x),
        kind: name(kind),
        ...fields,
      },
    },
  ];
}

/** Scales and zero points of QuantizeLinear and DequantizeLinear. */
function stated({ node, inputs: [x, scale, zero] }: Operation): Argument {
  const single = countOf(scale) === 1 && (!zero || countOf(zero) === 1);
  const axis = single ? 0 : axisOf(node, numberAttribute(node, 'axis', 1), x.shape.length);
  return channels(node, x.shape, axis, valuesOf(node, scale), zero && valuesOf(node, zero));
}

const quant: Lowering = (operation) => {
  const { node, inputs } = operation;
  const bits = numberAttribute(node, 'bit_width', 8);
  if (!Number.isInteger(bits) || bits < 1 || bits > 8)
    throw unsupported(node, `has ${bits} bits, expected 1 to 8`);
  const half = 2 ** (bits - 1);
  const [least, most] = isSigned(node) ? [-half, half - 1] : [0, 2 * half - 1];
  return quantize(operation, 'QUANTIZE_AFFINE', {
    channels: channels(
      node,
      inputs[0].shape,
      0,
      [f32(numberAttribute(node, 'scale'))],
      [numberAttribute(node, 'zero_point', 0)],
    ),
    levels: { struct: { zero: 0, least, most } },
  });
};

const dequant: Lowering = (operation) => {
  const { node, inputs } = operation;
  const zero = numberAttribute(node, 'zero_point', 0);
  const scale = f32(numberAttribute(node, 'scale'));
  return quantize(operation, 'DEQUANTIZE', {
    channels: channels(node, inputs[0].shape, 0, [scale], [zero]),
    levels: NO_LEVELS,
  });
};

const pair =
  (multiply: boolean): Lowering =>
  (operation) => {
    const { node, inputs, outputs } = operation;
    const [a, sa, za, b, sb, zb, sy, zy] = inputs;
    const { shape } = outputs[0];
    const scaleOf = (tensor: Tensor): Argument => ({ float: f32(valueOf(node, tensor, 1)) });
    return [
      {
        kernel: 'real_pair',
        header: 'quantize',
        fields: {
          a: source(node, a),
          b: source(node, b),
          y: result(node, outputs[0]),
          walk: walkOf(node, shape, [
            denseSteps(shape),
            ...[a, b].map((t) => broadcastSteps(t.shape, shape)),
          ]),
          multiply,
          a_zero: valueOf(node, za, 0),
          b_zero: valueOf(node, zb, 0),
          a_scale: scaleOf(sa),
          b_scale: scaleOf(sb),
          y_scale: scaleOf(sy),
          levels: levels(node, outputs[0], valueOf(node, zy, 0)),
        },
      },
    ];
  };

const average =
  (windowFor: (operation: Operation) => readonly WindowAxis[]): Lowering =>
  (operation) => {
    const { node, inputs, outputs } = operation;
    const [, sx, zx, sy, zy] = inputs;
    const call = pool(operation, 'POOL_QUANTIZED_MEAN', windowFor(operation));
    return [
      {
        ...call,
        fields: {
          ...call.fields,
          x_zero: valueOf(node, zx, 0),
          ratio: { float: f32(valueOf(node, sx, 1) / valueOf(node, sy, 1)) },
          levels: levels(node, outputs[0], valueOf(node, zy, 0)),
        },
      },
    ];
  };

/** The engine operator that ends a quantised product: sums, factor per entry of `axis`, zero point (see decompose.ts). */
const quantizeProduct: Lowering = (operation) => {
  const { node, inputs, outputs } = operation;
  const [x, factor, zero] = inputs;
  const [y] = outputs;
  const axis = numberAttribute(node, 'axis');
  const real = isFloat(y.type);
  return quantize(operation, real ? 'DEQUANTIZE' : 'QUANTIZE_PRODUCT', {
    channels: channels(node, x.shape, axis, valuesOf(node, factor), undefined),
    levels: real ? NO_LEVELS : levels(node, y, valueOf(node, zero, 0)),
  });
};

export const REAL_KERNELS: Readonly<Record<string, Lowering>> = {
  Dequant: dequant,
  DequantizeLinear: (operation) =>
    quantize(operation, 'DEQUANTIZE', { channels: stated(operation), levels: NO_LEVELS }),
  QLinearAdd: pair(false),
  QLinearAveragePool: average(statedWindow),
  QLinearGlobalAveragePool: average(({ inputs: [x] }) => wholeWindow(x)),
  QLinearMul: pair(true),
  Quant: quant,
  QuantizeLinear: (operation) =>
    quantize(operation, 'QUANTIZE_LINEAR', {
      channels: stated(operation),
      levels: levels(operation.node, operation.outputs[0]),
    }),
  QuantizeProduct: quantizeProduct,
};
