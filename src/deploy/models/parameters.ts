/** What a model builder asks for: parameters by name, from synthesis or from a file, and the rules they must keep. */
import { InputError } from '../../errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { Part } from './parts.ts';

/** Constants of the accelerator's requantisation unit: clamp(((x · mult) ⌈>> shift⌋) + addend). */
export interface Requantization {
  /** 0..255 */
  readonly mult: number;
  /** 0..35 */
  readonly shift: number;
  /** -128..127, in LSB of the result. */
  readonly addend: number;
}

/** Scale of an iNoNorm node: y = floor((x · weight + bias) · mul / 2^shift). */
export interface NormScale {
  /** 1..255 */
  readonly mul: number;
  /** 0..30 */
  readonly shift: number;
}

/** How synthetic weights are drawn; a source that reads a file ignores it. */
export interface WeightStyle {
  /** Standard deviation in LSB; 29 unless given. */
  readonly sigma?: number;
  /** Mean in LSB; 0 unless given. */
  readonly mean?: number;
  /** The weights of each output column sum to zero, which removes the common mode that ReLU creates. */
  readonly zeroSum?: boolean;
}

/** How a synthetic bias is drawn, in standard deviations of the accumulator it is added to. */
export interface BiasStyle {
  readonly sigma: number;
  readonly mean?: number;
}

/** How a synthetic requantisation is calibrated. */
export interface RequantizationStyle {
  /** Standard deviation wanted in the int8 result, in LSB. */
  readonly sigma: number;
  readonly addend?: number;
}

/** What a parameter applies to, so that a source may calibrate on it. */
export interface Accumulator {
  /** A tensor already in the graph. */
  readonly tensor: string;
  /** The part of it that is meant, where each part has parameters of its own. */
  readonly part?: Part;
}

/** A source of parameters. The builder asks in order of construction. */
export interface Parameters {
  /** Recorded in the model's metadata: where the weights come from. */
  readonly metadata: Readonly<Record<string, string>>;
  /** int8 matrix or table. */
  weight(name: string, shape: readonly number[], style?: WeightStyle): Int8Array;
  /** int32 vector, each value within 24 bits signed. */
  bias(name: string, count: number, accumulator: Accumulator, style: BiasStyle): Int32Array;
  requantization(name: string, accumulator: Accumulator, style: RequantizationStyle): Requantization;
  normScale(name: string, input: string, weight: Int8Array, bias: Int32Array): NormScale;
  /** The graph will not read tensors made so far again, except `kept`. */
  settle(kept: readonly string[]): void;
}

/** Makes the source for a graph under construction. */
export type ParametersFor = (graph: GraphBuilder) => Parameters;

/** One limit the accelerator or the kernels put on a constant. */
const LIMITS = {
  mult: [0, 255],
  shift: [0, 35],
  addend: [-128, 127],
  bias: [-(2 ** 23), 2 ** 23 - 1],
  mul: [1, 255],
  normShift: [0, 30],
} as const;

const within = (kind: keyof typeof LIMITS, value: number): boolean =>
  Number.isInteger(value) && value >= LIMITS[kind][0] && value <= LIMITS[kind][1];

/**
 * Checks one constant against the hardware's range.
 * @throws InputError naming the parameter, the value and the range
 */
export function checkLimit(kind: keyof typeof LIMITS, value: number, where: string): void {
  if (within(kind, value)) return;
  const [least, most] = LIMITS[kind];
  throw new InputError(`${where}: ${kind} is ${value}, expected an integer from ${least} to ${most}`);
}

/** The accelerator's constants as RequantShift constants: div = 2^shift, add = rounding + addend · 2^shift. */
export function toRequantShift({ mult, shift, addend }: Requantization): {
  mul: number;
  add: number;
  div: number;
} {
  const div = 2 ** shift;
  return { mul: mult, add: (shift > 0 ? div / 2 : 0) + addend * div, div };
}

/** The accelerator's constants of a RequantShift node, or undefined when it cannot express them. */
export function fromRequantShift(mul: number, add: number, div: number): Requantization | undefined {
  const shift = Math.log2(div);
  const addend = (add - (shift > 0 ? div / 2 : 0)) / div;
  if (!within('mult', mul) || !within('shift', shift) || !within('addend', addend)) return undefined;
  return { mult: mul, shift, addend };
}
