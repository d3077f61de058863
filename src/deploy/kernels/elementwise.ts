/** Integers element by element on the harts (firmware/kernels/pairwise.h), and reductions and poolings (pool.h). */
import { numberAttribute } from '../graph/attributes.ts';
import { elements, type Tensor } from '../graph/graph.ts';
import { poolWindow, reducedShape, reduction } from '../graph/shapes-elementwise.ts';
import type { WindowAxis } from '../graph/window.ts';
import {
  countOf,
  int32,
  type KernelCall,
  type Lowering,
  name,
  type Operation,
  requireIntegers,
  result,
  source,
  unsupported,
  valueOf,
} from './call.ts';
import { windowAxes } from './products.ts';
import { broadcastSteps, denseSteps, walkOf } from './walk.ts';

const pair =
  (kind: string): Lowering =>
  (operation) => {
    requireIntegers(operation);
    const { node, inputs, outputs } = operation;
    const [a, b] = inputs;
    const { shape, type } = outputs[0];
    if (type === 'int64') throw unsupported(node, 'its result is int64, the harts compute with 32 bits');
    const scaled = kind === 'PAIR_SCALED';
    const [delta, eta, eps] = ['Delta', 'eta', 'eps'].map((role) =>
      scaled ? int32(node, role, numberAttribute(node, role)) : 0,
    );
    return [
      {
        kernel: 'pairwise',
        header: 'pairwise',
        fields: {
          a: source(node, a),
          b: source(node, b),
          y: result(node, outputs[0]),
          walk: walkOf(node, shape, [
            denseSteps(shape),
            broadcastSteps(a.shape, shape),
            broadcastSteps(b.shape, shape),
          ]),
          kind: name(kind),
          ...(scaled ? { factor: BigInt(delta) * BigInt(eta), eta: BigInt(eta), eps: BigInt(eps) } : {}),
        },
      },
    ];
  };

/** An activation with up to three parameters. */
const activation =
  (kind: string, parameters: (operation: Operation) => readonly number[]): Lowering =>
  (operation) => {
    requireIntegers(operation);
    const { node, inputs, outputs } = operation;
    const values = parameters(operation).map((value, i) => int32(node, `parameter ${i + 1}`, value));
    return [
      {
        kernel: 'activation',
        header: 'pairwise',
        fields: {
          x: source(node, inputs[0]),
          y: result(node, outputs[0]),
          count: countOf(outputs[0]),
          kind: name(kind),
          ...(values.length > 0 ? { p: { list: values } } : {}),
        },
      },
    ];
  };

const attributes =
  (...names: readonly string[]) =>
  ({ node }: Operation): number[] =>
    names.map((role) => numberAttribute(node, role));

const [LEAST, MOST] = [-(2 ** 31), 2 ** 31 - 1];
const limited = (value: number): number => Math.min(Math.max(value, LEAST), MOST);

/** Bounds of a Clip, from inputs or attributes. */
const clipBounds = ({ node, inputs: [, low, high] }: Operation): number[] => {
  const least = low ? valueOf(node, low, 0) : numberAttribute(node, 'min', -Infinity);
  const most = high ? valueOf(node, high, 0) : numberAttribute(node, 'max', Infinity);
  return [limited(least), limited(most)];
};

/** floor(Delta · eta / (y · eta + eps)). */
const reciprocal = (operation: Operation): number[] => {
  const [delta, eta, y, eps] = attributes('Delta', 'eta', 'y', 'eps')(operation);
  return [Math.floor((delta * eta) / (y * eta + eps))];
};

const reduce =
  (mean: boolean): Lowering =>
  (operation) => {
    requireIntegers(operation);
    const { node, inputs, outputs } = operation;
    const [x, axes] = inputs;
    reducedShape(node, x.shape, axes);
    const gone = new Set(reduction(node, x.shape, axes).axes);
    const steps = denseSteps(x.shape);
    const part = (inside: boolean) => {
      const picked = x.shape.map((_, i) => i).filter((i) => gone.has(i) === inside);
      return walkOf(
        node,
        picked.map((i) => x.shape[i]),
        [picked.map((i) => steps[i])],
      );
    };
    return [
      {
        kernel: 'reduce',
        header: 'pool',
        fields: {
          x: source(node, x),
          y: result(node, outputs[0]),
          kept: part(false),
          gone: part(true),
          mean,
        },
      },
    ];
  };

/** The window over the whole of each channel, its spatial axes taken as one. */
export const wholeWindow = ({ shape }: Tensor): readonly WindowAxis[] => {
  const size = elements(shape.slice(2));
  return [{ size, kernel: size, stride: 1, dilation: 1, before: 0, after: 0, output: 1 }];
};

export const statedWindow = (operation: Operation): readonly WindowAxis[] =>
  poolWindow(operation.node, operation.inputs[0]);

/** The part of struct pool that all poolings share. */
export function pool(operation: Operation, kind: string, window: readonly WindowAxis[]): KernelCall {
  const { node, inputs, outputs } = operation;
  const [x] = inputs;
  return {
    kernel: 'pool',
    header: 'pool',
    fields: {
      x: source(node, x),
      y: result(node, outputs[0]),
      kind: name(kind),
      include_pad: numberAttribute(node, 'count_include_pad', 0) !== 0,
      channels: x.shape[0] * x.shape[1],
      axis: windowAxes(operation, window),
    },
  };
}

const pooling =
  (kind: string, windowFor: (operation: Operation) => readonly WindowAxis[]): Lowering =>
  (operation) => {
    requireIntegers(operation);
    return [pool(operation, kind, windowFor(operation))];
  };

const whole = ({ inputs: [x] }: Operation): readonly WindowAxis[] => wholeWindow(x);

export const ELEMENTWISE_KERNELS: Readonly<Record<string, Lowering>> = {
  Abs: activation('ACTIVATION_ABS', () => []),
  Add: pair('PAIR_ADD'),
  AveragePool: pooling('POOL_MEAN', statedWindow),
  Clip: activation('ACTIVATION_CLIP', clipBounds),
  Div: pair('PAIR_DIV'),
  GlobalAveragePool: pooling('POOL_MEAN', whole),
  GlobalMaxPool: pooling('POOL_MAX', whole),
  IntegerDiv: pair('PAIR_SCALED'),
  IntegerMean: reduce(true),
  Max: pair('PAIR_MAX'),
  MaxPool: pooling('POOL_MAX', statedWindow),
  Min: pair('PAIR_MIN'),
  Mul: pair('PAIR_MUL'),
  Neg: activation('ACTIVATION_SCALE', () => [-1]),
  ReduceMean: reduce(true),
  ReduceSum: reduce(false),
  Relu: activation('ACTIVATION_CLIP', () => [0, MOST]),
  Sub: pair('PAIR_SUB'),
  TrueIntegerDiv: activation('ACTIVATION_SCALE', reciprocal),
  iGELU: activation('ACTIVATION_GELU', attributes('b', 'one')),
  iHardswish: activation('ACTIVATION_HARDSWISH', attributes('three', 'six', 'one_over_six')),
};
