/** The operators of the reference against worked values and against slower, plainer ways to compute the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attribute, ElementType, Graph } from '../../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { roundEven } from '../../../src/deploy/reference/quantised.ts';
import { c, sampleGraph, type Operand } from '../samples.ts';

/** The results of one node on constants. */
function compute(
  op: string,
  inputs: readonly (Operand | undefined)[],
  attributes: Readonly<Record<string, Attribute>> = {},
  outputs = 1,
): number[][] {
  const graph: Graph = inferShapes(sampleGraph({ op, inputs, attributes, outputs }));
  return Array.from(evaluate(graph, new Map()).values(), (data) => Array.from(data as Int32Array, Number));
}

const row = (...values: number[]): Operand => c([1, values.length], values, 'int32');
const list = (...values: number[]): Operand => c([values.length], values, 'int32');
const indices = (...values: number[]): Operand => c([values.length], values, 'int64');
const scale = (value: number): Operand => c([], [value], 'float32');
const zero = (value: number, type: ElementType = 'int8'): Operand => c([], [value], type);

describe('operators of the PULP dialect', () => {
  test.each([
    // (x · 3 + 1) / 4, rounded half up
    ['RequantShift', [list(0, 1, -1, 7, 1000), list(3), list(1)], { div: 4, rounding: 1 }, [0, 1, 0, 6, 127]],
    ['RequantShift', [list(0, 1, -1, 7, 1000), list(3), list(1)], { div: 4 }, [0, 1, -1, 5, 127]],
    [
      'RequantShift',
      [list(-1, 15, 99), list(1), list(0)],
      { div: 1, n_levels_out: 16, signed: 0 },
      [0, 15, 15],
    ],
    // b = -3, one = 10: |x| is cut at 3; (10 ± (10 - (|x| - 3)²)) / 2, floored, times x
    ['iGELU', [list(0, 1, -1, 5, -5)], { b: -3, one: 10 }, [0, 8, -2, 50, 0]],
    ['iHardswish', [list(-9, -2, 0, 4, 9)], { three: 3, six: 6, one_over_six: 2 }, [0, -4, 0, 48, 108]],
    // floor(16 · 100 / 201) = 7
    ['TrueIntegerDiv', [list(-3, 0, 5)], { y: 2, Delta: 16, eta: 100, eps: 1 }, [-21, 0, 35]],
    // x · 1600 / (2 · 100 + 0) = 8 x; / (3 · 100) = 5.33 x
    ['IntegerDiv', [list(-3, 5), list(2, 3)], { Delta: 16, eta: 100, eps: 0 }, [-24, 27]],
    ['IntegerDiv', [list(-1, 1), list(2, 2)], { Delta: 1, eta: 1, eps: 0 }, [-1, 1]],
    // mean 1, squares 1 + 4 + 9 + 4 = 18, 18 / 4 = 4, + 1, root 2: (x - 1) · 10 / 2 + 1, / 2
    ['iLayerNorm', [row(0, 3, -2, 3), list(10, 10, 10, 10), list(1, 1, 1, 1)], { D: 2 }, [-2, 5, -7, 5]],
    // squares 9 + 1 = 10, 10 / 2 = 5, + 1, root 2: x · 9 / 2 cut, / 4
    ['iRMSNorm', [row(-3, 1), list(9, 9)], { D: 4 }, [-4, 1]],
    // max 2: z = 0 and 1; (b + r)² + c = 9 + 1 = 10, (3 - 1)² + 1 = 5, 10 >> 1 = 5; sum 20
    ['iSoftmax', [row(2, 1, 0)], { coeffB: 3, coeffC: 1, log2: 2 }, [127, 63, 63]],
    // octaves 0, 0, 1, 2: 256 + 256 + 128 + 64 = 704, 65280 / 704 = 92
    ['ITAMax', [row(100, 85, 84, 50)], {}, [92, 92, 46, 23]],
    ['ITAPartialMax', [row(100, 85, 84, 50)], {}, [46, 46, 23, 11]],
    // groups of 2: 256 + 64 = 320 for maximum 36, halved twice for maximum 100, + 256 + 256
    ['ITAPartialMax', [row(36, -28, 100, 100)], { group_width: 2 }, [13, 3, 54, 54]],
    ['IntegerMean', [row(1, 2, 2, 1)], { axes: [1] }, [2]],
    ['IntegerMean', [row(-1, -2, -2, -1)], { axes: [1] }, [-1]],
    ['Quant', [c([4], [0.25, -0.25, 9, -0.1], 'float32')], { scale: 10 }, [3, -3, 90, -1]],
    ['Dequant', [list(3, 1)], { scale: 0.5, zero_point: 1 }, [1, 0]],
    [
      'RequantizediHardswish',
      [list(1, 4)],
      { three: 3, six: 6, one_over_six: 1, mul: 3, add: 1, div: 8, n_levels_out: 256, signed: 1 },
      [2, 9],
    ],
    [
      'RequantizedAdd',
      [list(10, -10), list(3, 3)],
      {
        rqs1_mul: 1,
        rqs1_add: 1,
        rqs1_div: 2,
        rqs2_mul: 2,
        rqs2_add: 0,
        rqs2_div: 1,
        rqsOut_mul: 1,
        rqsOut_add: 0,
        rqsOut_div: 1,
      },
      [11, 1],
    ],
  ] as const)('%s of %j with %j is %j', (op, inputs, attributes, expected) => {
    expect(compute(op, inputs, attributes)).toEqual([expected]);
  });

  test('the fused operators equal their parts', () => {
    const [x, w] = [c([1, 2, 4, 4], [5, -7, 3, 90, -100]), c([3, 2, 3, 3], [1, -2, 3, 0, 7])];
    const [mul, add] = [c([3, 1, 1], [9, 8, 7], 'int32'), c([3, 1, 1], [128, -500, 9], 'int32')];
    const pads = { pads: [1, 1, 1, 1] };
    const [sums] = compute('Conv', [x, w], pads);
    const parts = compute('RequantShift', [c([1, 3, 4, 4], sums, 'int32'), mul, add], { div: 256 });
    expect(compute('RequantizedConv', [x, w, mul, add], { ...pads, div: 256 })).toEqual(parts);
  });
});

describe('quantised operators of standard ONNX', () => {
  test('halves go to the even neighbour', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, 2.5001].map(roundEven)).toEqual([
      -2, -2, 0, 0, 2, 2, 2, 3,
    ]);
  });

  test.each([
    [
      'QuantizeLinear',
      [c([5], [0.25, 0.75, -1, 100, 0.1], 'float32'), scale(0.5), zero(10, 'uint8')],
      {},
      [10, 12, 8, 210, 10],
    ],
    [
      'QuantizeLinear',
      [c([2, 2], [1, 2, 3, 4], 'float32'), c([2], [1, 2], 'float32')],
      { axis: 0 },
      [1, 2, 2, 2],
    ],
    ['DequantizeLinear', [list(3, 5), scale(0.5), c([], [1], 'int32')], {}, [1, 2]],
    // ((3 - 1) · 4 + (2 - 1) · 1) · 0.5 · 2 / 4 = 2.25, + 7
    [
      'QLinearMatMul',
      [c([1, 2], [3, 2]), scale(0.5), zero(1), c([2, 1], [4, 1]), scale(2), zero(0), scale(4), zero(7)],
      {},
      [9],
    ],
    // 3 · 0.5 + 10 · 0.25 = 4
    [
      'QLinearAdd',
      [c([1], [3]), scale(0.5), zero(0), c([1], [10]), scale(0.25), zero(0), scale(2), zero(-1)],
      {},
      [1],
    ],
    [
      'QLinearMul',
      [c([1], [3]), scale(0.5), zero(0), c([1], [10]), scale(0.25), zero(0), scale(2), zero(-1)],
      {},
      [1],
    ],
    // mean of 2, 4, 6, 8 less 1 is 4; · 0.5 / 0.25, + 3
    [
      'QLinearGlobalAveragePool',
      [c([1, 1, 2, 2], [2, 4, 6, 8]), scale(0.5), zero(1), scale(0.25), zero(3)],
      {},
      [11],
    ],
    [
      'MatMulInteger',
      [c([1, 2], [200, 10], 'uint8'), c([2, 1], [3, -1]), zero(100, 'uint8'), zero(1)],
      {},
      [380],
    ],
    // Padding is the zero point: only the centre counts.
    [
      'ConvInteger',
      [c([1, 1, 1, 1], [9], 'uint8'), c([1, 1, 3, 3], [1]), zero(4, 'uint8')],
      { pads: [1, 1, 1, 1] },
      [5],
    ],
  ] as const)('%s', (op, inputs, attributes, expected) => {
    expect(compute(op, inputs, attributes)).toEqual([expected]);
  });
});

describe('operators that move and reduce', () => {
  test.each([
    ['Pad', [c([2, 2], [1, 2, 3, 4]), indices(1, 0, -1, 1), zero(9)], {}, [9, 9, 9, 1, 2, 9]],
    ['Split', [list(1, 2, 3, 4, 5)], {}, [1, 2, 3]],
    ['Squeeze', [c([1, 2], [1, 2]), indices(0)], {}, [1, 2]],
    ['Expand', [c([2, 1], [1, 2]), indices(2, 2)], {}, [1, 1, 2, 2]],
    ['ReduceMean', [c([2, 2], [1, 2, 4, 5])], { axes: [0], keepdims: 0 }, [3, 4]],
    ['ReduceSum', [c([2, 2], [100, 100, 4, 5]), indices(1)], {}, [200, 9]],
    ['MaxPool', [c([1, 1, 3], [-5, -9, -7])], { kernel_shape: [2], pads: [1, 1] }, [-5, -5, -7, -7]],
    ['AveragePool', [c([1, 1, 3], [1, 2, 5])], { kernel_shape: [2], pads: [1, 0] }, [1, 2, 4]],
    [
      'AveragePool',
      [c([1, 1, 3], [1, 2, 5])],
      { kernel_shape: [2], pads: [1, 0], count_include_pad: 1 },
      [1, 2, 4],
    ],
    ['MaxPool', [c([1, 1, 4], [1, 2, 3, 4])], { kernel_shape: [3], strides: [3], ceil_mode: 1 }, [3, 4]],
    ['Div', [list(7, -7), list(2, 2)], {}, [3, -3]],
    ['Clip', [list(-3, 3, 9), c([], [0], 'int32'), c([], [6], 'int32')], {}, [0, 3, 6]],
    [
      'Gemm',
      [c([2, 1], [1, 2]), c([3, 2], [1, 2, 3, 4, 5, 6]), list(1, 0, 0)],
      { transA: 1, transB: 1, alpha: 2, beta: 10 },
      [20, 22, 34],
    ],
  ] as const)('%s of %j with %j is %j', (op, inputs, attributes, expected) => {
    const outputs = op === 'Split' ? 2 : 1;
    expect(compute(op, inputs, attributes, outputs)[0]).toEqual(expected);
  });
});

test('a convolution equals the sum over its definition, for any strides, pads, dilations and groups', () => {
  const small = fc.integer({ min: 1, max: 3 });
  const byte = fc.infiniteStream(fc.integer({ min: -128, max: 127 }));
  fc.assert(
    fc.property(
      fc.record({
        groups: small,
        inputs: small,
        outputs: small,
        size: fc.tuple(fc.integer({ min: 4, max: 7 }), small),
        kernel: fc.tuple(small, fc.constant(1)),
        strides: fc.tuple(small, small),
        dilation: small,
        pads: fc.tuple(small, small),
      }),
      byte,
      ({ groups, inputs, outputs, size: [height, width], kernel: [rows], strides, dilation, pads }, draw) => {
        fc.pre(height + pads[0] + pads[1] >= (rows - 1) * dilation + 1);
        const fill = (count: number): number[] =>
          Array.from({ length: count }, () => draw.next().value as number);
        const [channels, filters] = [groups * inputs, groups * outputs];
        const [x, w, b] = [fill(channels * height * width), fill(filters * inputs * rows), fill(filters)];
        const [result] = compute(
          'Conv',
          [c([1, channels, height, width], x), c([filters, inputs, rows, 1], w), c([filters], b, 'int32')],
          { group: groups, strides: [...strides], dilations: [dilation, 1], pads: [pads[0], 0, pads[1], 0] },
        );
        const expected: number[] = [];
        for (let f = 0; f < filters; f++) {
          for (let top = -pads[0]; top + (rows - 1) * dilation < height + pads[1]; top += strides[0]) {
            for (let left = 0; left < width; left += strides[1]) {
              let sum = b[f];
              for (let i = 0; i < inputs; i++) {
                const channel = Math.floor(f / outputs) * inputs + i;
                for (let r = 0; r < rows; r++) {
                  const y = top + r * dilation;
                  if (y < 0 || y >= height) continue;
                  sum += x[(channel * height + y) * width + left] * w[(f * inputs + i) * rows + r];
                }
              }
              expected.push(sum);
            }
          }
        }
        expect(result).toEqual(expected);
      },
    ),
  );
});
