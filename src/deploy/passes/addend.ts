/**
 * Requantisation of linear layers in the accelerator's form. The PULP dialect adds any number before the shift, the
 * accelerator rounds and adds 8 bits behind it (accelerator specification §6); what is left over goes into the bias:
 *
 *     (sum · mul + add) >> shift  =  ((sum + bias) · mul + half + addend · 2^shift) >> shift
 *
 * With mul odd there always is such a bias modulo 2^shift; an even mul is halved with add and shift, which is exact, and
 * for shift 0 any bias will do.
 */
import { fromNumbers, numeric } from '../graph/elements.ts';
import { numberAttribute } from '../graph/attributes.ts';
import type { Tensor } from '../graph/graph.ts';
import { acceleratorRequant, halved, type RequantShift } from './requant.ts';
import { node, type Match, type Rule } from './rewrite.ts';

/** The same requantisation with an odd multiplier, where the shift allows it. */
export function reduced({ mul, add, shift }: RequantShift): RequantShift {
  // Factors of two of the multiplier.
  const twos = mul === 0 ? 0 : 31 - Math.clz32(mul & -mul);
  const by = Math.max(0, Math.min(twos, shift));
  return { mul: mul / 2 ** by, add: Math.floor(add / 2 ** by), shift: shift - by };
}

/** 1 / odd modulo 2^bits, by Newton's iteration. */
function inverse(odd: bigint, bits: bigint): bigint {
  let x = odd;
  for (let known = 3n; known < bits; known *= 2n) x = BigInt.asUintN(Number(bits), x * (2n - odd * x));
  return BigInt.asUintN(Number(bits), x);
}

/** A requantisation that the accelerator takes, of the sum with `bias` added. */
export interface Biased extends RequantShift {
  readonly bias: number;
}

/** The same results for every sum, or undefined when no bias within `range` makes that possible. */
export function withBias(
  requant: RequantShift,
  range: readonly [least: number, most: number],
): Biased | undefined {
  const own = halved(requant);
  if (typeof acceleratorRequant(own) !== 'string') return { ...own, bias: 0 };
  const { mul, add, shift } = reduced(requant);
  if (mul < 1 || mul > 255 || (mul % 2 === 0 && shift > 0)) return undefined;
  const [odd, div] = [BigInt(mul), 1n << BigInt(shift)];
  const half = shift > 0 ? div / 2n : 0n;
  const least = (((BigInt(add) - half) % div) * inverse(odd, BigInt(shift))) % div;
  // The addend falls by mul for each step of div in the bias: the step that brings it nearest to 0.
  const addendOf = (bias: bigint): bigint => (BigInt(add) - half - bias * odd) / div;
  const step = BigInt(Math.round(Number(addendOf(least)) / mul));
  for (const candidate of [0n, -1n, 1n].map((by) => least + (step + by) * div)) {
    const addend = addendOf(candidate);
    const bias = Number(candidate);
    if (bias < range[0] || bias > range[1] || addend < -128n || addend > 127n) continue;
    return { mul, shift, add: Number(half + addend * div), bias };
  }
  return undefined;
}

const MOST_BIAS = 2 ** 23 - 1;

const requantOf = (match: Match): RequantShift => {
  const [mul, add, shift] = ['mul', 'add', 'shift'].map((role) => numberAttribute(match.root, role));
  return { mul, add, shift };
};

/** The biases there are, and how far they can move without leaving 24 bits. */
function biasesOf(match: Match): { values: ArrayLike<number>; range: readonly [number, number] } | undefined {
  const [, weight, bias] = match.root.inputs.map((name) => match.named(name));
  const columns = weight.shape[1];
  if (!bias) return { values: new Int32Array(columns), range: [-MOST_BIAS, MOST_BIAS] };
  if (!bias.data || bias.data.length !== columns) return undefined;
  const values = numeric(bias.data);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { values, range: [-MOST_BIAS - least, MOST_BIAS - most] };
}

function rewritten(match: Match): Biased | undefined {
  const biases = biasesOf(match);
  const requant = requantOf(match);
  if (!biases || typeof acceleratorRequant(requant) !== 'string') return undefined;
  return withBias(requant, biases.range);
}

export const ADDEND_INTO_BIAS: Rule = {
  name: 'an addend that the accelerator does not take moves into the bias of Linear',
  pattern: node('Linear', 'linear'),
  where: (match) => rewritten(match) !== undefined,
  replace: (match) => {
    const { root } = match;
    const [biased, biases] = [rewritten(match), biasesOf(match)];
    if (!biased || !biases) throw new Error(`${root.name} matched no longer`);
    const { bias, mul, add, shift } = biased;
    const [x, weight] = root.inputs;
    const attributes = { ...root.attributes, mul, add, shift };
    if (bias === 0) return { nodes: [{ ...root, attributes }] };
    const values = Array.from(biases.values, (value) => value + bias);
    let name = `${root.name}/bias`;
    while (match.isTaken(name)) name = `${name}_`;
    const moved: Tensor = { name, type: 'int32', shape: [values.length], data: fromNumbers('int32', values) };
    return { tensors: [moved], nodes: [{ ...root, inputs: [x, weight, name], attributes }] };
  },
};
