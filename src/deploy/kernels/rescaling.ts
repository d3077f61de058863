/** Requantisation on the harts (firmware/kernels/rescale.h): RequantShift and iNoNorm, and the constants of fused products. */
import { numberAttribute } from '../graph/attributes.ts';
import { numeric } from '../graph/elements.ts';
import type { Node, Tensor } from '../graph/graph.ts';
import { requantRounding } from '../graph/requant.ts';
import { channelShape, isSigned } from '../graph/shapes-pulp.ts';
import {
  type Argument,
  constantOf,
  type Lowering,
  type Operation,
  requireIntegers,
  result,
  source,
  unsupported,
  valuesOf,
} from './call.ts';
import { broadcastSteps, denseSteps, walkOf } from './walk.ts';

/** The bounds of a node's output levels; exporters write the attribute under either name. */
export function levelBounds(node: Node, signed = isSigned(node)): { least: number; most: number } {
  const levels = numberAttribute(node, 'n_levels_out', numberAttribute(node, 'n_levels', 256));
  if (!Number.isInteger(levels / 2) || levels < 2 || levels > 256) {
    throw unsupported(node, `has ${levels} levels, expected an even number from 2 to 256`);
  }
  return signed ? { least: -levels / 2, most: levels / 2 - 1 } : { least: 0, most: levels - 1 };
}

/** Largest magnitude of a tensor's elements: of its data, or of its type. */
export function reachOf({ type, data }: Tensor): number {
  if (data) return largest(numeric(data));
  return { bool: 1, int8: 128, uint8: 255, int16: 2 ** 15 }[type as string] ?? 2 ** 31;
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
}

/**
 * Initialiser of struct rescaling.
 * @param reach largest magnitude of what is rescaled
 */
function rescaling(
  node: Node,
  mul: ArrayLike<number>,
  add: ArrayLike<number>,
  div: number,
  bounds: { least: number; most: number },
  reach: number,
): Argument {
  if (!Number.isSafeInteger(div) || div < 1)
    throw unsupported(node, `divides by ${div}, expected a positive integer`);
  const shift = Math.log2(div);
  return {
    struct: {
      mul: constantOf(node, 'multipliers', 'int32', mul),
      add: constantOf(node, 'addends', 'int64', add),
      div: BigInt(div),
      shift: Number.isInteger(shift) ? shift : -1,
      least: bounds.least,
      most: bounds.most,
      narrow: Number.isInteger(shift) && shift < 32 && reach * largest(mul) + largest(add) < 2 ** 31,
    },
  };
}

/**
 * The constants of a RequantShift: struct rescaling, and the tensors they come from.
 * @param reach largest magnitude of what is rescaled
 */
export function requantConstants(
  { node, inputs, relu }: Operation,
  reach: number,
): { by: Argument; mul: Tensor; add: Tensor } {
  const [, mul, add] = inputs;
  const rounding = Math.floor(requantRounding(node));
  const sums = Float64Array.from(numeric(add.data ?? new Int8Array()), (x) => x + rounding);
  valuesOf(node, add);
  const { least, most } = levelBounds(node);
  const bounds = { least: relu ? Math.max(least, 0) : least, most };
  const by = rescaling(node, valuesOf(node, mul), sums, numberAttribute(node, 'div'), bounds, reach);
  return { by, mul, add };
}

const requantShift: Lowering = (operation) => {
  requireIntegers(operation);
  const { node, inputs, outputs } = operation;
  const [x] = inputs;
  const { by, mul, add } = requantConstants(operation, reachOf(x));
  const along = ({ shape }: Tensor): number[] => broadcastSteps(channelShape(x.shape, shape), x.shape);
  return [
    {
      kernel: 'rescale',
      header: 'rescale',
      fields: {
        x: source(node, x),
        y: result(node, outputs[0]),
        by,
        walk: walkOf(node, x.shape, [denseSteps(x.shape), along(mul), along(add)]),
      },
    },
  ];
};

/** ((x · weight + bias) · mul) / D is (x · (weight · mul) + bias · mul) / D, exactly: the products are folded here. */
const iNoNorm: Lowering = (operation) => {
  requireIntegers(operation);
  const { node, inputs, outputs } = operation;
  const [x, weight, bias] = inputs;
  const mul = numberAttribute(node, 'mul');
  const [scale, offset] = [weight, bias].map((tensor) =>
    Float64Array.from(valuesOf(node, tensor), (v) => v * mul),
  );
  const along = ({ shape }: Tensor): number[] => broadcastSteps(channelShape(x.shape, shape), x.shape);
  return [
    {
      kernel: 'rescale',
      header: 'rescale',
      fields: {
        x: source(node, x),
        y: result(node, outputs[0]),
        by: rescaling(node, scale, offset, numberAttribute(node, 'D'), levelBounds(node, true), reachOf(x)),
        walk: walkOf(node, x.shape, [denseSteps(x.shape), along(weight), along(bias)]),
      },
    },
  ];
};

export const RESCALING: Readonly<Record<string, Lowering>> = { RequantShift: requantShift, iNoNorm };
