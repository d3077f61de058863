/** The constants of a network as the firmware wants them: tiled, transposed, padded, packed, in one binary file. */
import type { ConstantType } from '../kernels/call.ts';
import { TILE } from '../passes/assign.ts';
import { biasOfZero } from '../passes/requant.ts';
import type { LinearStep } from '../passes/steps.ts';
import { numeric } from '../graph/elements.ts';
import type { Tensor } from '../graph/graph.ts';
import { roundUp, tilesOf } from '../tile/layout.ts';
import { TILE_BYTES } from '../tile/linear.ts';
import { Names } from './names.ts';

/** Alignment of each constant: the DMA's bus width, bytes. */
const ALIGNMENT = 64;

/** One constant of the network: a symbol of weights.S. */
export interface Constant {
  readonly symbol: string;
  readonly ctype: ConstantType;
  readonly offset: number;
  readonly bytes: number;
  /** What it is, for the comment. */
  readonly doc: string;
}

/** Collects constants; each distinct one is stored once. */
export class Weights {
  readonly #names: Names;
  readonly #constants = new Map<string, Constant>();
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(names: Names) {
    this.#names = names;
  }

  get constants(): readonly Constant[] {
    return [...this.#constants.values()];
  }

  /** The file: all constants, each at its offset. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.#bytes);
    this.constants.forEach(({ offset }, i) => all.set(this.#parts[i], offset));
    return all;
  }

  /** Adds a constant unless one of that key exists; returns its symbol. */
  add(key: string, ctype: Constant['ctype'], doc: string, pack: () => ArrayBufferView): string {
    const known = this.#constants.get(`${ctype} ${key}`);
    if (known) return known.symbol;
    const view = pack();
    const data = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const constant = { symbol: this.#names.take(key), ctype, offset: this.#bytes, bytes: data.length, doc };
    this.#constants.set(`${ctype} ${key}`, constant);
    this.#parts.push(data);
    this.#bytes = roundUp(this.#bytes + data.length, ALIGNMENT);
    return constant.symbol;
  }
}

/**
 * Tiles of the transposed weights, zero-padded: tile (n, k) of ceil(N/64) x ceil(K/64) holds weight[64k.., 64n..]ᵀ.
 * @param weight int8 [K, N]
 */
export function tileWeight(weight: Tensor): Int8Array {
  const [inner, outputs] = weight.shape;
  const data = numeric(weight.data ?? new Int8Array());
  const [innerTiles, outputTiles] = [tilesOf(inner), tilesOf(outputs)];
  const tiles = new Int8Array(innerTiles * outputTiles * TILE_BYTES);
  for (let n = 0; n < outputs; n++) {
    for (let k = 0; k < inner; k++) {
      const tile = Math.floor(n / TILE) * innerTiles + Math.floor(k / TILE);
      tiles[tile * TILE_BYTES + (n % TILE) * TILE + (k % TILE)] = data[k * outputs + n];
    }
  }
  return tiles;
}

/**
 * Biases as 24-bit little-endian values without gaps (accelerator specification §4.2). The channels that padding
 * adds get a bias that requantises to zero, where there is one.
 */
export function packBias(step: LinearStep): Uint8Array {
  const outputs = step.weight.shape[1];
  const values = step.bias?.data ? numeric(step.bias.data) : new Int32Array(outputs);
  const padding = biasOfZero(step.requant) ?? 0;
  return packBiases(
    Array.from({ length: tilesOf(outputs) * TILE }, (_, n) => (n < outputs ? values[n] : padding)),
  );
}

/** 24-bit little-endian values without gaps. */
export function packBiases(values: readonly number[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap((value) => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff]),
  );
}

/** The assembly file that gives each constant its symbol. */
export function emitWeightsAssembly(constants: readonly Constant[]): string {
  const symbols = constants.map(({ symbol, offset, bytes, doc }) =>
    [
      `# ${doc}`,
      `  .balign ${ALIGNMENT}`,
      `  .globl ${symbol}`,
      `  .type ${symbol}, @object`,
      `  .size ${symbol}, ${bytes}`,
      `${symbol}:`,
      `  .incbin "weights.bin", ${offset}, ${bytes}`,
    ].join('\n'),
  );
  return `# The constants of the network, cut out of weights.bin.\n\n  .section .note.GNU-stack, "", @progbits\n  .section .weights, "a"\n\n${symbols.join('\n\n')}\n`;
}

/** Their declarations. */
export function emitWeightsHeader(constants: readonly Constant[]): string {
  const size = { int8_t: 1, uint8_t: 1, int16_t: 2, int32_t: 4, int64_t: 8, float: 4 } as const;
  const lines = constants.map(
    ({ symbol, ctype, bytes, doc }) =>
      `extern const ${ctype} ${symbol}[${bytes / size[ctype]}]; /* ${doc} */`,
  );
  return [
    '/** The constants of the network, in DRAM (weights.S). */',
    '#ifndef NETWORK_WEIGHTS_H',
    '#define NETWORK_WEIGHTS_H',
    '',
    '#include <stdint.h>',
    '',
    ...lines,
    '',
    '#endif',
    '',
  ].join('\n');
}
