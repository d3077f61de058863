/** Matrix products and convolutions on the harts (firmware/kernels/gemm.h, conv.h), requantised on the way out where told. */
import { numberAttribute } from '../graph/attributes.ts';
import { elements, type Tensor } from '../graph/graph.ts';
import { convLayout, gemmLayout } from '../graph/shapes-linear.ts';
import { channelShape } from '../graph/shapes-pulp.ts';
import type { WindowAxis } from '../graph/window.ts';
import {
  type Argument,
  countOf,
  type Fields,
  int32,
  type KernelCall,
  type Lowering,
  type Operation,
  requireIntegers,
  result,
  source,
  unsupported,
  valueOf,
} from './call.ts';
import { reachOf, requantConstants } from './rescaling.ts';
import { broadcastSteps, walkOf } from './walk.ts';

/** WINDOW_AXES of window.h. */
const WINDOW_AXES = 3;

/**
 * Whether a parameter of a requantisation is one value or one for each entry of `axis` of what it applies to.
 * @returns elements from one entry to the next, 0 or 1; undefined when it varies otherwise
 */
function grain(parameter: Tensor, shape: readonly number[], axis: number): number | undefined {
  if (countOf(parameter) === 1) return 0;
  const steps = broadcastSteps(channelShape(shape, parameter.shape), shape);
  const fits = steps.every((step, i) => step === (i === axis ? 1 : 0) || shape[i] === 1);
  return fits && countOf(parameter) === shape[axis] ? 1 : undefined;
}

/** Whether a product can requantise its sums on the way out: constants per tensor or per column or filter. */
export function takesRequant(requant: Operation, axis: number): boolean {
  const [x, ...parameters] = requant.inputs;
  return parameters.every(
    (p) => p.data && grain(p, x.shape, axis < 0 ? x.shape.length + axis : axis) !== undefined,
  );
}

/**
 * What a product writes: sums, or their requantisation.
 * @param axis of the sums: the columns or filters
 * @param reach largest magnitude of a sum
 */
function destination({ node, outputs, requant }: Operation, axis: number, reach: number): Fields {
  if (!requant) return { y: result(node, outputs[0]) };
  const { by, mul, add } = requantConstants(requant, reach);
  const [sums] = outputs;
  return {
    y: result(requant.node, requant.outputs[0]),
    by,
    mul_step: grain(mul, sums.shape, axis) ?? 0,
    add_step: grain(add, sums.shape, axis) ?? 0,
  };
}

interface Matrices {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly c?: Tensor;
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly zeros?: readonly [a: number, b: number];
  readonly alpha?: number;
  readonly beta?: number;
}

/** A constant int8 matrix along the sum, as the kernel multiplies fastest. */
function alongInner(b: Tensor, transB: boolean): { b: Tensor; transB: boolean } {
  const { type, shape, data } = b;
  if (transB || type !== 'int8' || !(data instanceof Int8Array) || shape.length !== 2) return { b, transB };
  const [inner, columns] = shape;
  const turned = new Int8Array(data.length);
  for (let k = 0; k < inner; k++)
    for (let n = 0; n < columns; n++) turned[n * inner + k] = data[k * columns + n];
  return { b: { name: `${b.name}.transposed`, type, shape: [columns, inner], data: turned }, transB: true };
}

function gemm(operation: Operation, matrices: Matrices): KernelCall[] {
  requireIntegers(operation);
  const { node, outputs } = operation;
  const { a, c, transA = false, zeros = [0, 0], alpha = 1, beta = 1 } = matrices;
  const { b, transB } = alongInner(matrices.b, matrices.transB ?? false);
  const { shape } = outputs[0];
  const batch = shape.slice(0, -2);
  const [rows, columns] = shape.slice(-2);
  const inner = a.shape[a.shape.length - (transA ? 2 : 1)];
  const wide = c && broadcastSteps(c.shape, shape);
  const along = (t: Tensor): number[] =>
    broadcastSteps(t.shape.slice(0, -2), batch).map((step) => step * elements(t.shape.slice(-2)));
  const terms = inner * (reachOf(a) + Math.abs(zeros[0])) * (reachOf(b) + Math.abs(zeros[1]));
  const reach = Math.abs(alpha) * terms + (c ? Math.abs(beta) * reachOf(c) : 0);
  return [
    {
      kernel: 'gemm',
      header: 'gemm',
      fields: {
        a: source(node, a),
        b: source(node, b),
        c: source(node, c),
        ...destination(operation, shape.length - 1, reach),
        batch: walkOf(node, batch, [along(a), along(b), wide ? wide.slice(0, -2) : batch.map(() => 0)]),
        rows,
        inner,
        columns,
        a_row: transA ? 1 : inner,
        a_inner: transA ? rows : 1,
        b_inner: transB ? 1 : columns,
        b_column: transB ? inner : 1,
        c_row: wide?.at(-2) ?? 0,
        c_column: wide?.at(-1) ?? 0,
        a_zero: zeros[0],
        b_zero: zeros[1],
        alpha: int32(node, 'alpha', alpha),
        beta: int32(node, 'beta', beta),
      },
    },
  ];
}

const matMulInteger: Lowering = (operation) => {
  const [a, b, za, zb] = operation.inputs;
  const zeros = [za, zb].map((zero) => valueOf(operation.node, zero, 0));
  return gemm(operation, { a, b, zeros: [zeros[0], zeros[1]] });
};

const plainGemm: Lowering = (operation) => {
  const { node, inputs } = operation;
  const [a, b, c] = inputs;
  const { transA, transB } = gemmLayout(node, a, b);
  const [alpha, beta] = ['alpha', 'beta'].map((role) => numberAttribute(node, role, 1));
  return gemm(operation, { a, b, c, transA, transB, alpha, beta });
};

/** Initialiser of the array of struct window_axis; axes that are not there come first. */
export function windowAxes(operation: Operation, window: readonly WindowAxis[]): Argument {
  if (window.length > WINDOW_AXES) {
    throw unsupported(operation.node, `has ${window.length} spatial axes, the kernels take ${WINDOW_AXES}`);
  }
  const single: WindowAxis = { size: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, output: 1 };
  const axes = [...Array.from({ length: WINDOW_AXES - window.length }, () => single), ...window];
  return {
    list: axes.map(({ size, kernel, stride, dilation, before, output }) => ({
      list: [size, kernel, stride, dilation, before, output],
    })),
  };
}

function conv(operation: Operation, bias: Tensor | undefined, zero: number): KernelCall[] {
  requireIntegers(operation);
  const { node, inputs } = operation;
  const [x, w] = inputs;
  const { batch, group, inputs: channels, outputs, window } = convLayout(node, x, w);
  const taps = channels * window.reduce((n, { kernel }) => n * kernel, 1);
  const reach = taps * (reachOf(x) + Math.abs(zero)) * reachOf(w) + (bias ? reachOf(bias) : 0);
  return [
    {
      kernel: 'conv',
      header: 'conv',
      fields: {
        x: source(node, x),
        w: source(node, w),
        bias: source(node, bias),
        ...destination(operation, 1, reach),
        batch,
        groups: group,
        inputs: channels,
        outputs,
        axis: windowAxes(operation, window),
        x_zero: zero,
      },
    },
  ];
}

export const PRODUCTS: Readonly<Record<string, Lowering>> = {
  Conv: (operation) => conv(operation, operation.inputs[2], 0),
  ConvInteger: (operation) => conv(operation, undefined, valueOf(operation.node, operation.inputs[2], 0)),
  Gemm: plainGemm,
  MatMul: (operation) => gemm(operation, { a: operation.inputs[0], b: operation.inputs[1] }),
  MatMulInteger: matMulInteger,
};

/** The axis of a product's result that has one requantisation each: columns or filters. */
export const PRODUCT_AXIS: Readonly<Record<string, number>> = {
  Conv: 1,
  ConvInteger: 1,
  Gemm: -1,
  MatMul: -1,
  MatMulInteger: -1,
};
