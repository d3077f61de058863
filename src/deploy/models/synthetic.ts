/**
 * Synthetic parameters for a full-size network when no trained ones are at hand: weights from a counter-based
 * generator, and requantisation calibrated as the network grows, so that no tensor saturates or collapses. The same
 * seed gives the same bits on every host.
 */
import type { GraphBuilder } from '../graph/builder.ts';
import type { Tensor, TensorData } from '../graph/graph.ts';
import { evaluateNode } from '../reference/integer.ts';
import { valueOf, type Value } from '../reference/value.ts';
import type { Accumulator, Parameters, ParametersFor, Requantization } from './parameters.ts';
import { partOf } from './parts.ts';
import { Stream } from './splitmix.ts';
import type { TokenLimits } from './tokens.ts';

/** Standard deviation of int8 weights, in LSB. */
const WEIGHT_SIGMA = 29;
/** Standard deviation that normalised activations are calibrated to, in LSB. */
const NORM_SIGMA = 30;

export interface SyntheticOptions {
  readonly seed: number;
  /** Input sets to calibrate on: each holds every graph input by name. */
  readonly calibration: readonly ReadonlyMap<string, TensorData>[];
}

/** A source of synthetic parameters for the graph it is given to. */
export const syntheticParameters =
  ({ seed, calibration }: SyntheticOptions): ParametersFor =>
  (graph) => {
    const observed = new Observed(graph, calibration);
    const metadata = { weights: 'synthetic', seed: String(seed), calibration: String(calibration.length) };
    return source(seed, observed, metadata);
  };

function source(seed: number, observed: Observed, metadata: Readonly<Record<string, string>>): Parameters {
  return {
    metadata,
    weight: (name, shape, { sigma = WEIGHT_SIGMA, mean = 0, zeroSum = false } = {}) => {
      const stream = new Stream(seed, name);
      const count = shape.reduce((n, d) => n * d, 1);
      const weights = new Int8Array(count);
      for (let i = 0; i < count; i++) weights[i] = clip(Math.round(mean + sigma * stream.normal(i)));
      if (zeroSum) zeroColumnSums(weights, shape[0], shape[1]);
      return weights;
    },
    bias: (name, count, accumulator, { sigma, mean = 0 }) => {
      const bias = new Int32Array(count);
      if (sigma === 0 && mean === 0) return bias;
      const stream = new Stream(seed, name);
      const scale = deviation(observed.parts(accumulator));
      for (let i = 0; i < count; i++) bias[i] = Math.round(scale * (mean + sigma * stream.normal(i)));
      return bias;
    },
    requantization: (_, accumulator, { sigma, addend = 0 }) => ({
      ...scaleBy(sigma / deviation(observed.parts(accumulator))),
      addend,
    }),
    normScale: (_, input, weight, bias) => {
      const affine = observed
        .values(input)
        .map(({ data }) =>
          Float64Array.from(data, (x, i) => x * weight[i % weight.length] + bias[i % bias.length]),
        );
      const { mult, shift } = scaleBy(NORM_SIGMA / deviation(affine.map((data) => ({ data }))));
      return { mul: mult, shift };
    },
    settle: (kept) => observed.keepOnly(kept),
  };
}

/** The values of a growing graph on the calibration inputs; nodes are evaluated when someone looks. */
class Observed {
  readonly #graph: GraphBuilder;
  readonly #inputs: readonly ReadonlyMap<string, TensorData>[];
  readonly #values: Map<string, Value>[];
  #evaluated = 0;

  constructor(graph: GraphBuilder, inputs: readonly ReadonlyMap<string, TensorData>[]) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#values = inputs.map(() => new Map());
  }

  /** One value of the tensor for each calibration input. */
  values(name: string): Value[] {
    for (; this.#evaluated < this.#graph.nodes.length; this.#evaluated++) {
      const node = this.#graph.nodes[this.#evaluated];
      this.#values.forEach((values, i) => {
        values.set(
          node.outputs[0],
          evaluateNode(node, (input) => this.#read(input, i)),
        );
      });
    }
    return this.#values.map((_, i) => this.#read(name, i));
  }

  /** Elements of what a parameter applies to, for each calibration input. */
  parts({ tensor, part }: Accumulator): { readonly data: ArrayLike<number> }[] {
    const values = this.values(tensor);
    return part ? values.map(({ data, shape }) => ({ data: partOf(data, shape, part) })) : values;
  }

  keepOnly(names: readonly string[]): void {
    for (const name of names) this.values(name);
    for (const values of this.#values) {
      for (const name of values.keys()) if (!names.includes(name)) values.delete(name);
    }
  }

  #read(name: string, i: number): Value {
    const value = this.#values[i].get(name);
    if (value) return value;
    const tensor = this.#graph.tensors.get(name) as Tensor;
    const data = tensor.data ?? this.#inputs[i].get(name);
    if (!data) throw new Error(`calibration: ${name} is read after it was settled, or its input is missing`);
    return valueOf({ ...tensor, data });
  }
}

const clip = (x: number): number => Math.min(Math.max(x, -127), 127);

/** Moves weights by single LSBs, evenly from the first row on, until each column of [rows, columns] sums to zero. */
function zeroColumnSums(weights: Int8Array, rows: number, columns: number): void {
  for (let j = 0; j < columns; j++) {
    let sum = 0;
    for (let k = 0; k < rows; k++) sum += weights[k * columns + j];
    for (let k = 0; sum !== 0; k = (k + 1) % rows) {
      const moved = clip(weights[k * columns + j] - Math.sign(sum));
      sum += moved - weights[k * columns + j];
      weights[k * columns + j] = moved;
    }
  }
}

/** Standard deviation of all elements about their common mean. */
export function deviation(values: readonly { readonly data: ArrayLike<number> }[]): number {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const { data } of values) {
    count += data.length;
    for (let i = 0; i < data.length; i++) {
      sum += data[i];
      squares += data[i] * data[i];
    }
  }
  const mean = sum / count;
  return Math.sqrt(Math.max(0, squares / count - mean * mean));
}

/** mult · 2^-shift ≈ factor with mult in 128..255 where the range of shifts (0..35) allows it. */
export function scaleBy(factor: number): Omit<Requantization, 'addend'> {
  let shift = 0;
  let scaled = factor;
  for (; shift < 35 && Math.round(scaled * 2) <= 255; shift++) scaled *= 2;
  return { mult: Math.min(255, Math.max(1, Math.round(scaled))), shift };
}

/**
 * Sequences that calibration uses unless told otherwise; each costs one evaluation of the network. With fewer, single
 * activations of the 24-layer network saturate in more than 1 % of their elements.
 */
export const CALIBRATION_SEQUENCES = 3;

/** The parameters a network has by default: synthetic, weights and calibration drawn from one seed. */
export const seededParameters = (tokens: TokenLimits, seed: number): ParametersFor =>
  syntheticParameters({ seed, calibration: calibrationTokens(tokens, seed) });

/**
 * Token sequences drawn for calibration: full length, `[CLS]` first, `[SEP]` at the end of question and text.
 * Ids are uniform over the whole words and pieces of the vocabulary, which begin after its special entries.
 */
export function calibrationTokens(
  { sequence, vocabulary, tokenTypes }: TokenLimits,
  seed: number,
  count = CALIBRATION_SEQUENCES,
): ReadonlyMap<string, TensorData>[] {
  const first = vocabulary > 2000 ? 999 : 0;
  return Array.from({ length: count }, (_, n) => {
    const stream = new Stream(seed, `calibration/${n}`);
    const ids = Int32Array.from(
      { length: sequence },
      (_id, i) => first + stream.below(i, vocabulary - first),
    );
    const questionEnd = Math.min(sequence - 2, 4 + stream.below(sequence, Math.max(1, sequence >> 2)));
    const types = Int32Array.from({ length: sequence }, (_type, i) =>
      tokenTypes > 1 && i > questionEnd ? 1 : 0,
    );
    if (first > 0) {
      ids[0] = 101;
      ids[questionEnd] = 102;
      ids[sequence - 1] = 102;
    }
    return new Map([
      ['input_ids', ids],
      ['token_type_ids', types],
    ]);
  });
}
