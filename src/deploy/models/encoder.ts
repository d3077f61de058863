/**
 * Parts of real-valued transformer encoders as standard ONNX nodes: linear layers, attention written head by head, layer
 * normalisation, and the mask that keeps padding out of the softmax.
 */
import type { GraphBuilder } from '../graph/builder.ts';

/** x · W + b. W: [inputs, outputs], row-major    b: [outputs] */
export interface LinearParameters {
  readonly weight: ArrayLike<number>;
  readonly bias?: ArrayLike<number>;
}

export interface NormParameters {
  readonly gain: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

export interface AttentionParameters {
  /** All heads side by side: head h has the columns h · headSize and following. */
  readonly query: LinearParameters;
  readonly key: LinearParameters;
  readonly value: LinearParameters;
  /** Head h has the rows h · headSize and following. */
  readonly output: LinearParameters;
}

export interface EncoderShape {
  /** Rows of every tensor: tokens and padding. */
  readonly sequence: number;
  /** Rows that are tokens; the others are padding, which no token attends to. */
  readonly tokens: number;
  readonly heads: number;
  readonly headSize: number;
}

/** Columns the accelerator accumulates over at most (accelerator specification §10). */
const MOST_INNER = 960;

/** What a mask adds to the logits of padding. */
const MASKED = -10_000;

/** Adds the parts of one encoder to a graph. */
export class Encoder {
  readonly graph: GraphBuilder;
  readonly #shape: EncoderShape;
  readonly #epsilon: number;

  constructor(graph: GraphBuilder, shape: EncoderShape, epsilon: number) {
    this.graph = graph;
    this.#shape = shape;
    this.#epsilon = epsilon;
  }

  /** x [rows, inputs] · W + b; the output is named `name`. */
  linear(name: string, x: string, outputs: number, { weight, bias }: LinearParameters): string {
    const inputs = weight.length / outputs;
    const w = this.constant(`${name}/weight`, [inputs, outputs], weight);
    if (!bias) return this.graph.node('MatMul', `${name}/matmul`, [x, w], { output: name });
    const product = this.graph.node('MatMul', `${name}/matmul`, [x, w]);
    const b = this.constant(`${name}/bias`, [outputs], bias);
    return this.graph.node('Add', `${name}/add`, [product, b], { output: name });
  }

  norm(name: string, x: string, { gain, bias }: NormParameters): string {
    const columns = gain.length;
    return this.graph.node(
      'LayerNormalization',
      name,
      [x, this.constant(`${name}/weight`, [columns], gain), this.constant(`${name}/bias`, [columns], bias)],
      { attributes: { axis: -1, epsilon: this.#epsilon } },
    );
  }

  gelu(name: string, x: string): string {
    return this.graph.node('Gelu', name, [x], { domain: 'com.microsoft' });
  }

  add(name: string, a: string, b: string): string {
    return this.graph.node('Add', name, [a, b]);
  }

  /** A constant of this shape. */
  constant(name: string, shape: readonly number[], values: ArrayLike<number>): string {
    return this.graph.constant(name, 'float32', shape, Float32Array.from(values));
  }

  /** Rows and columns of a matrix. */
  shapeOf(x: string): readonly [rows: number, columns: number] {
    const [rows = 1, columns = 1] = this.graph.tensors.get(x)?.shape ?? [];
    return [rows, columns];
  }

  /** A table of one row for each row of the sequence. */
  table(name: string, columns: number, values: ArrayLike<number>): string {
    return this.constant(name, [this.#shape.sequence, columns], values);
  }

  /**
   * Multi-head self-attention with its output projection. x: [sequence, inputs], of which queries and keys are made, and
   * values too unless these have a tensor of their own
   */
  attention(name: string, x: string, outputs: number, parameters: AttentionParameters, values = x): string {
    const { heads } = this.#shape;
    const parts = Array.from({ length: heads }, (_, h) =>
      this.#head(`${name}/head_${h}`, [x, values], h, outputs, parameters),
    );
    const last = parts.pop() as string;
    if (parts.length === 0) return last;
    const sum = parts.reduce((a, b, i) => this.add(`${name}/sum_${i}`, a, b));
    return this.add(name, sum, last);
  }

  /**
   * A feed-forward network with GELU. More than 960 inner columns, which the accelerator cannot accumulate, are computed in
   * equal parts whose results are added.
   */
  feedForward(name: string, x: string, up: LinearParameters, down: LinearParameters): string {
    const [, width] = this.shapeOf(x);
    const hidden = up.weight.length / width;
    const outputs = down.weight.length / hidden;
    const parts = Math.ceil(hidden / MOST_INNER);
    const own = hidden / parts;
    const results = Array.from({ length: parts }, (_, p) => {
      const at = parts === 1 ? name : `${name}/part_${p}`;
      const inner = this.linear(`${at}/up`, x, own, {
        weight: columnsOf(up.weight, hidden, p * own, own),
        ...(up.bias ? { bias: columnsOf(up.bias, hidden, p * own, own) } : {}),
      });
      return this.linear(`${at}/down`, this.gelu(`${at}/gelu`, inner), outputs, {
        weight: Float64Array.from({ length: own * outputs }, (_w, i) => down.weight[p * own * outputs + i]),
        ...(down.bias && p === 0 ? { bias: down.bias } : {}),
      });
    });
    return results.reduce((a, b, i) => this.add(`${name}/sum_${i}`, a, b));
  }

  #head(
    name: string,
    [x, values]: readonly [string, string],
    h: number,
    outputs: number,
    parameters: AttentionParameters,
  ): string {
    const { heads, headSize } = this.#shape;
    const graph = this.graph;
    const own = (part: string, { weight, bias }: LinearParameters, of = x): string =>
      this.linear(`${name}/${part}`, of, headSize, {
        weight: columnsOf(weight, heads * headSize, h * headSize, headSize),
        ...(bias ? { bias: columnsOf(bias, heads * headSize, h * headSize, headSize) } : {}),
      });
    const query = own('query', parameters.query);
    // A bias of the keys moves all logits of a row alike, which the softmax takes out again.
    const key = own('key', { weight: parameters.key.weight });
    const value = own('value', parameters.value, values);
    const turned = graph.node('Transpose', `${name}/key_transposed`, [key], { attributes: { perm: [1, 0] } });
    const products = graph.node('MatMul', `${name}/logits/matmul`, [query, turned]);
    const scale = this.constant(`${name}/logits/scale`, [], [1 / Math.sqrt(headSize)]);
    const logits = this.#masked(name, graph.node('Mul', `${name}/logits`, [products, scale]));
    const probabilities = graph.node('Softmax', `${name}/probabilities`, [logits], {
      attributes: { axis: -1 },
    });
    const context = graph.node('MatMul', `${name}/context`, [probabilities, value]);
    const { weight, bias } = parameters.output;
    return this.linear(`${name}/projection`, context, outputs, {
      weight: Float64Array.from({ length: headSize * outputs }, (_, i) => weight[h * headSize * outputs + i]),
      ...(bias && h === 0 ? { bias } : {}),
    });
  }

  #masked(name: string, logits: string): string {
    const { sequence, tokens } = this.#shape;
    if (tokens === sequence) return logits;
    const mask = Array.from({ length: sequence }, (_, i) => (i < tokens ? 0 : MASKED));
    return this.graph.node('Add', `${name}/logits/masked`, [
      logits,
      this.constant(`${name}/logits/mask`, [1, sequence], mask),
    ]);
  }
}

/** `count` columns from `first` on of a matrix of `width` columns; of a vector, which is a matrix of one row. */
function columnsOf(values: ArrayLike<number>, width: number, first: number, count: number): Float32Array {
  const rows = values.length / width;
  return Float32Array.from(
    { length: rows * count },
    (_, i) => values[Math.floor(i / count) * width + first + (i % count)],
  );
}
