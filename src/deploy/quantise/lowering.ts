/** The integer graph under construction: which integer tensor holds each real-valued one, and how it becomes int8. */
import { GraphBuilder, type NodeOptions } from '../graph/builder.ts';
import type { ElementType, Graph, Node, Tensor } from '../graph/graph.ts';
import { toRequantShift } from '../models/parameters.ts';
import { ACCELERATOR_BITS, multiplierFor } from './multiplier.ts';
import { tensorOf, Uses } from './scales.ts';
import type { Statistics } from './statistics.ts';

/** An integer tensor in the place of a real-valued one: real value = integer · scale. */
export interface Held {
  readonly tensor: string;
  readonly scale: number;
  /** Scales of the columns where they differ; then `scale` is of no account. Only graph inputs. */
  readonly columns?: readonly number[];
  /** int32 sums that are not requantised yet. */
  readonly wide: boolean;
  /** Bits of the multiplier that may requantise the sums: 8 on the accelerator, more on the harts. */
  readonly bits: number;
}

/** An integer tensor and what one of it is worth in each column. */
export interface ColumnFactors {
  readonly input: string;
  readonly factors: readonly number[];
}

/** Bits of multipliers on the harts: |sum| · multiplier stays below 2^31 for sums of int8 tensors. */
export const HART_BITS = 16;

export interface LoweringOptions {
  readonly softmaxShift: 0 | 5;
}

export class Lowering {
  readonly source: Graph;
  readonly uses: Uses;
  readonly statistics: Statistics;
  readonly options: LoweringOptions;
  readonly graph = new GraphBuilder();
  /** Products with one factor for each column that wait for the addition behind them. */
  readonly columnFactors = new Map<string, ColumnFactors>();
  readonly #scales: ReadonlyMap<string, number>;
  readonly #held = new Map<string, Held>();

  constructor(
    source: Graph,
    statistics: Statistics,
    scales: ReadonlyMap<string, number>,
    options: LoweringOptions,
  ) {
    this.source = source;
    this.uses = new Uses(source);
    this.statistics = statistics;
    this.#scales = scales;
    this.options = options;
  }

  /** A tensor of the real-valued network. */
  tensor(name: string): Tensor {
    return tensorOf(this.source, name);
  }

  /** The scale chosen for a tensor. */
  scaleOf(name: string): number {
    const scale = this.#scales.get(name);
    if (scale === undefined) throw new Error(`no scale was chosen for ${name}`);
    return scale;
  }

  /** Says which integer tensor holds a real-valued one. */
  hold(name: string, held: Held): void {
    this.#held.set(name, held);
  }

  get held(): ReadonlyMap<string, Held> {
    return this.#held;
  }

  /** What holds a tensor now, sums included. */
  read(name: string): Held {
    const held = this.#held.get(name);
    if (!held) throw new Error(`${name} is read before it is lowered`);
    return held;
  }

  /** Whether a tensor is held as int32 sums of int8 tensors that only one node reads: the harts go on with those. */
  isSum(name: string): boolean {
    const { wide, bits } = this.read(name);
    return wide && bits === HART_BITS && this.uses.onlyReader(name) !== undefined;
  }

  /** The tensor in 8 bits: int8 at its chosen scale, or what it has been all along. */
  narrow(name: string): Held {
    const held = this.read(name);
    if (!held.wide) return held;
    const scale = this.scaleOf(name);
    const narrowed = this.#requantised(name, held, scale, 0);
    this.hold(name, narrowed);
    return narrowed;
  }

  /** The tensor as int8 in units of `scale`; a requantised copy where it is held in others. */
  inUnits(name: string, scale: number): Held {
    const held = this.read(name).wide && this.scaleOf(name) === scale ? this.narrow(name) : this.read(name);
    if (!held.wide && Math.abs(held.scale / scale - 1) < 1e-9) return held;
    return this.#requantised(this.fresh(`${name}/rescaled`), held, scale, 0);
  }

  /** The tensor as int8 in units of `scale`, moved by `addend` LSB, under a new name. */
  moved(name: string, output: string, scale: number, addend: number): Held {
    return this.#requantised(output, this.read(name), scale, addend);
  }

  #requantised(output: string, held: Held, scale: number, addend: number): Held {
    const bits = held.wide ? held.bits : HART_BITS;
    const { mult, shift } = multiplierFor(held.scale / scale, bits);
    const { mul, add, div } = toRequantShift({ mult, shift, addend });
    this.requantShift(output, held.tensor, [mul], [add], div);
    return { tensor: output, scale, wide: false, bits: ACCELERATOR_BITS };
  }

  /** A RequantShift node that makes the int8 tensor `output`; one constant for all elements or one per column. */
  requantShift(
    output: string,
    input: string,
    mul: readonly number[],
    add: readonly number[],
    div: number,
  ): void {
    const at = `${output}/requantize`;
    this.graph.node(
      'RequantShift',
      at,
      [
        input,
        this.graph.constant(`${at}/mul`, 'int32', [mul.length], mul),
        this.graph.constant(`${at}/add`, 'int32', [add.length], add),
      ],
      { attributes: { div, n_levels_out: 256, signed: 1 }, output },
    );
  }

  /** A node in the place of `node`, with its name; returns the output's name, that of the real-valued tensor unless given. */
  emit(node: Node, op: string, inputs: readonly string[], options: NodeOptions = {}): string {
    return this.graph.node(op, node.name, inputs, { output: node.outputs[0], ...options });
  }

  /** A constant under a name that is free. */
  constant(name: string, type: ElementType, shape: readonly number[], data: ArrayLike<number>): string {
    return this.graph.constant(this.fresh(name), type, shape, Array.from(data));
  }

  /** A constant of the real-valued network that stays as it is, such as a shape. */
  copied(name: string): string {
    const { type, shape, data } = this.tensor(name);
    if (!data) throw new Error(`${name} is no constant`);
    return this.graph.tensors.has(name) ? name : this.graph.constant(name, type, shape, data);
  }

  fresh(name: string): string {
    let free = name;
    for (let i = 2; this.graph.tensors.has(free); i++) free = `${name}_${i}`;
    return free;
  }
}

/** The name of a tensor's int32 sums, so that its int8 form keeps the name of the real-valued one. */
export const sumsOf = (name: string): string => `${name}/sums`;
