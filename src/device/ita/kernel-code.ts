/**
 * The accelerator's arithmetic as WebAssembly SIMD (specs/ita.md §6 to §8): functions on one 64x64 tile, working in the
 * scratch buffers of `kernel.ts`; operand addresses are byte offsets in the linear memory.
 */
import { type FunctionBuilder, ModuleBuilder, type ValueType } from '../../wasm/encode.ts';
import { control, i16x8, i32, i32x4, i8x16, type Opcode, v128 } from '../../wasm/opcodes.ts';
import type { SoftmaxShift } from './reference.ts';

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

const K_PAIRS = 32;
const A_ROW = 128; // bytes of an int16 row of 64
const WEIGHT_BLOCK = 1024; // bytes of 8 packed columns
const TILE_BYTES = 4096;
const INT32_TILE_BYTES = 16384;

/**
 * The softmax unit looks probabilities up by an index of the difference d to the maximum: d itself for shift 0, where
 * 16 and more mean zero, and d >> 4 for shift 5, which decides the rounded d / 32. Entry i of this table is the number of
 * octaves of index i.
 */
const octavesOfIndex = (shift: SoftmaxShift): number[] =>
  Array.from({ length: 16 }, (_, i) => (shift === 0 ? i : (i + 1) >> 1));

/** 16-bit lanes as the 16 bytes of a vector constant. */
const lanes16 = (values: readonly number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

/** `for (counter = from; counter < to; counter += step)`, run at least once. */
function repeat(
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

/** `widen(src)`: the signed input tile at `src` to int16. */
function emitWiden(f: FunctionBuilder, at: Buffers): void {
  const src = 0;
  const i = f.local('i32');
  const row = f.local('v128');
  repeat(f, i, 0, TILE_BYTES, 16, () => {
    f.get(src).get(i).op(i32.add).memory(v128.load).set(row);
    storeWidened(f, i, at.input, () => f.get(row), i16x8.extendLowI8x16S, i16x8.extendHighI8x16S);
  });
}

/** Stores 16 bytes as 16-bit lanes at `base` + 2 * `i`. */
function storeWidened(
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

/** `widenProbabilities(src)`: the tile of logits at `src`, each replaced by its row's unsigned probability, to int16 (§8). */
function emitWidenProbabilities(f: FunctionBuilder, at: Buffers, shift: SoftmaxShift): void {
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

/** Shuffle that takes units of `unit` bytes in turn from two vectors, from unit `first` of each. */
function interleave(first: number, unit: number): number[] {
  return Array.from({ length: 16 }, (_, byte) => {
    const n = Math.floor(byte / unit);
    return (n % 2) * 16 + (first + Math.floor(n / 2)) * unit + (byte % unit);
  });
}

/**
 * `pack(src, dst, quarters)`: weight rows (output columns) from `src`, 16 per quarter, to pairs of k: each vector holds
 * (w[j][2k], w[j][2k+1]) of four columns j, so that a dot product of int16 pairs serves four columns at once.
 */
function emitPack(f: FunctionBuilder): void {
  const [src, dst, quarters] = [0, 1, 2];
  const group = f.local('i32');
  const k = f.local('i32');
  const to = f.local('i32');
  const w = [0, 1, 2, 3].map(() => f.local('v128'));
  f.i32(0).set(group);
  const nextGroup = f.loop();
  repeat(f, k, 0, 64, 16, () => {
    // Two neighbouring groups of four columns share a block; a pair of k takes 32 bytes of it.
    f.get(dst).get(group).i32(1).op(i32.shrU).i32(WEIGHT_BLOCK).op(i32.mul).op(i32.add);
    f.get(group).i32(1).op(i32.and).i32(4).op(i32.shl).op(i32.add);
    f.get(k).i32(4).op(i32.shl).op(i32.add).set(to);
    for (const [column, local] of w.entries()) {
      f.get(src).get(group).i32(8).op(i32.shl).op(i32.add).get(k).op(i32.add);
      f.memory(v128.load, column * 64).set(local);
    }
    const low = f.local('v128');
    const high = f.local('v128');
    for (const half of [0, 1]) {
      // Interleave columns 0 with 1 and 2 with 3 by pairs of bytes, then both by four: two pairs of k per vector.
      f.get(w[0])
        .get(w[1])
        .shuffle(interleave(half * 4, 2))
        .set(low);
      f.get(w[2])
        .get(w[3])
        .shuffle(interleave(half * 4, 2))
        .set(high);
      for (const quarter of [0, 1]) {
        const four = f.local('v128');
        f.get(low)
          .get(high)
          .shuffle(interleave(quarter * 2, 4))
          .set(four);
        const first = (half * 4 + quarter * 2) * 32;
        f.get(to).get(four).op(i16x8.extendLowI8x16S).memory(v128.store, first);
        f.get(to)
          .get(four)
          .op(i16x8.extendHighI8x16S)
          .memory(v128.store, first + 32);
      }
    }
  });
  f.get(group).i32(1).op(i32.add).tee(group).get(quarters).i32(2).op(i32.shl).op(i32.ltU).brIf(nextGroup);
  f.end();
}

/**
 * `multiply(accumulate)`: partial = input * weights, plus the old partial if `accumulate` is not 0. Four rows by eight
 * columns at a time keep eight sums, two weight vectors and one input pair in registers; the loop over k stays rolled.
 */
function emitMultiply(f: FunctionBuilder, at: Buffers): void {
  const accumulate = 0;
  const [row, column, a, b, end, out] = Array.from({ length: 6 }, () => f.local('i32'));
  const sums = Array.from({ length: 8 }, () => f.local('v128'));
  const [b0, b1, pair] = [0, 1, 2].map(() => f.local('v128'));
  const sumOffset = (n: number): number => at.partial + (n >> 1) * 256 + (n & 1) * 16;
  repeat(f, column, 0, 8, 1, () => {
    repeat(f, row, 0, 16, 1, () => {
      f.get(row).i32(1024).op(i32.mul).get(column).i32(32).op(i32.mul).op(i32.add).set(out);
      f.get(accumulate).if();
      for (const [n, sum] of sums.entries()) f.get(out).memory(v128.load, sumOffset(n)).set(sum);
      f.else();
      for (const sum of sums) f.v128(new Uint8Array(16)).set(sum);
      f.end();
      f.get(row)
        .i32(4 * A_ROW)
        .op(i32.mul)
        .set(a);
      f.get(column)
        .i32(WEIGHT_BLOCK)
        .op(i32.mul)
        .tee(b)
        .i32(32 * K_PAIRS)
        .op(i32.add)
        .set(end);
      const again = f.loop();
      f.get(b).memory(v128.load, at.weights).set(b0);
      f.get(b)
        .memory(v128.load, at.weights + 16)
        .set(b1);
      for (let r = 0; r < 4; r++) {
        f.get(a)
          .memory(v128.load32Splat, at.input + r * A_ROW)
          .set(pair);
        for (const [half, weights] of [b0, b1].entries()) {
          const sum = sums[2 * r + half];
          f.get(sum).get(pair).get(weights).op(i32x4.dotI16x8S).op(i32x4.add).set(sum);
        }
      }
      f.get(a).i32(4).op(i32.add).set(a);
      f.get(b).i32(32).op(i32.add).tee(b).get(end).op(i32.ltU).brIf(again);
      f.end();
      for (const [n, sum] of sums.entries()) f.get(out).get(sum).memory(v128.store, sumOffset(n));
    });
  });
}

/**
 * `requantize(columnBias, rowBias, mult, limit, half, shift, add)`: output = requantised (partial + biases), each bias an
 * int32 [64] at the given address (§6).
 *
 * The 34-bit product does not fit a 32-bit lane, but its use does, in one of two exact forms. `wide` false, shift 0..21:
 * sums beyond ±limit saturate anyway, so they are clamped first and the product fits. `wide` true, shift 22..35: the
 * product divided by 256 (rounded down) fits, and the rest of the shift rounds it the same way; `half` and `shift` then
 * are those of the shift minus 8.
 */
function emitRequantize(f: FunctionBuilder, at: Buffers, wide: boolean): void {
  const [columnBias, rowBias, mult, limit, half, shift, add] = [0, 1, 2, 3, 4, 5, 6];
  const row = f.local('i32');
  const column = f.local('i32');
  const splat = (param: number, opcode: Opcode): number => {
    const local = f.local('v128');
    f.get(param).op(opcode).set(local);
    return local;
  };
  const [mult4, limit4, half4] = [mult, limit, half].map((param) => splat(param, i32x4.splat));
  const minusLimit4 = f.local('v128');
  f.i32(0).get(limit).op(i32.sub).op(i32x4.splat).set(minusLimit4);
  const add8 = splat(add, i16x8.splat);
  const [bias4, acc] = [0, 1].map(() => f.local('v128'));
  const quad = (n: number): void => {
    f.get(row)
      .i32(256)
      .op(i32.mul)
      .get(column)
      .i32(4)
      .op(i32.mul)
      .op(i32.add)
      .memory(v128.load, at.partial + 16 * n);
    f.get(columnBias)
      .get(column)
      .i32(4)
      .op(i32.mul)
      .op(i32.add)
      .memory(v128.load, 16 * n);
    f.op(i32x4.add).get(bias4).op(i32x4.add);
    f.i32(6).op(i32x4.shl).i32(6).op(i32x4.shrS).set(acc); // the accumulator has 26 bits
    if (wide) {
      f.get(acc).i32(8).op(i32x4.shrS).get(mult4).op(i32x4.mul);
      f.get(acc)
        .i32(255)
        .op(i32x4.splat)
        .op(v128.and)
        .get(mult4)
        .op(i32x4.mul)
        .i32(8)
        .op(i32x4.shrU)
        .op(i32x4.add);
    } else {
      f.get(acc).get(limit4).op(i32x4.minS).get(minusLimit4).op(i32x4.maxS).get(mult4).op(i32x4.mul);
    }
    f.get(half4).op(i32x4.add).get(shift).op(i32x4.shrS);
  };
  repeat(f, row, 0, 64, 1, () => {
    f.get(rowBias).get(row).i32(4).op(i32.mul).op(i32.add).memory(v128.load32Splat).set(bias4);
    repeat(f, column, 0, 64, 16, () => {
      f.get(row).i32(64).op(i32.mul).get(column).op(i32.add);
      for (const n of [0, 2]) {
        quad(n);
        quad(n + 1);
        f.op(i16x8.narrowI32x4S).get(add8).op(i16x8.add);
      }
      f.op(i8x16.narrowI16x8S).memory(v128.store, at.output);
    });
  });
}

/** `activate()`: each output code replaced by its entry in the activation table. */
function emitActivate(f: FunctionBuilder, at: Buffers): void {
  const i = f.local('i32');
  repeat(f, i, 0, TILE_BYTES, 4, () => {
    for (let n = 0; n < 4; n++) {
      f.get(i);
      f.get(i)
        .memory(i32.load8U, at.output + n)
        .memory(i32.load8U, at.activation);
      f.memory(i32.store8, at.output + n);
    }
  });
}

/** `statistics(first)`: the output tile into the running maxima and denominators, which `first` not 0 restarts (§8). */
function emitStatistics(f: FunctionBuilder, at: Buffers, shift: SoftmaxShift): void {
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
function emitInvert(f: FunctionBuilder, at: Buffers, shift: SoftmaxShift): void {
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

/** The module with the functions above, importing the memory `octet.memory`. */
export function emitKernel(at: Buffers, shift: SoftmaxShift, pages: number): Uint8Array {
  const module = new ModuleBuilder();
  module.importMemory('octet', 'memory', { initial: pages, maximum: pages });
  const define = (name: string, params: number, emit: (f: FunctionBuilder) => void): void => {
    const f = module.function(Array<ValueType>(params).fill('i32'), []);
    emit(f);
    module.export(name, 'function', f.index);
  };
  define('widen', 1, (f) => emitWiden(f, at));
  define('widenProbabilities', 1, (f) => emitWidenProbabilities(f, at, shift));
  define('pack', 3, emitPack);
  define('multiply', 1, (f) => emitMultiply(f, at));
  define('requantizeNarrow', 7, (f) => emitRequantize(f, at, false));
  define('requantizeWide', 7, (f) => emitRequantize(f, at, true));
  define('activate', 0, (f) => emitActivate(f, at));
  define('statistics', 1, (f) => emitStatistics(f, at, shift));
  define('invert', 0, (f) => emitInvert(f, at, shift));
  return module.encode();
}

export const BUFFER_BYTES: { readonly [B in keyof Buffers]: number } = {
  input: 64 * A_ROW,
  weights: 8 * WEIGHT_BLOCK,
  partial: INT32_TILE_BYTES,
  output: TILE_BYTES,
  activation: 256,
  rowMax: 64,
  rowSum: 256,
  probability: 1024,
};
