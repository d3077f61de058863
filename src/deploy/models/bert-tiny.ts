/**
 * BERT-tiny (Turc et al., "Well-Read Students Learn Better", 2019; 2 layers of 128, 2 heads of 64) as a real-valued graph
 * behind its embedding layer, with pooler-free output: the encoder's last rows. Post-normalisation, GELU with erf.
 *
 * Parameters, matrices as [outputs, inputs]: for each layer lN.wq bq wk bk wv bv wo bo ln1.g ln1.b w1 b1 w2 b2 ln2.g ln2.b;
 * for the classifier on the host pool.w pool.b cls.w cls.b.
 */
import { InputError } from '../../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { Arrays } from './arrays.ts';
import { Encoder, type LinearParameters } from './encoder.ts';

export const BERT_TINY = {
  layers: 2,
  width: 128,
  hidden: 512,
  heads: 2,
  headSize: 64,
  epsilon: 1e-12,
} as const;

/**
 * Builds the encoder. Input: `embeddings`, [sequence, 128], rows from `tokens` on are padding and zero. Output: `encoded`,
 * [sequence, 128].
 * @param tokens rows that are tokens
 * @param sequence rows in all; the tokens filled up to whole tiles of the accelerator unless given
 * @throws InputError naming the array that is missing or misshapen
 */
export function buildBertTiny(
  parameters: Arrays,
  tokens: number,
  sequence: number = Math.ceil(tokens / 64) * 64,
): Graph {
  const { layers, width, hidden, heads, headSize, epsilon } = BERT_TINY;
  if (tokens < 1 || tokens > sequence) {
    throw new InputError(`bert-tiny: ${tokens} tokens do not fit a sequence of ${sequence}`);
  }
  const graph = new GraphBuilder();
  const encoder = new Encoder(graph, { sequence, tokens, heads, headSize }, epsilon);
  const linear = (at: string, w: string, b: string, inputs: number, outputs: number): LinearParameters => ({
    weight: parameters.transposed(`${at}.${w}`, inputs, outputs),
    bias: parameters.values(`${at}.${b}`, [outputs]),
  });
  let x = graph.input('embeddings', 'float32', [sequence, width]);
  for (let layer = 0; layer < layers; layer++) {
    const [at, from] = [`layer_${layer}`, `l${layer}`];
    const square = (part: string): LinearParameters => linear(from, `w${part}`, `b${part}`, width, width);
    const norm = (part: string, name: string, y: string): string =>
      encoder.norm(name, encoder.add(`${name}/residual`, x, y), {
        gain: parameters.values(`${from}.${part}.g`, [width]),
        bias: parameters.values(`${from}.${part}.b`, [width]),
      });
    const attention = encoder.attention(`${at}/attention`, x, width, {
      query: square('q'),
      key: square('k'),
      value: square('v'),
      output: square('o'),
    });
    x = norm('ln1', `${at}/attention/output`, attention);
    const up = encoder.linear(`${at}/ffn/up`, x, hidden, linear(from, 'w1', 'b1', width, hidden));
    const active = encoder.gelu(`${at}/ffn/gelu`, up);
    const down = encoder.linear(`${at}/ffn/down`, active, width, linear(from, 'w2', 'b2', hidden, width));
    x = norm('ln2', layer === layers - 1 ? 'encoded' : `${at}/output`, down);
  }
  graph.output(x);
  return graph.build('bert-tiny', { model: 'bert-tiny', weights: parameters.file });
}

/** The classifier's logits (negative, positive) from the encoder's first row: cls · tanh(pool · x). */
export function sentimentOf(
  parameters: Arrays,
  first: ArrayLike<number>,
): [negative: number, positive: number] {
  const { width } = BERT_TINY;
  const dense = (name: string, x: ArrayLike<number>, outputs: number): number[] => {
    const w = parameters.values(`${name}.w`, [outputs, width]);
    const b = parameters.values(`${name}.b`, [outputs]);
    return Array.from(b, (bias, o) => {
      let sum = bias;
      for (let i = 0; i < width; i++) sum += w[o * width + i] * x[i];
      return sum;
    });
  };
  const [negative, positive] = dense('cls', dense('pool', x128(first), width).map(Math.tanh), 2);
  return [negative, positive];
}

const x128 = (row: ArrayLike<number>): number[] => Array.from({ length: BERT_TINY.width }, (_, i) => row[i]);
