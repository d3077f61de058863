/** The WebAssembly kernel equals the TypeScript reference on arbitrary tiles and constants. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kernel } from '../../../src/device/ita/kernel.ts';
import {
  accumulate,
  activate,
  requantize,
  softmaxGroup,
  softmaxInverse,
  softmaxProbability,
  type SoftmaxShift,
  softmaxStart,
  wrap26,
} from '../../../src/device/ita/reference.ts';
import { Memory } from '../../../src/memory/memory.ts';
import { difference } from './vectors.ts';

const TILE_BYTES = 4096;
const memory = new Memory([{ name: 'TCDM', base: 0, bytes: 65536, writable: true }]);
const kernels: Record<SoftmaxShift, Kernel> = { 0: new Kernel(memory, 0), 5: new Kernel(memory, 5) };
const tcdm = memory.windows[0].offset;
const at = { input: tcdm, weights: tcdm + 4096, bias: tcdm + 8192, output: tcdm + 12288 };

const i8 = fc.integer({ min: -128, max: 127 });
/** Tiles of evenly spread values, of two extremes only, and of few distinct values. */
const tile = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 30 }), fc.constantFrom('spread', 'extreme', 'narrow'))
  .map(([seed, kind]) => {
    let state = seed;
    return Int8Array.from({ length: TILE_BYTES }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const value = state >> 24;
      return kind === 'spread' ? value : kind === 'extreme' ? (value < 0 ? -128 : 127) : value >> 5;
    });
  });
const requant = fc.record({
  mult: fc.integer({ min: 0, max: 255 }),
  shift: fc.integer({ min: 0, max: 35 }),
  add: i8,
});
const shifts = fc.constantFrom<SoftmaxShift>(0, 5);

const partial = (k: Kernel): Int32Array => new Int32Array(k.snapshot().partial.buffer);
const output = (k: Kernel): Int8Array => new Int8Array(k.snapshot().output.buffer);
const withPartial = (k: Kernel, values: Int32Array): void =>
  k.restore({ ...k.snapshot(), partial: new Uint8Array(values.buffer) });
const withOutput = (k: Kernel, values: Int8Array): void =>
  k.restore({ ...k.snapshot(), output: new Uint8Array(values.buffer) });

const check = <T>(property: fc.IProperty<T>, numRuns = 25): void => fc.assert(property, { numRuns });

describe('the kernel', () => {
  it('multiplies tiles and accumulates over inner tiles', () => {
    const k = kernels[0];
    check(
      fc.property(tile, tile, tile, (first, second, weights) => {
        const acc = new Int32Array(TILE_BYTES);
        for (const [n, input] of [first, second].entries()) {
          memory.i8.set(input, at.input);
          memory.i8.set(weights, at.weights);
          k.readInput(at.input);
          k.readWeights(at.weights, 0);
          k.multiply(n > 0);
          accumulate(input, weights, acc, 64, 64, 64);
        }
        expect(difference(partial(k), acc)).toBe('equal');
      }),
      8,
    );
  });

  it('uses the quarter that was fetched ahead, and three quarters of the tile itself', () => {
    const k = kernels[0];
    check(
      fc.property(tile, tile, tile, (input, ahead, weights) => {
        memory.i8.set(ahead, at.weights);
        k.readNextWeights(at.weights);
        memory.i8.set(weights, at.weights);
        memory.i8.set(input, at.input);
        k.readWeights(at.weights, 1);
        k.readInput(at.input);
        k.multiply(false);
        const acc = new Int32Array(TILE_BYTES);
        const mixed = weights.slice();
        mixed.set(ahead.subarray(0, 1024));
        accumulate(input, mixed, acc, 64, 64, 64);
        expect(difference(partial(k), acc)).toBe('equal');
      }),
      8,
    );
  });

  it('requantises every accumulator with every legal constant, bias by column, by row or none', () => {
    const k = kernels[0];
    const direction = fc.constantFrom('none', 'column', 'row');
    const bias = fc.array(fc.integer({ min: -(2 ** 23), max: 2 ** 23 - 1 }), {
      minLength: 64,
      maxLength: 64,
    });
    const seed = fc.integer({ min: 1, max: 2 ** 30 });
    check(
      fc.property(requant, direction, bias, seed, ({ mult, shift, add }, by, biases, start) => {
        let state = start;
        // Half of the accumulators lie around rounding ties in the range of results, the rest anywhere in 26 bits.
        const acc = Int32Array.from({ length: TILE_BYTES }, (_, i) => {
          state = (Math.imul(state, 1664525) + 1013904223) | 0;
          const anywhere = state >> 6;
          if (i % 2 === 0 || mult === 0) return anywhere;
          return wrap26(Math.round((((state >> 23) + 0.5) * 2 ** shift) / mult) + ((state >> 8) & 3) - 2);
        });
        withPartial(k, acc);
        for (const [n, value] of biases.entries()) {
          for (let byte = 0; byte < 3; byte++) memory.u8[at.bias + 3 * n + byte] = value >> (8 * byte);
        }
        k.readBias(at.bias);
        k.requantize(mult, shift, add, by);
        const expected = Int8Array.from(acc, (value, i) => {
          const b = by === 'none' ? 0 : by === 'column' ? biases[i & 63] : biases[i >> 6];
          return requantize(wrap26(value + b), mult, shift, add);
        });
        expect(difference(output(k), expected)).toBe('equal');
      }),
      150,
    );
  });

  it('covers each shift with the ends of the accumulator and of the multiplier', () => {
    const k = kernels[0];
    const ends = [
      -(2 ** 25),
      -(2 ** 25) + 1,
      -(2 ** 17) - 1,
      -(2 ** 17),
      -257,
      -1,
      0,
      1,
      255,
      2 ** 17,
      2 ** 25 - 1,
    ];
    const acc = new Int32Array(TILE_BYTES);
    acc.set(ends);
    for (let shift = 0; shift <= 35; shift++) {
      for (const mult of [0, 1, 128, 255]) {
        for (const add of [-128, 127]) {
          withPartial(k, acc);
          k.requantize(mult, shift, add, 'none');
          const expected = ends.map((value) => requantize(value, mult, shift, add));
          expect([shift, mult, add, ...output(k).subarray(0, ends.length)]).toEqual([
            shift,
            mult,
            add,
            ...expected,
          ]);
        }
      }
    }
  });

  it('applies an activation, and a new one when any constant changes', () => {
    const k = kernels[0];
    const constants = fc.record({
      b: fc.integer({ min: -32767, max: 32767 }),
      c: fc.integer({ min: -32768, max: 32767 }),
      mult: fc.integer({ min: 0, max: 255 }),
      shift: fc.integer({ min: 0, max: 35 }),
      add: i8,
    });
    check(
      fc.property(tile, constants, fc.constantFrom(1, 2), i8, (codes, unit, activation, add) => {
        for (const changed of [unit, { ...unit, add }]) {
          withOutput(k, codes);
          k.activate(activation, changed);
          k.activate(activation, changed);
          const twice = codes.map((y) => activate(activate(y, activation, changed), activation, changed));
          expect(difference(output(k), twice)).toBe('equal');
        }
      }),
    );
  });

  it('keeps softmax statistics over column tiles and turns logits into probabilities', () => {
    check(
      fc.property(shifts, fc.array(tile, { minLength: 1, maxLength: 3 }), tile, (shift, tiles, weights) => {
        const k = kernels[shift];
        const rows = Array.from({ length: 64 }, softmaxStart);
        for (const [n, logits] of tiles.entries()) {
          withOutput(k, logits);
          k.statistics(n === 0);
          for (const [r, row] of rows.entries()) {
            for (let c = 0; c < 64; c += 16) softmaxGroup(row, logits, r * 64 + c, shift);
          }
        }
        k.invert();
        const state = k.snapshot();
        expect(
          difference(
            new Int8Array(state.rowMax.buffer),
            rows.map(({ max }) => max),
          ),
        ).toBe('equal');
        expect(
          difference(
            new Uint32Array(state.rowSum.buffer),
            rows.map(({ sum }) => sum),
          ),
        ).toBe('equal');
        memory.i8.set(weights, at.weights);
        k.readWeights(at.weights, 0);
        for (const logits of tiles) {
          memory.i8.set(logits, at.input);
          k.readLogits(at.input);
          k.multiply(false);
          const probabilities = Uint8Array.from(logits, (x, i) => {
            const { max, sum } = rows[i >> 6];
            return softmaxProbability(x, max, softmaxInverse(sum), shift);
          });
          const acc = new Int32Array(TILE_BYTES);
          accumulate(probabilities, weights, acc, 64, 64, 64);
          expect(difference(partial(k), acc)).toBe('equal');
        }
      }),
      15,
    );
  });

  it('writes exactly the bytes of the output tile', () => {
    const k = kernels[0];
    const codes = Int8Array.from({ length: TILE_BYTES }, (_, i) => i * 7);
    withOutput(k, codes);
    memory.i8.fill(85, at.output - 64, at.output + TILE_BYTES + 64);
    k.writeOutput(at.output);
    expect(difference(memory.i8.subarray(at.output, at.output + TILE_BYTES), codes)).toBe('equal');
    expect([memory.i8[at.output - 1], memory.i8[at.output + TILE_BYTES]]).toEqual([85, 85]);
  });
});
