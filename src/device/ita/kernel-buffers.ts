/** Scratch buffers of the accelerator's kernel, and the code shapes its functions share. */
import type { FunctionBuilder } from '../../wasm/encode.ts';
import { i32, type Opcode, v128 } from '../../wasm/opcodes.ts';

export const TILE_BYTES = 4096;
/** Bytes of a row of the widened input: 64 int16. */
export const A_ROW = 128;
/** Bytes of eight packed weight columns. */
export const WEIGHT_BLOCK = 1024;

/** Offsets of the scratch buffers in linear memory, each a multiple of 64. */
export interface Buffers {
  /** int16 [64 rows][64]: the widened input tile. */
  readonly input: number;
  /** int16 [8 blocks of 8 columns][32 pairs of k][8 columns][2]: the packed weight tile, 2 KiB per quarter. */
  readonly weights: number;
  /** int32 [64][64]: the partial-sum memory. */
  readonly partial: number;
  /** int8 [64][64]: the requantised tile. */
  readonly output: number;
  /** uint8 [256]: activation of each code, indexed by the code's bits. */
  readonly activation: number;
  /** int8 [64]: running maxima. */
  readonly rowMax: number;
  /** uint32 [64]: softmax denominators. */
  readonly rowSum: number;
  /** uint8 [64][16]: each row's probability by the index of `octaveIndex`. */
  readonly probability: number;
}

/** Sizes of the buffers, in bytes. */
export const BUFFER_BYTES: { readonly [B in keyof Buffers]: number } = {
  input: 64 * A_ROW,
  weights: 8 * WEIGHT_BLOCK,
  partial: 4 * TILE_BYTES,
  output: TILE_BYTES,
  activation: 256,
  rowMax: 64,
  rowSum: 256,
  probability: 1024,
};

/** `for (counter = from; counter < to; counter += step)`, run at least once. */
export function repeat(
  f: FunctionBuilder,
  counter: number,
  from: number,
  to: number,
  step: number,
  body: () => void,
): void {
  f.i32(from).set(counter);
  const again = f.loop();
  body();
  f.get(counter).i32(step).op(i32.add).tee(counter).i32(to).op(i32.ltU).brIf(again);
  f.end();
}

/** Stores 16 bytes as 16-bit lanes at `base` + 2 * `i`. */
export function storeWidened(
  f: FunctionBuilder,
  i: number,
  base: number,
  bytes: () => void,
  low: Opcode,
  high: Opcode,
): void {
  for (const [half, extend] of [low, high].entries()) {
    f.get(i).i32(1).op(i32.shl);
    bytes();
    f.op(extend).memory(v128.store, base + 16 * half);
  }
}
