/** The constants of a stream as its jobs read them: tiles of transposed weights, each followed by what belongs to it. */
import { TILE } from '../passes/assign.ts';
import type { LinearStep, SumStep } from '../passes/steps.ts';
import type { Tensor } from '../graph/graph.ts';
import { elements } from '../graph/graph.ts';
import { numeric } from '../graph/elements.ts';
import { packBias, packBiases, tileWeight } from '../emit-c/weights.ts';
import { tilesOf } from '../tile/layout.ts';
import { BIAS_BYTES, TILE_BYTES } from '../tile/linear.ts';
import { type DiagonalSum, paddingBias } from './diagonal.ts';
import { SLOT_BYTES, type StreamConstant } from './tiles.ts';

/** Where tile (n, k) of weights with `inner` tiles along the inner dimension begins, and how many bytes it takes. */
export function weightTile(
  n: number,
  k: number,
  inner: number,
  biased: boolean,
): { offset: number; bytes: number } {
  const bytes = biased && k === inner - 1 ? SLOT_BYTES : TILE_BYTES;
  return { offset: n * (inner * TILE_BYTES + (biased ? BIAS_BYTES : 0)) + k * TILE_BYTES, bytes };
}

/** The weights of a linear layer in 64x64 tiles; behind the last inner tile of 64 channels come their biases. */
export function linearConstant(step: LinearStep): StreamConstant {
  const { weight, bias, output } = step;
  const [inner, outputs] = weight.shape.map(tilesOf);
  return {
    key: bias ? `${output}/weight and bias` : `${output}/weight`,
    ctype: 'int8_t',
    doc: `${weight.name}: int8 [${weight.shape.toReversed().join(', ')}], transposed, in 64x64 tiles${bias ? ', with 24-bit biases' : ''}`,
    pack: () => {
      const tiles = tileWeight(weight);
      if (!bias) return tiles;
      const biases = packBias(step);
      const packed = new Uint8Array(tiles.length + outputs * BIAS_BYTES);
      const panel = inner * TILE_BYTES;
      for (let n = 0; n < outputs; n++) {
        const at = n * (panel + BIAS_BYTES);
        packed.set(new Uint8Array(tiles.buffer, n * panel, panel), at);
        packed.set(biases.subarray(n * BIAS_BYTES, (n + 1) * BIAS_BYTES), at + panel);
      }
      return packed;
    },
  };
}

/** The diagonal matrices of a sum: one tile for each 64 channels, or one for all where they are alike. */
export function diagonalConstant(step: SumStep, sum: DiagonalSum, columns: number): StreamConstant {
  const alike = sum.weight.length === 1;
  const count = alike ? 1 : tilesOf(columns);
  const { mult, shift, add } = sum.requant;
  return {
    key: alike ? `${sum.weight[0]} on the diagonal, bias ${sum.bias[0]}` : `${step.output}/diagonal`,
    ctype: 'int8_t',
    doc: `scale of ${step.name}: ${count} diagonal matri${count === 1 ? 'x' : 'ces'} of 64x64 int8, each with 24-bit biases; requantised by ${mult} / 2^${shift} + ${add}`,
    pack: () => {
      const packed = new Uint8Array(count * SLOT_BYTES);
      const biases = packBiases(
        Array.from({ length: count * TILE }, (_, c) => sum.bias[alike ? 0 : c] ?? paddingBias(sum)),
      );
      for (let c = 0; c < count * TILE; c++) {
        const at = Math.floor(c / TILE) * SLOT_BYTES + (c % TILE) * (TILE + 1);
        packed[at] = sum.weight[alike ? 0 : c] ?? 0;
      }
      for (let n = 0; n < count; n++)
        packed.set(biases.subarray(n * BIAS_BYTES, (n + 1) * BIAS_BYTES), n * SLOT_BYTES + TILE_BYTES);
      return packed;
    },
  };
}

/** A constant term of a sum, in 64x64 tiles row by row, padded with zeros. */
export function termConstant(tensor: Tensor): StreamConstant {
  const columns = tensor.shape.at(-1) ?? 1;
  const rows = elements(tensor.shape) / columns;
  const across = tilesOf(columns);
  return {
    key: `${tensor.name}/tiles`,
    ctype: 'int8_t',
    doc: `${tensor.name}: int8 [${tensor.shape.join(', ')}] in 64x64 tiles`,
    pack: () => {
      const packed = new Int8Array(tilesOf(rows) * across * TILE_BYTES);
      const data = numeric(tensor.data ?? new Int8Array());
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const tile = Math.floor(r / TILE) * across + Math.floor(c / TILE);
          packed[tile * TILE_BYTES + (r % TILE) * TILE + (c % TILE)] = data[r * columns + c];
        }
      }
      return packed;
    },
  };
}
