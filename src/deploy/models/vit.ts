/**
 * DINOv2-Small (Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023; a ViT-S/14) as a
 * real-valued graph: patches of 14 × 14 pixels as rows, a class token, pre-normalised layers with GELU. Its factors on
 * the branches (LayerScale) are part of the matrices in front of them.
 */
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { Draw } from './draw.ts';
import { Encoder } from './encoder.ts';
import { addLayers } from './layers.ts';

export interface VisionConfig {
  readonly layers: number;
  /** Patches and the class token, which comes first. */
  readonly tokens: number;
  /** Rows of the network: tokens and padding to whole tiles of the accelerator. */
  readonly sequence: number;
  /** Numbers of one patch: colours, rows, columns. */
  readonly patch: number;
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  readonly headSize: number;
}

/** 240 patches (an image of 224 × 210), the deployed sequence length. */
export const DINOV2_SMALL: VisionConfig = {
  layers: 12,
  tokens: 241,
  sequence: 256,
  patch: 3 * 14 * 14,
  width: 384,
  hidden: 1536,
  heads: 6,
  headSize: 64,
};

const EPSILON = 1e-6;

/**
 * Builds the network with synthetic parameters. Input: `patches`, [sequence, patch], the rows of class token and padding
 * zero. Output: `encoded`, [sequence, width].
 */
export function buildVision(config: VisionConfig, seed: number): Graph {
  const { sequence, patch, width } = config;
  const graph = new GraphBuilder();
  const encoder = new Encoder(graph, config, EPSILON);
  const draw = new Draw(seed);
  const patches = graph.input('patches', 'float32', [sequence, patch]);
  const projected = encoder.linear(
    'embedding/projection',
    patches,
    width,
    draw.linear('embedding', patch, width),
  );
  const table = encoder.table('embedding/position', width, draw.values('position', sequence * width, 0.5));
  const x = encoder.add('embedding', projected, table);
  graph.output(addLayers(encoder, draw, x, config));
  return graph.build('dinov2-small', { model: 'dinov2-small', weights: 'synthetic', seed: String(seed) });
}

/** A made-up input: smooth patches in every row that is one. */
export function visionInput(config: VisionConfig, seed: number): Float32Array {
  const { tokens, sequence, patch } = config;
  const draw = new Draw(seed);
  const rows = new Float32Array(sequence * patch);
  const bright = draw.values('brightness', tokens, 0.6);
  const noise = draw.values('pixels', tokens * patch, 0.6);
  for (let row = 1; row < tokens; row++) {
    for (let i = 0; i < patch; i++) rows[row * patch + i] = bright[row] + noise[row * patch + i];
  }
  return rows;
}
