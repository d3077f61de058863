/**
 * Builds the integer MobileBERT encoder as a graph in the PULP dialect. Structure: Sun et al., "MobileBERT: a Compact
 * Task-Agnostic BERT for Resource-Limited Devices", 2020, with the bottleneck shared by keys and queries and NoNorm in
 * place of layer normalisation. Every linear layer is MatMul, Add (bias), RequantShift and possibly Relu; attention is
 * written for all heads at once in standard operators, with requantisations of each head's own and an output projection
 * that is one product for each head, requantised and then summed.
 */
import { UsageError } from '../../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { fromNumbers } from '../graph/elements.ts';
import { integerTypeOf } from '../graph/integers.ts';
import {
  checkLimit,
  type Accumulator,
  type BiasStyle,
  type Parameters,
  type ParametersFor,
  type Requantization,
  type RequantizationStyle,
  type WeightStyle,
} from './parameters.ts';
import { jointRequantShift, sideBySide } from './parts.ts';

export interface MobileBertConfig {
  readonly layers: number;
  /** Width between layers. */
  readonly hidden: number;
  /** Width inside a layer. */
  readonly bottleneck: number;
  readonly heads: number;
  readonly headSize: number;
  /** Stacked feed-forward networks per layer. */
  readonly ffns: number;
  readonly intermediate: number;
  /** Sequence length in tokens. */
  readonly sequence: number;
  readonly vocabulary: number;
  /** Width of a word embedding; three neighbours are joined. */
  readonly embedding: number;
  readonly tokenTypes: number;
  /** LSB of the logits per octave of the softmax, as a power of two; the accelerator has 0 or 5. */
  readonly softmaxShift: 0 | 5;
}

/** The published network at the deployed sequence length. */
export const MOBILEBERT: MobileBertConfig = {
  layers: 24,
  hidden: 512,
  bottleneck: 128,
  heads: 4,
  headSize: 32,
  ffns: 4,
  intermediate: 512,
  sequence: 128,
  vocabulary: 30522,
  embedding: 128,
  tokenTypes: 2,
  softmaxShift: 0,
};

/** `layer_03`: the prefix of everything in a layer; layers count from 0. */
export const layerName = (layer: number): string => `layer_${String(layer).padStart(2, '0')}`;

/** The tensors a layer-by-layer comparison looks at: the embedding's and each layer's output, int8 [sequence, hidden]. */
export const layerOutputs = (config: MobileBertConfig): string[] => [
  'embedding/output',
  ...Array.from({ length: config.layers }, (_, i) => `${layerName(i)}/output`),
];

/** Standard deviation that activations are calibrated to, in LSB of int8. */
const ACTIVATION: RequantizationStyle = { sigma: 30 };
/**
 * Branches that meet a residual stream of σ 30. Nothing renormalises the stream between layers, and attention and ReLU
 * answer a larger input more than proportionally: with branches as strong as the stream, two sequences of slightly
 * different scale drift apart until one saturates and the other collapses. With these, σ stays within 15 % over 24 layers.
 */
const ATTENTION_BRANCH: RequantizationStyle = { sigma: 15 };
const FFN_BRANCH: RequantizationStyle = { sigma: 16 };
const LAYER_BRANCH: RequantizationStyle = { sigma: 11 };
/**
 * Logits by softmax shift: σ such that attention is peaked but rarely saturates. With 32 LSB per octave they are moved
 * down, since the largest logits matter most and would be clipped first.
 */
const LOGITS: Readonly<Record<0 | 5, RequantizationStyle>> = {
  0: { sigma: 4.5 },
  5: { sigma: 44, addend: -12 },
};
const CONTEXT: Readonly<Record<0 | 5, RequantizationStyle>> = { 0: { sigma: 30 }, 5: { sigma: 24 } };

/** Biases are the same for every token: larger ones would make all tokens alike, none would leave the scale adrift. */
const BIAS_SIGMA = 0.06;
const SMALL_BIAS: BiasStyle = { sigma: BIAS_SIGMA };
/** In front of a ReLU: leaves about three quarters of the results zero, as in the trained network. */
const RELU_BIAS: BiasStyle = { sigma: BIAS_SIGMA, mean: -0.6 };
/** A bias of the keys shifts all logits of a row alike and cancels in the softmax. */
const NO_BIAS: BiasStyle = { sigma: 0 };
const ZERO_SUM: WeightStyle = { zeroSum: true };
const NORM_WEIGHT = { mean: 90, sigma: 12 } as const;

export interface BuildOptions {
  /** Told before each layer is built. */
  readonly progress?: (layer: number, layers: number) => void;
}

/**
 * Builds the network. Inputs: `input_ids` and `token_type_ids`, int32 [sequence]. Output: the last layer's
 * `layer_NN/output`, int8 [sequence, hidden]. There is no mask: every position takes part in the softmax.
 * @throws UsageError when the configuration is no network; InputError when a parameter is out of the hardware's range
 */
export function buildMobileBert(
  config: MobileBertConfig,
  parametersFor: ParametersFor,
  options: BuildOptions = {},
): Graph {
  checkConfig(config);
  const graph = new GraphBuilder();
  const parameters = parametersFor(graph);
  const network = new Network(graph, parameters, config);
  let hidden = network.embedding();
  for (let layer = 0; layer < config.layers; layer++) {
    parameters.settle([hidden]);
    options.progress?.(layer, config.layers);
    hidden = network.layer(layerName(layer), hidden);
  }
  graph.output(hidden);
  return graph.build('mobilebert', {
    model: 'mobilebert',
    config: JSON.stringify(config),
    ...parameters.metadata,
  });
}

function checkConfig(config: MobileBertConfig): void {
  for (const [key, value] of Object.entries(config)) {
    const least = key === 'softmaxShift' ? 0 : 1;
    if (!Number.isInteger(value) || value < least) {
      throw new UsageError(`mobilebert: ${key} is ${value}, expected an integer of at least ${least}`);
    }
  }
  if (config.softmaxShift !== 0 && config.softmaxShift !== 5) {
    throw new UsageError(`mobilebert: softmaxShift is ${String(config.softmaxShift)}, expected 0 or 5`);
  }
  if (config.sequence < 2)
    throw new UsageError(`mobilebert: sequence is ${config.sequence}, expected at least 2 tokens`);
}

interface LinearStyle {
  readonly weight?: WeightStyle;
  readonly bias: BiasStyle;
  readonly result?: RequantizationStyle;
  readonly relu?: boolean;
}

/** The parts of the network, each adding its nodes to the graph and returning the name of its output tensor. */
class Network {
  readonly #graph: GraphBuilder;
  readonly #parameters: Parameters;
  readonly #config: MobileBertConfig;

  constructor(graph: GraphBuilder, parameters: Parameters, config: MobileBertConfig) {
    this.#graph = graph;
    this.#parameters = parameters;
    this.#config = config;
  }

  /** Word, position and token-type embeddings; a word's row is joined with those of its two neighbours. */
  embedding(): string {
    const { sequence, vocabulary, embedding, hidden, tokenTypes } = this.#config;
    const graph = this.#graph;
    const ids = graph.input('input_ids', 'int32', [sequence]);
    const types = graph.input('token_type_ids', 'int32', [sequence]);
    const word = this.#lookup('embedding/word', [vocabulary, embedding], ids, {});

    const zero = graph.constant('embedding/zero_row', 'int8', [1, embedding], new Int8Array(embedding));
    const rows = (name: string, start: number, end: number): string =>
      graph.node('Slice', `embedding/${name}`, [
        word,
        this.#int64(`embedding/${name}/start`, start),
        this.#int64(`embedding/${name}/end`, end),
      ]);
    const join = (name: string, parts: readonly string[], axis: number): string =>
      graph.node('Concat', `embedding/${name}`, parts, { attributes: { axis } });
    const left = join('left', [zero, rows('left/rows', 0, sequence - 1)], 0);
    const right = join('right', [rows('right/rows', 1, sequence), zero], 0);
    const trigram = join('trigram', [left, word, right], 1);

    const dense = this.#linear('embedding/dense', trigram, 3 * embedding, hidden, { bias: SMALL_BIAS });
    const position = this.#table('embedding/position/weight', [sequence, hidden], { sigma: 15 });
    const positioned = graph.node('Add', 'embedding/positioned', [dense, position]);
    const type = this.#lookup('embedding/token_type', [tokenTypes, hidden], types, { sigma: 8 });
    const sum = graph.node('Add', 'embedding/sum', [positioned, type]);
    return this.#noNorm('embedding/output', sum, hidden);
  }

  /** One encoder layer: bottlenecks, attention, stacked feed-forward networks, and back to the full width. */
  layer(name: string, input: string): string {
    const { hidden, bottleneck, intermediate, ffns } = this.#config;
    const small = { bias: SMALL_BIAS };
    const narrow = (part: string): string => {
      const dense = this.#linear(`${name}/${part}/dense`, input, hidden, bottleneck, small);
      return this.#noNorm(`${name}/${part}`, dense, bottleneck);
    };
    const residual = narrow('bottleneck/input');
    const shared = narrow('bottleneck/attention');

    const attention = this.#attention(`${name}/attention`, shared, input);
    let x = this.#residualNorm(`${name}/attention`, attention, residual, bottleneck);
    for (let i = 0; i < ffns; i++) {
      const at = `${name}/ffn_${i}`;
      const up = this.#linear(`${at}/up`, x, bottleneck, intermediate, { bias: RELU_BIAS, relu: true });
      const down = this.#linear(`${at}/down`, up, intermediate, bottleneck, {
        bias: SMALL_BIAS,
        weight: ZERO_SUM,
        result: FFN_BRANCH,
      });
      x = this.#residualNorm(at, down, x, bottleneck);
    }
    const wide = `${name}/bottleneck/output`;
    const dense = this.#linear(`${wide}/dense`, x, bottleneck, hidden, {
      bias: SMALL_BIAS,
      weight: ZERO_SUM,
      result: LAYER_BRANCH,
    });
    return this.#noNorm(
      `${name}/output`,
      this.#graph.node('Add', `${wide}/residual`, [dense, input]),
      hidden,
    );
  }

  /** Multi-head attention. shared: int8 [S, bottleneck] for queries and keys    values: int8 [S, hidden] */
  #attention(name: string, shared: string, values: string): string {
    const { bottleneck, hidden, softmaxShift } = this.#config;
    const graph = this.#graph;
    const query = this.#split(`${name}/query`, shared, bottleneck, SMALL_BIAS, [1, 0, 2]);
    const key = this.#split(`${name}/key`, shared, bottleneck, NO_BIAS, [1, 2, 0]);
    const value = this.#split(`${name}/value`, values, hidden, SMALL_BIAS, [1, 0, 2]);
    const products = graph.node('MatMul', `${name}/logits/matmul`, [query, key]);
    const logits = this.#requantizeHeads(`${name}/logits`, products, 0, LOGITS[softmaxShift]);
    const probabilities = graph.node('ITAPartialMax', `${name}/probabilities`, [logits], {
      domain: 'octet',
      attributes: { softmax_shift: softmaxShift },
    });
    const mixed = graph.node('MatMul', `${name}/context/matmul`, [probabilities, value]);
    const context = this.#requantizeHeads(`${name}/context`, mixed, 0, CONTEXT[softmaxShift]);
    const terms = this.#projection(`${name}/projection`, context);
    const sum = graph.node('ReduceSum', `${name}/sum`, [terms, this.#int64(`${name}/sum/axes`, 0)], {
      attributes: { keepdims: 0 },
    });
    return this.#requantize(`${name}/heads`, sum, ATTENTION_BRANCH);
  }

  /** Queries, keys or values of all heads. x: int8 [S, inner]    result: int8 [S, heads, headSize], its axes in the order `perm` */
  #split(name: string, x: string, inner: number, style: BiasStyle, perm: readonly number[]): string {
    const { sequence, heads, headSize } = this.#config;
    const graph = this.#graph;
    const columns = heads * headSize;
    const matrices = this.#ofHeads(name, 'weight', (own) => this.#parameters.weight(own, [inner, headSize]));
    const weight = graph.constant(`${name}/weight`, 'int8', [inner, columns], sideBySide(matrices, inner));
    const product = graph.node('MatMul', `${name}/matmul`, [x, weight]);
    const biases = this.#ofHeads(name, 'bias', (own, index) =>
      this.#biasValues(own, headSize, { tensor: product, part: { axis: 1, index, of: heads } }, style),
    );
    const bias = graph.constant(`${name}/bias`, 'int32', [columns], sideBySide(biases, 1));
    const sum = graph.node('Add', `${name}/add`, [product, bias]);
    const all = this.#requantizeHeads(name, sum, 1, ACTIVATION);
    const shape = graph.constant(`${name}/split/shape`, 'int64', [3], [sequence, heads, headSize]);
    const split = graph.node('Reshape', `${name}/split`, [all, shape]);
    return graph.node('Transpose', `${name}/turned`, [split], { attributes: { perm } });
  }

  /** The output projection of each head; its bias is added once, by the first. context: int8 [heads, S, headSize]    result: int8 [heads, S, bottleneck] */
  #projection(name: string, context: string): string {
    const { bottleneck, heads, headSize } = this.#config;
    const graph = this.#graph;
    const matrices = this.#ofHeads(name, 'weight', (own) =>
      this.#parameters.weight(own, [headSize, bottleneck]),
    );
    const shape = [heads, headSize, bottleneck];
    const weight = graph.constant(`${name}/weight`, 'int8', shape, sideBySide(matrices, 1));
    const products = graph.node('MatMul', `${name}/matmul`, [context, weight]);
    const biases = this.#ofHeads(name, 'bias', (own, index) => {
      const accumulator = { tensor: products, part: { axis: 0, index, of: heads } };
      return index === 0
        ? this.#biasValues(own, bottleneck, accumulator, SMALL_BIAS)
        : new Int32Array(bottleneck);
    });
    const bias = graph.constant(`${name}/bias`, 'int32', [heads, 1, bottleneck], sideBySide(biases, 1));
    return this.#requantizeHeads(name, graph.node('Add', `${name}/add`, [products, bias]), 0, ACTIVATION);
  }

  /** A parameter of each head, under names as if the network were written head by head. */
  #ofHeads<T>(name: string, role: string, make: (own: string, index: number) => T): T[] {
    const at = name.slice(0, name.lastIndexOf('/'));
    const part = name.slice(at.length + 1);
    return Array.from({ length: this.#config.heads }, (_, h) => make(`${at}/head_${h}/${part}/${role}`, h));
  }

  /** x · W + b, requantised to int8. W: int8 [inner, columns]    b: int32 [columns] */
  #linear(name: string, x: string, inner: number, columns: number, style: LinearStyle): string {
    const { weight, bias, result = ACTIVATION, relu = false } = style;
    const matrix = this.#table(`${name}/weight`, [inner, columns], weight);
    const product = this.#graph.node('MatMul', `${name}/matmul`, [x, matrix]);
    const biases = this.#bias(`${name}/bias`, columns, product, bias);
    const sum = this.#graph.node('Add', `${name}/add`, [product, biases]);
    if (!relu) return this.#requantize(name, sum, result);
    const linear = this.#requantize(name, sum, result, `${name}/linear`);
    return this.#graph.node('Relu', `${name}/relu`, [linear], { output: name });
  }

  #requantize(name: string, sum: string, style: RequantizationStyle, output = name): string {
    const constants = this.#requantization(`${name}/requantize`, { tensor: sum }, style);
    return this.#requantShift(name, sum, [constants], [1], output);
  }

  /** Requantises each head by constants of its own. axis: 0 where it is that of the heads, 1 where these share the columns */
  #requantizeHeads(name: string, sum: string, axis: 0 | 1, style: RequantizationStyle): string {
    const { heads, headSize } = this.#config;
    const own = this.#ofHeads(name, 'requantize', (at, index) =>
      this.#requantization(at, { tensor: sum, part: { axis, index, of: heads } }, style),
    );
    if (axis === 0) return this.#requantShift(name, sum, own, [heads, 1, 1]);
    const repeated = own.flatMap((constants) => Array.from({ length: headSize }, () => constants));
    return this.#requantShift(name, sum, repeated, [heads * headSize]);
  }

  #requantization(name: string, accumulator: Accumulator, style: RequantizationStyle): Requantization {
    const constants = this.#parameters.requantization(name, accumulator, style);
    for (const kind of ['mult', 'shift', 'addend'] as const) checkLimit(kind, constants[kind], name);
    return constants;
  }

  #requantShift(
    name: string,
    sum: string,
    constants: readonly Requantization[],
    shape: readonly number[],
    output = name,
  ): string {
    const at = `${name}/requantize`;
    const { mul, add, div } = jointRequantShift(constants);
    return this.#graph.node(
      'RequantShift',
      at,
      [sum, this.#integers(`${at}/mul`, shape, mul), this.#integers(`${at}/add`, shape, add)],
      { attributes: { div, n_levels_out: 256, signed: 1 }, output },
    );
  }

  /** Constants of 32 bits, or of 64 where these do not hold them. */
  #integers(name: string, shape: readonly number[], values: readonly number[]): string {
    const type = integerTypeOf(Float64Array.from(values), true) ?? 'int64';
    return this.#graph.constant(name, type, shape, fromNumbers(type, values));
  }

  #residualNorm(name: string, x: string, residual: string, width: number): string {
    return this.#noNorm(`${name}/output`, this.#graph.node('Add', `${name}/residual`, [x, residual]), width);
  }

  #noNorm(name: string, x: string, width: number): string {
    const graph = this.#graph;
    const weight = this.#parameters.weight(`${name}/norm/weight`, [width], NORM_WEIGHT);
    const weights = graph.constant(`${name}/norm/weight`, 'int8', [width], weight);
    const biases = this.#bias(`${name}/norm/bias`, width, x, { sigma: BIAS_SIGMA * NORM_WEIGHT.mean });
    const bias = graph.tensors.get(biases)?.data as Int32Array;
    const { mul, shift } = this.#parameters.normScale(`${name}/norm/scale`, x, weight, bias);
    checkLimit('mul', mul, `${name}/norm/scale`);
    checkLimit('normShift', shift, `${name}/norm/scale`);
    const attributes = { D: 2 ** shift, mul, n_levels: 256 };
    return graph.node('iNoNorm', `${name}/norm`, [x, weights, biases], { attributes, output: name });
  }

  #lookup(name: string, shape: readonly [number, number], ids: string, style: WeightStyle): string {
    return this.#graph.node('Gather', name, [this.#table(`${name}/weight`, shape, style), ids], {
      attributes: { axis: 0 },
    });
  }

  #table(name: string, shape: readonly number[], style?: WeightStyle): string {
    return this.#graph.constant(name, 'int8', shape, this.#parameters.weight(name, shape, style));
  }

  #bias(name: string, count: number, accumulator: string, style: BiasStyle): string {
    const values = this.#biasValues(name, count, { tensor: accumulator }, style);
    return this.#graph.constant(name, 'int32', [count], values);
  }

  #biasValues(name: string, count: number, accumulator: Accumulator, style: BiasStyle): Int32Array {
    const values = this.#parameters.bias(name, count, accumulator, style);
    values.forEach((value, i) => checkLimit('bias', value, `${name}[${i}]`));
    return values;
  }

  #int64(name: string, value: number): string {
    return this.#graph.constant(name, 'int64', [1], [value]);
  }
}
