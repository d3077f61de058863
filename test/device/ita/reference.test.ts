/** Worked examples of specs/ita.md §6 to §8, written down as printed there. */
import { describe, expect, it } from 'vitest';
import {
  activate,
  gelu,
  requantize,
  softmaxGroup,
  softmaxInverse,
  softmaxRows,
  softmaxStart,
  unpackBias,
  wrap26,
} from '../../../src/device/ita/reference.ts';
import { ACTIVATION } from '../../../src/device/ita/registers.ts';

const fill = (length: number, value: number): number[] => Array.from({ length }, () => value);

describe('requantize', () => {
  it.each([
    [1000, 97, 10, 3, 98],
    [-1000, 97, 10, 3, -92],
    [3, 1, 1, 0, 2],
    [-3, 1, 1, 0, -1],
    [-5, 1, 1, 0, -2],
    [5, 1, 2, 0, 1],
    [100000, 255, 16, 0, 127],
    [-100000, 255, 16, -7, -128],
    [12345, 64, 14, -5, 43],
    [-128, 1, 8, 0, 0],
    [-129, 1, 8, 0, -1],
  ])('of %i by %i / 2^%i + %i is %i', (acc, mult, shift, add, y) => {
    expect(requantize(acc, mult, shift, add)).toBe(y);
  });
});

describe('i-GELU for inputs of scale 1/32', () => {
  const unit = { b: -80, c: -7091, mult: 74, shift: 20, add: 0 };
  it.each([
    [-64, 16384, 1],
    [-40, 64000, 5],
    [-20, 72000, 5],
    [-10, 49000, 3],
    [-1, 6241, 0],
    [0, 0, 0],
    [1, -7941, -1],
    [10, -92820, -7],
    [20, -211640, -15],
    [40, -503280, -36],
    [64, -891264, -63],
    [80, -1134560, -80],
    [127, -1801114, -127],
    [-80, 0, 0],
    [-128, 0, 0],
  ])('maps %i to %i, requantised %i', (q, raw, y) => {
    expect(gelu(q, unit.b, unit.c) + 0).toBe(raw);
    expect(activate(q, ACTIVATION.gelu, unit)).toBe(y);
  });
});

describe('the other activations', () => {
  const unit = { b: 0, c: 0, mult: 128, shift: 8, add: 5 };
  it('requantise after ReLU, so that negative codes become the addend', () => {
    expect([-100, 0, 10, 127].map((y) => activate(y, ACTIVATION.relu, unit))).toEqual([5, 5, 10, 69]);
  });
  it('leave codes alone for identity and for the unused code 3', () => {
    expect([-128, 7].map((y) => activate(y, ACTIVATION.identity, unit))).toEqual([-128, 7]);
    expect(activate(-5, 3, unit)).toBe(-5);
  });
});

describe('streaming softmax of the worked row', () => {
  const row = Int8Array.from([
    3,
    1,
    0,
    2,
    3,
    -1,
    -5,
    -20,
    0,
    0,
    1,
    2,
    -128,
    -3,
    -2,
    -1,
    4,
    ...fill(15, -10),
    ...fill(16, -2),
    7,
    6,
    6,
    6,
    ...fill(12, -100),
  ]);

  it('keeps the maximum and denominator after each group', () => {
    const state = softmaxStart();
    const steps = [0, 16, 32, 48].map((at) => {
      softmaxGroup(state, row, at, 0);
      return [state.max, state.sum];
    });
    expect(steps).toEqual([
      [3, 1037],
      [4, 774],
      [4, 838],
      [7, 744],
    ]);
    expect(softmaxInverse(state.sum)).toBe(87);
  });

  it('gives the printed probabilities', () => {
    expect([...softmaxRows(row, 1, 64, 0)]).toEqual([
      5,
      1,
      0,
      2,
      5,
      0,
      0,
      0,
      0,
      0,
      1,
      2,
      0,
      0,
      0,
      0,
      10,
      ...fill(15, 0),
      ...fill(16, 0),
      87,
      43,
      43,
      43,
      ...fill(12, 0),
    ]);
  });
});

describe('number formats', () => {
  it('unpacks signed 24-bit biases', () => {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0x00, 0x00, 0x80, 0x01, 0x02, 0x03);
    expect([0, 3, 6].map((at) => unpackBias(bytes, at))).toEqual([-1, -(2 ** 23), 0x030201]);
  });
  it('wraps the accumulator at 26 bits', () => {
    expect([2 ** 25, -(2 ** 25) - 1, 5, 2 ** 37 + 3].map(wrap26)).toEqual([-(2 ** 25), 2 ** 25 - 1, 5, 3]);
  });
});
