/**
 * The two forms of requantisation: multiply-add-divide of the PULP dialect's RequantShift, and multiply-shift-add
 * of the accelerator (accelerator specification §6).
 */
import { DeployError } from '../../errors.ts';
import { numberAttribute } from '../graph/attributes.ts';
import { requantRounding } from '../graph/requant.ts';
import { numeric } from '../graph/elements.ts';
import type { Node, Tensor } from '../graph/graph.ts';

/** y = clamp((x * mul + add) >> shift, -128, 127), exact. */
export interface RequantShift {
  readonly mul: number;
  readonly add: number;
  readonly shift: number;
}

/** y = clamp(round(acc * mult / 2^shift) + add, -128, 127), rounding halves up; mult u8, shift 0..35, add s8. */
export interface AcceleratorRequant {
  readonly mult: number;
  readonly shift: number;
  readonly add: number;
}

const scalar = (node: Node, tensor: Tensor): number => {
  if (tensor.data?.length !== 1) {
    throw new DeployError(
      `node ${node.name} (${node.op}): ${tensor.name} has ${tensor.data?.length ?? 'no'} values, expected one for the whole tensor`,
    );
  }
  return numeric(tensor.data)[0];
};

/** log2 of a divisor. Throws DeployError when it is no power of two from 1 to 2^35. */
export function shiftOf(node: Node, divisor: number): number {
  const shift = Math.log2(divisor);
  if (!Number.isInteger(shift) || shift < 0 || shift > 35) {
    throw new DeployError(
      `node ${node.name} (${node.op}): divisor ${divisor} is no power of two from 1 to 2^35`,
    );
  }
  return shift;
}

/** The constants of a RequantShift node. Throws DeployError when they are per channel, unsigned or not of 8 bits. */
export function requantShift(node: Node, mul: Tensor, add: Tensor): RequantShift {
  const levels = numberAttribute(node, 'n_levels_out', numberAttribute(node, 'n_levels', 256));
  if (levels !== 256 || numberAttribute(node, 'signed', 1) !== 1) {
    throw new DeployError(`node ${node.name} (${node.op}): only signed outputs of 256 levels are supported`);
  }
  return {
    mul: scalar(node, mul),
    add: scalar(node, add) + requantRounding(node),
    shift: shiftOf(node, numberAttribute(node, 'div')),
  };
}

/** The accelerator's form of a requantisation, or a clause saying why it has none. */
export function acceleratorRequant({ mul, add, shift }: RequantShift): AcceleratorRequant | string {
  if (mul < 0 || mul > 255) return `its requantisation multiplies by ${mul}, the accelerator by 0 to 255`;
  const half = shift > 0 ? 2 ** (shift - 1) : 0;
  const addend = (add - half) / 2 ** shift;
  if (!Number.isInteger(addend)) {
    return `its requantisation adds ${add}, the accelerator a whole multiple of 2^${shift} plus ${half} for rounding`;
  }
  if (addend < -128 || addend > 127)
    return `its requantisation adds ${addend} after scaling, the accelerator -128 to 127`;
  return { mult: mul, shift, add: addend };
}

/**
 * The same requantisation in the accelerator's form, where halving its constants makes it that: the requantisations of
 * several heads in one node share the largest divisor. As it is where no halving helps.
 */
export function halved(requant: RequantShift): RequantShift {
  for (let { mul, add, shift } = requant; ;) {
    if (typeof acceleratorRequant({ mul, add, shift }) !== 'string') return { mul, add, shift };
    if (mul % 2 !== 0 || shift === 0) return requant;
    // x · mul is even, so that of an odd addend the last bit never counts.
    [mul, add, shift] = [mul / 2, Math.floor(add / 2), shift - 1];
  }
}

/** What the accelerator makes of an accumulator value. */
export function requantise(acc: number, { mult, shift, add }: AcceleratorRequant): number {
  const scaled = Math.floor((acc * mult + (shift > 0 ? 2 ** (shift - 1) : 0)) / 2 ** shift);
  return Math.min(127, Math.max(-128, scaled + add));
}

/** A bias that requantises to 0, for the channels that padding adds; undefined when there is none. */
export function biasOfZero(requant: AcceleratorRequant): number | undefined {
  if (requant.add === 0) return 0;
  const bias = Math.round((-requant.add * 2 ** requant.shift) / requant.mult);
  return Math.abs(bias) < 2 ** 23 && requantise(bias, requant) === 0 ? bias : undefined;
}
