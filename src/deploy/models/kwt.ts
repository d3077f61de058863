/**
 * Keyword Transformer KWT-1 (Berg, O'Connor, Cruz, "Keyword Transformer: A Self-Attention Model for Keyword Spotting",
 * 2021) as a real-valued graph: 98 frames of 40 features and a class token, 12 layers of one head, padded to 128 rows.
 *
 * Parameters, matrices as [outputs, inputs]: in.w in.b cls pos; for each layer lNN.wq wk wv wo bo w1 b1 w2 b2 ln1.g ln1.b
 * ln2.g ln2.b; out.w out.b ln.eps.
 */
import { InputError } from '../../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { Arrays } from './arrays.ts';
import { Encoder, type LinearParameters } from './encoder.ts';

export const KWT1 = {
  frames: 98,
  features: 40,
  /** Frames and the class token, which comes first. */
  tokens: 99,
  /** Rows of the network: tokens and padding to whole tiles of the accelerator. */
  sequence: 128,
  width: 64,
  hidden: 256,
  layers: 12,
  labels: ['_silence_', '_unknown_', 'yes', 'no', 'up', 'down', 'left', 'right', 'on', 'off', 'stop', 'go'],
} as const;

/** Parts of the network for tests, and the network without padding. */
export interface KwtSize {
  /** Layers from the first on; all 12 unless given. */
  readonly layers?: number;
  /** Rows, 99 or more; 128 unless given. */
  readonly sequence?: number;
}

/**
 * Builds the network. Input: `features`, [128, 40], row 0 (the class token's) and rows 99 to 127 (padding) zero.
 * Output: `logits`, [128, 12], of which row 0 counts.
 * @throws InputError naming the array that is missing or misshapen
 */
export function buildKwt(
  parameters: Arrays,
  { layers = KWT1.layers, sequence = KWT1.sequence }: KwtSize = {},
): Graph {
  const { frames, features, tokens, width, hidden, labels } = KWT1;
  const graph = new GraphBuilder();
  const encoder = new Encoder(
    graph,
    { sequence, tokens, heads: 1, headSize: width },
    parameters.values('ln.eps', [])[0],
  );
  const vector = (name: string, count: number): Float64Array => parameters.values(name, [count]);
  const linear = (weight: string, inputs: number, outputs: number, bias?: string): LinearParameters => ({
    weight: parameters.transposed(weight, inputs, outputs),
    ...(bias === undefined ? {} : { bias: vector(bias, outputs) }),
  });

  const input = graph.input('features', 'float32', [sequence, features]);
  const projected = encoder.linear('embedding/projection', input, width, linear('in.w', features, width));
  let x = encoder.add(
    'embedding',
    projected,
    encoder.table('embedding/position', width, positions(parameters)),
  );
  if (layers < 1 || layers > KWT1.layers)
    throw new InputError(`kwt1 has 1 to ${KWT1.layers} layers, not ${layers}`);
  for (let layer = 0; layer < layers; layer++) {
    const at = `layer_${String(layer).padStart(2, '0')}`;
    const from = `l${String(layer).padStart(2, '0')}`;
    const attention = encoder.attention(`${at}/attention`, x, width, {
      query: linear(`${from}.wq`, width, width),
      key: linear(`${from}.wk`, width, width),
      value: linear(`${from}.wv`, width, width),
      output: linear(`${from}.wo`, width, width, `${from}.bo`),
    });
    const norm = (part: string, y: string, name: string): string =>
      encoder.norm(name, encoder.add(`${name}/residual`, x, y), {
        gain: vector(`${from}.${part}.g`, width),
        bias: vector(`${from}.${part}.b`, width),
      });
    x = norm('ln1', attention, `${at}/attention/output`);
    const up = encoder.linear(`${at}/ffn/up`, x, hidden, linear(`${from}.w1`, width, hidden, `${from}.b1`));
    const down = encoder.linear(
      `${at}/ffn/down`,
      encoder.gelu(`${at}/ffn/gelu`, up),
      width,
      linear(`${from}.w2`, hidden, width, `${from}.b2`),
    );
    x = norm('ln2', down, `${at}/output`);
  }
  graph.output(encoder.linear('logits', x, labels.length, linear('out.w', width, labels.length, 'out.b')));
  return graph.build('kwt1', { model: 'kwt1', weights: parameters.file, frames: String(frames) });

  /** What is added to the projected features: the class token in row 0, bias and position in the frames' rows. */
  function positions(arrays: Arrays): Float64Array {
    const table = new Float64Array(sequence * width);
    const pos = arrays.values('pos', [tokens, width]);
    const bias = arrays.values('in.b', [width]);
    const cls = arrays.values('cls', [width]);
    for (let row = 0; row < sequence; row++) {
      for (let c = 0; c < width; c++) {
        const position = row < tokens ? pos[row * width + c] : 0;
        table[row * width + c] = position + (row === 0 ? cls[c] : bias[c]);
      }
    }
    return table;
  }
}

/** The network's input from the features of a clip, [98, 40]. */
export function kwtInput(features: ArrayLike<number>, sequence: number = KWT1.sequence): Float32Array {
  const count = KWT1.frames * KWT1.features;
  if (features.length !== count) {
    throw new InputError(
      `kwt1 takes ${KWT1.frames} frames of ${KWT1.features} features, ${count} numbers, not ${features.length}`,
    );
  }
  const rows = new Float32Array(sequence * KWT1.features);
  rows.set(Float32Array.from(features), KWT1.features);
  return rows;
}
