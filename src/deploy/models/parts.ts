/**
 * Tensors that hold the same thing for several attention heads: parts side by side in the columns, or one behind the
 * other along the first axis; and their requantisations, which share a divisor in one RequantShift node.
 */
import { InputError } from '../../errors.ts';
import type { NumericData } from '../graph/elements.ts';
import { halved } from '../passes/requant.ts';
import { fromRequantShift, toRequantShift, type Requantization } from './parameters.ts';

/** One of `of` equal parts of a tensor along an axis. */
export interface Part {
  readonly axis: number;
  readonly index: number;
  readonly of: number;
}

/** Elements of a part, row-major. */
export function partOf(data: NumericData, shape: readonly number[], { axis, index, of }: Part): NumericData {
  const runs = shape.slice(0, axis).reduce((n, d) => n * d, 1);
  const run = data.length / runs;
  const own = run / of;
  const part = data.slice(0, runs * own);
  for (let r = 0; r < runs; r++) {
    const from = r * run + index * own;
    part.set(data.subarray(from, from + own), r * own);
  }
  return part;
}

/** Matrices of `rows` rows side by side. */
export function sideBySide(parts: readonly ArrayLike<number>[], rows: number): number[] {
  return Array.from({ length: rows }, (_, row) =>
    parts.flatMap((part) => {
      const width = part.length / rows;
      return Array.from({ length: width }, (_c, c) => part[row * width + c]);
    }),
  ).flat();
}

/** The constants of one RequantShift node that requantises each part by its own; div is that of the largest shift. */
export function jointRequantShift(parts: readonly Requantization[]): {
  mul: number[];
  add: number[];
  div: number;
} {
  const own = parts.map(toRequantShift);
  const div = Math.max(...own.map((part) => part.div));
  return {
    mul: own.map((part) => part.mul * (div / part.div)),
    add: own.map((part) => part.add * (div / part.div)),
    div,
  };
}

/**
 * The accelerator's constants of a requantisation that may have been brought to a larger divisor.
 * @throws InputError when it is none of the accelerator's
 */
export function ownRequantization(mul: number, add: number, div: number, where: string): Requantization {
  const own = halved({ mul, add, shift: Math.log2(div) });
  const constants = fromRequantShift(own.mul, own.add, 2 ** own.shift);
  if (!constants) throw new InputError(`${where}: its requantisation is none of the accelerator's`);
  return constants;
}
