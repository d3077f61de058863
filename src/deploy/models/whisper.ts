/**
 * The encoder of Whisper-Tiny (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022) as a
 * real-valued graph: two convolutions over time, the second of stride 2, then pre-normalised layers with GELU.
 *
 * The convolutions (width 3, one row of zeros on both sides) are written as products of neighbouring rows side by side,
 * which the accelerator computes.
 */
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { Draw } from './draw.ts';
import { Encoder, type LinearParameters } from './encoder.ts';
import { addLayers } from './layers.ts';

export interface WhisperConfig {
  readonly layers: number;
  /** Rows of the encoder; the input has twice as many frames. */
  readonly sequence: number;
  /** Mel bands of a frame. */
  readonly bands: number;
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  readonly headSize: number;
}

/** The deployed sequence length. */
export const WHISPER_TINY: WhisperConfig = {
  layers: 4,
  sequence: 512,
  bands: 80,
  width: 384,
  hidden: 1536,
  heads: 6,
  headSize: 64,
};

const EPSILON = 1e-5;
const TAPS = 3;

/** Builds the network with synthetic parameters. Input: `frames`, [2 · sequence, bands]. Output: `encoded`, [sequence, width]. */
export function buildWhisper(config: WhisperConfig, seed: number): Graph {
  const { sequence, bands, width } = config;
  const graph = new GraphBuilder();
  const encoder = new Encoder(graph, { ...config, tokens: sequence }, EPSILON);
  const draw = new Draw(seed);
  const frames = graph.input('frames', 'float32', [2 * sequence, bands]);
  const first = encoder.gelu('stem/first/gelu', convolution(encoder, 'stem/first', frames, width, draw));
  const second = encoder.gelu('stem/second/gelu', strided(encoder, 'stem/second', first, width, draw));
  const x = encoder.add(
    'embedding',
    second,
    encoder.table('embedding/position', width, sinusoids(sequence, width)),
  );
  graph.output(addLayers(encoder, draw, x, config));
  return graph.build('whisper-tiny', { model: 'whisper-tiny', weights: 'synthetic', seed: String(seed) });
}

/** Rows `start` to `end` of a tensor. */
function rowsOf(encoder: Encoder, name: string, x: string, start: number, end: number): string {
  const { graph } = encoder;
  const at = (role: string, value: number): string =>
    graph.constant(`${name}/${role}`, 'int64', [1], [value]);
  return graph.node('Slice', name, [x, at('start', start), at('end', end), at('axis', 0)]);
}

/** x [rows, columns] moved down by one row (`by` 1) or up (-1), with zeros moved in. */
function moved(encoder: Encoder, name: string, x: string, by: 1 | -1): string {
  const { graph } = encoder;
  const [rows, columns] = encoder.shapeOf(x);
  const zeros = encoder.constant(`${name}/zeros`, [1, columns], new Float32Array(columns));
  const kept =
    by === 1 ? rowsOf(encoder, `${name}/rows`, x, 0, rows - 1) : rowsOf(encoder, `${name}/rows`, x, 1, rows);
  return graph.node('Concat', name, by === 1 ? [zeros, kept] : [kept, zeros], { attributes: { axis: 0 } });
}

/** Each row with its neighbours, times a matrix: a convolution of width 3. */
function convolution(encoder: Encoder, name: string, x: string, outputs: number, draw: Draw): string {
  const inputs = TAPS * encoder.shapeOf(x)[1];
  const joined = encoder.graph.node(
    'Concat',
    `${name}/neighbours`,
    [moved(encoder, `${name}/before`, x, 1), x, moved(encoder, `${name}/after`, x, -1)],
    { attributes: { axis: 1 } },
  );
  return encoder.linear(name, joined, outputs, draw.linear(name, inputs, outputs));
}

/**
 * A convolution of width 3 and stride 2: rows 2t and 2t + 1 are one row of the reshaped tensor, row 2t - 1 is the second half
 * of the one before. The two products are added, since the accelerator accumulates over 960 columns at most.
 */
function strided(encoder: Encoder, name: string, x: string, outputs: number, draw: Draw): string {
  const { graph } = encoder;
  const [rows, columns] = encoder.shapeOf(x);
  const { weight, bias } = draw.linear(name, TAPS * columns, outputs);
  const part = (firstTap: number, taps: number): LinearParameters['weight'] =>
    Float32Array.from(
      { length: taps * columns * outputs },
      (_, i) => weight[firstTap * columns * outputs + i],
    );
  const shape = graph.constant(`${name}/pairs/shape`, 'int64', [2], [rows / 2, 2 * columns]);
  const pairs = graph.node('Reshape', `${name}/pairs`, [x, shape]);
  const range = (role: string, value: number): string =>
    graph.constant(`${name}/odd/${role}`, 'int64', [1], [value]);
  const odd = graph.node('Slice', `${name}/odd`, [
    pairs,
    range('start', columns),
    range('end', 2 * columns),
    range('axis', 1),
  ]);
  const before = moved(encoder, `${name}/before`, odd, 1);
  const first = encoder.linear(`${name}/first_tap`, before, outputs, {
    weight: part(0, 1),
    ...(bias ? { bias } : {}),
  });
  const others = encoder.linear(`${name}/other_taps`, pairs, outputs, { weight: part(1, 2) });
  return encoder.add(name, first, others);
}

/** Position by sines and cosines of geometrically spaced wavelengths, as the trained network has them. */
function sinusoids(rows: number, width: number): Float32Array {
  const half = width / 2;
  return Float32Array.from({ length: rows * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const angle = row * Math.exp((-Math.log(10_000) * (column % half)) / (half - 1));
    return column < half ? Math.sin(angle) : Math.cos(angle);
  });
}

/** A made-up input: normalised log-mel frames, smooth over time. */
export function whisperInput(config: WhisperConfig, seed: number): Float32Array {
  const { sequence, bands } = config;
  const noise = new Draw(seed).values('frames', 2 * sequence * bands, 0.5);
  for (let i = bands; i < noise.length; i++) noise[i] += 0.7 * noise[i - bands];
  return noise;
}
