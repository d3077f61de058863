/** The layers of a pre-normalised transformer encoder with drawn parameters. */
import type { Draw } from './draw.ts';
import type { Encoder } from './encoder.ts';

export interface LayersShape {
  readonly layers: number;
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  readonly headSize: number;
}

/** Adds all layers and the last normalisation; the output is named `encoded`. x: [sequence, width] */
export function addLayers(encoder: Encoder, draw: Draw, input: string, shape: LayersShape): string {
  const { layers, width, hidden, heads, headSize } = shape;
  let x = input;
  for (let layer = 0; layer < layers; layer++) {
    const at = `layer_${String(layer).padStart(2, '0')}`;
    const before = encoder.norm(`${at}/attention/norm`, x, draw.norm(`${at}/norm1`, width));
    const mixed = encoder.attention(
      `${at}/attention`,
      before,
      width,
      draw.attention(at, width, heads, headSize),
    );
    x = encoder.add(`${at}/attention/output`, x, mixed);
    const normal = encoder.norm(`${at}/ffn/norm`, x, draw.norm(`${at}/norm2`, width));
    const { up, down } = draw.feedForward(at, width, hidden);
    x = encoder.add(`${at}/output`, x, encoder.feedForward(`${at}/ffn`, normal, up, down));
  }
  return encoder.norm('encoded', x, draw.norm('norm', width));
}
