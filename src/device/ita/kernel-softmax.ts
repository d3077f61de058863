/** The softmax unit as WebAssembly SIMD (specs/ita.md §8): running statistics, their inversion, and the probabilities of a tile. */
import type { FunctionBuilder } from '../../wasm/encode.ts';
import { control, i16x8, i32, i32x4, i8x16, v128 } from '../../wasm/opcodes.ts';
import { type Buffers, repeat, storeWidened, TILE_BYTES } from './kernel-buffers.ts';
import type { SoftmaxShift } from './reference.ts';

/**
 * The softmax unit looks probabilities up by an index of the difference d to the maximum: d itself for shift 0, where
 * 16 and more mean zero, and d >> 4 for shift 5, which decides the rounded d / 32. Entry i of this table is the number of
 * octaves of index i.
 */
const octavesOfIndex = (shift: SoftmaxShift): number[] =>
  Array.from({ length: 16 }, (_, i) => (shift === 0 ? i : (i + 1) >> 1));

/** 16-bit lanes as the 16 bytes of a vector constant. */
const lanes16 = (values: readonly number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

/** `widenProbabilities(src)`: the tile of logits at `src`, each replaced by its row's unsigned probability, to int16 (§8). */
export function emitWidenProbabilities(f: FunctionBuilder, at: Buffers, shift: SoftmaxShift): void {
  const src = 0;
  const i = f.local('i32');
  const p = f.local('v128');
  repeat(f, i, 0, TILE_BYTES, 16, () => {
    // Row i >> 6: its table of 16 bytes lies at (i >> 6) * 16 = (i >> 2) with the low four bits cleared.
    f.get(i).i32(2).op(i32.shrU).i32(~15).op(i32.and).memory(v128.load, at.probability);
    f.get(i).i32(6).op(i32.shrU).memory(v128.load8Splat, at.rowMax);
    f.get(src).get(i).op(i32.add).memory(v128.load).op(i8x16.sub);
    octaveIndex(f, shift);
    f.op(i8x16.swizzle).set(p);
    storeWidened(f, i, at.input, () => f.get(p), i16x8.extendLowI8x16U, i16x8.extendHighI8x16U);
  });
}

/** Turns the unsigned byte differences on the stack into table indices. */
function octaveIndex(f: FunctionBuilder, shift: SoftmaxShift): void {
  if (shift === 5) f.i32(4).op(i8x16.shrU);
}

/** `statistics(first)`: the output tile into the running maxima and denominators, which `first` not 0 restarts (§8). */
export function emitStatistics(f: FunctionBuilder, at: Buffers, shift: SoftmaxShift): void {
  const first = 0;
  const [row, column, max, old, sum, difference] = Array.from({ length: 6 }, () => f.local('i32'));
  const [x, best, index] = [0, 1, 2].map(() => f.local('v128'));
  const terms = octavesOfIndex(shift).map((octaves) => 256 >> octaves);
  repeat(f, row, 0, 64, 1, () => {
    f.get(first).if();
    f.i32(-128).set(max).i32(0).set(sum);
    f.else();
    f.get(row).memory(i32.load8S, at.rowMax).set(max);
    f.get(row).i32(4).op(i32.mul).memory(i32.load, at.rowSum).set(sum);
    f.end();
    repeat(f, column, 0, 64, 16, () => {
      f.get(row).i32(64).op(i32.mul).get(column).op(i32.add).memory(v128.load, at.output).set(x);
      // Maximum over the old one and all lanes: halves folded onto each other until every lane holds it.
      f.get(max).tee(old).op(i8x16.splat).get(x).op(i8x16.maxS).set(best);
      for (const fold of [8, 4, 2, 1]) {
        f.get(best).get(best);
        f.get(best).shuffle(Array.from({ length: 16 }, (_, n) => (n + fold) % 16));
        f.op(i8x16.maxS).set(best);
      }
      f.get(best).lane(i8x16.extractLaneS, 0).set(max);
      // sum = max - old within range ? sum >> octaves : 0
      f.get(max).get(old).op(i32.sub);
      if (shift === 5) f.i32(4).op(i32.shrU).i32(1).op(i32.add).i32(1).op(i32.shrU);
      f.set(difference);
      f.get(sum).get(difference).op(i32.shrU).i32(0).get(difference).i32(32).op(i32.ltU).op(control.select);
      // Terms below 256 by table, summed over the lanes; those equal to 256 (index 0) counted.
      f.get(best).get(x).op(i8x16.sub);
      octaveIndex(f, shift);
      f.set(index);
      f.v128(Uint8Array.from(terms)).get(index).op(i8x16.swizzle);
      f.op(i16x8.extaddPairwiseI8x16U).op(i32x4.extaddPairwiseI16x8U).set(best);
      for (let lane = 0; lane < 4; lane++) f.get(best).lane(i32x4.extractLane, lane).op(i32.add);
      f.get(index).v128(new Uint8Array(16)).op(i8x16.eq).op(i8x16.bitmask).op(i32.popcnt);
      f.i32(8).op(i32.shl).op(i32.add).set(sum);
    });
    f.get(row).get(max).memory(i32.store8, at.rowMax);
    f.get(row).i32(4).op(i32.mul).get(sum).memory(i32.store, at.rowSum);
  });
}

/** `invert()`: each row's reciprocal 65280 / denominator, as its table of probabilities: inverse >> octaves (§8). */
export function emitInvert(f: FunctionBuilder, at: Buffers, shift: SoftmaxShift): void {
  const row = f.local('i32');
  const inverse = f.local('v128');
  // inverse >> n = (inverse * (256 >> n)) >> 8 for n up to 8, and inverse has 8 bits: later entries are 0.
  const factors = octavesOfIndex(shift).map((octaves) => 256 >> octaves);
  repeat(f, row, 0, 64, 1, () => {
    f.i32(65280)
      .get(row)
      .i32(4)
      .op(i32.mul)
      .memory(i32.load, at.rowSum)
      .op(i32.divU)
      .op(i16x8.splat)
      .set(inverse);
    f.get(row).i32(16).op(i32.mul);
    for (const half of [factors.slice(0, 8), factors.slice(8)]) {
      f.get(inverse).v128(lanes16(half)).op(i16x8.mul).i32(8).op(i16x8.shrU);
    }
    f.op(i8x16.narrowI16x8U).memory(v128.store, at.probability);
  });
}
