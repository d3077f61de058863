/**
 * MobileBERT in real numbers from the tensors of a trained checkpoint, under the names that the Transformers library gives
 * them (`mobilebert.encoder.layer.0.attention.self.query.weight`, …; the prefix may be missing). Structure and names of
 * tensors are those of the integer builder beside this file.
 */
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { Arrays } from './arrays.ts';
import { Encoder, type LinearParameters } from './encoder.ts';
import { layerName, type MobileBertConfig } from './mobilebert.ts';

type Config = Omit<MobileBertConfig, 'softmaxShift'>;

/**
 * Builds the network. Inputs: `input_ids` and `token_type_ids`, int32 [sequence]. Output: the last layer's `layer_NN/output`,
 * [sequence, hidden].
 * @throws InputError naming the tensor that is missing or misshapen
 */
export function buildFloatMobileBert(config: Config, checkpoint: Arrays): Graph {
  const { sequence, heads, headSize, layers } = config;
  const graph = new GraphBuilder();
  const encoder = new Encoder(graph, { sequence, tokens: sequence, heads, headSize }, 0);
  const network = new Network(encoder, config, checkpoint);
  let hidden = network.embedding();
  for (let layer = 0; layer < layers; layer++) hidden = network.layer(layer, hidden);
  graph.output(hidden);
  return graph.build('mobilebert', { model: 'mobilebert', weights: checkpoint.file });
}

class Network {
  readonly #encoder: Encoder;
  readonly #config: Config;
  readonly #checkpoint: Arrays;
  readonly #prefix: string;

  constructor(encoder: Encoder, config: Config, checkpoint: Arrays) {
    this.#encoder = encoder;
    this.#config = config;
    this.#checkpoint = checkpoint;
    this.#prefix = checkpoint.has('embeddings.word_embeddings.weight') ? '' : 'mobilebert.';
  }

  /** Word, position and token-type embeddings; the rows of three neighbours are joined: right, itself, left. */
  embedding(): string {
    const { sequence, vocabulary, embedding, hidden, tokenTypes } = this.#config;
    const { graph } = this.#encoder;
    const ids = graph.input('input_ids', 'int32', [sequence]);
    const types = graph.input('token_type_ids', 'int32', [sequence]);
    const lookup = (name: string, from: string, rows: number, columns: number, indices: string): string => {
      const table = this.#values(`embeddings.${from}.weight`, rows, columns);
      const weight = this.#encoder.constant(`${name}/weight`, [rows, columns], table);
      return graph.node('Gather', name, [weight, indices], { attributes: { axis: 0 } });
    };
    const word = lookup('embedding/word', 'word_embeddings', vocabulary, embedding, ids);
    const zero = this.#encoder.constant('embedding/zero_row', [1, embedding], new Float32Array(embedding));
    const whole = (name: string, value: number): string => graph.constant(name, 'int64', [1], [value]);
    const rows = (name: string, start: number, end: number): string =>
      graph.node('Slice', name, [word, whole(`${name}/start`, start), whole(`${name}/end`, end)]);
    const join = (name: string, parts: readonly string[], axis: number): string =>
      graph.node('Concat', name, parts, { attributes: { axis } });
    const left = join('embedding/left', [zero, rows('embedding/left/rows', 0, sequence - 1)], 0);
    const right = join('embedding/right', [rows('embedding/right/rows', 1, sequence), zero], 0);
    const trigram = join('embedding/trigram', [right, word, left], 1);
    const dense = this.#linear(
      'embedding/dense',
      trigram,
      'embeddings.embedding_transformation',
      3 * embedding,
      hidden,
    );
    const positions = this.#checkpoint.firstRows(
      `${this.#prefix}embeddings.position_embeddings.weight`,
      sequence,
      hidden,
    );
    const table = this.#encoder.table('embedding/position/weight', hidden, positions);
    const positioned = graph.node('Add', 'embedding/positioned', [dense, table]);
    const type = lookup('embedding/token_type', 'token_type_embeddings', tokenTypes, hidden, types);
    const sum = graph.node('Add', 'embedding/sum', [positioned, type]);
    return this.#noNorm('embedding/output', sum, 'embeddings.LayerNorm', hidden);
  }

  layer(index: number, input: string): string {
    const { hidden, bottleneck, ffns } = this.#config;
    const name = layerName(index);
    const from = `encoder.layer.${index}`;
    const narrow = (part: string): string => {
      const at = `${name}/bottleneck/${part}`;
      const dense = this.#linear(
        `${at}/dense`,
        input,
        `${from}.bottleneck.${part}.dense`,
        hidden,
        bottleneck,
      );
      return this.#noNorm(at, dense, `${from}.bottleneck.${part}.LayerNorm`, bottleneck);
    };
    const residual = narrow('input');
    const shared = narrow('attention');
    const attention = this.#attention(`${name}/attention`, `${from}.attention`, shared, input);
    let x = this.#residual(
      `${name}/attention`,
      attention,
      residual,
      `${from}.attention.output.LayerNorm`,
      bottleneck,
    );
    for (let i = 0; i < ffns; i++) {
      // The last of the stacked networks stands in the layer itself.
      const own = i < ffns - 1 ? `${from}.ffn.${i}` : from;
      x = this.#feedForward(`${name}/ffn_${i}`, own, x);
    }
    const wide = `${name}/bottleneck/output`;
    const dense = this.#linear(`${wide}/dense`, x, `${from}.output.bottleneck.dense`, bottleneck, hidden);
    const sum = this.#encoder.add(`${wide}/residual`, dense, input);
    return this.#noNorm(`${name}/output`, sum, `${from}.output.bottleneck.LayerNorm`, hidden);
  }

  #feedForward(name: string, from: string, x: string): string {
    const { bottleneck, intermediate } = this.#config;
    const { graph } = this.#encoder;
    const up = this.#linear(`${name}/up`, x, `${from}.intermediate.dense`, bottleneck, intermediate);
    const active = graph.node('Relu', `${name}/up/relu`, [up]);
    const down = this.#linear(`${name}/down`, active, `${from}.output.dense`, intermediate, bottleneck);
    return this.#residual(name, down, x, `${from}.output.LayerNorm`, bottleneck);
  }

  /** Queries and keys from the shared bottleneck, values from the layer's input. */
  #attention(name: string, from: string, shared: string, values: string): string {
    const { bottleneck, hidden, heads, headSize } = this.#config;
    const all = heads * headSize;
    const own = (part: string, inputs: number): LinearParameters =>
      this.#parameters(`${from}.self.${part}`, inputs, all);
    const parameters = {
      query: own('query', bottleneck),
      key: own('key', bottleneck),
      value: own('value', hidden),
      output: this.#parameters(`${from}.output.dense`, all, bottleneck),
    };
    return this.#encoder.attention(name, shared, bottleneck, parameters, values);
  }

  #residual(name: string, x: string, residual: string, norm: string, width: number): string {
    return this.#noNorm(`${name}/output`, this.#encoder.add(`${name}/residual`, x, residual), norm, width);
  }

  /** x · weight + bias, column by column. */
  #noNorm(name: string, x: string, from: string, width: number): string {
    const { graph } = this.#encoder;
    const vector = (part: string): string =>
      this.#encoder.constant(`${name}/norm/${part}`, [width], this.#values(`${from}.${part}`, width));
    const scaled = graph.node('Mul', `${name}/norm/scaled`, [x, vector('weight')]);
    return graph.node('Add', `${name}/norm`, [scaled, vector('bias')], { output: name });
  }

  #linear(name: string, x: string, from: string, inputs: number, outputs: number): string {
    return this.#encoder.linear(name, x, outputs, this.#parameters(from, inputs, outputs));
  }

  #parameters(from: string, inputs: number, outputs: number): LinearParameters {
    return {
      weight: this.#checkpoint.transposed(`${this.#prefix}${from}.weight`, inputs, outputs),
      bias: this.#values(`${from}.bias`, outputs),
    };
  }

  #values(name: string, ...shape: number[]): Float64Array {
    return this.#checkpoint.values(`${this.#prefix}${name}`, shape);
  }
}
