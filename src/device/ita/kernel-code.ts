/**
 * The accelerator's arithmetic as WebAssembly SIMD (specs/ita.md §2.3, §6, §7): functions on one 64x64 tile, working in the
 * scratch buffers of `kernel.ts`; operand addresses are byte offsets in the linear memory.
 */
import { type FunctionBuilder, ModuleBuilder, type ValueType } from '../../wasm/encode.ts';
import { i16x8, i32, i32x4, i8x16, type Opcode, v128 } from '../../wasm/opcodes.ts';
import { A_ROW, type Buffers, repeat, storeWidened, TILE_BYTES, WEIGHT_BLOCK } from './kernel-buffers.ts';
import { emitInvert, emitStatistics, emitWidenProbabilities } from './kernel-softmax.ts';
import type { SoftmaxShift } from './reference.ts';

/** Pairs of neighbouring k in a row of 64. */
const K_PAIRS = 32;

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
