/** Operators in sizes that take several blocks: one or more for each way to cut a kernel call. */
import { c, x, type Sample } from './samples.ts';

const axis = (value: number): ReturnType<typeof c> => c([1], [value], 'int64');

export const BLOCK_CASES: readonly Sample[] = [
  { op: 'MatMul', inputs: [x([2, 1, 13, 70], 'int32'), x([3, 70, 20], 'int16')] },
  { op: 'MatMul', inputs: [x([30, 70]), c([70, 50], [1, -5, 7, 9, 100])] },
  { op: 'MatMul', inputs: [x([19, 130], 'uint8'), x([130, 21])] },
  {
    op: 'Gemm',
    inputs: [x([130, 30]), x([26, 130]), c([26], [1000, -5], 'int32')],
    attributes: { transA: 1, transB: 1 },
  },
  { op: 'Gemm', inputs: [x([9, 40]), x([40, 17]), x([9, 17], 'int32')], attributes: { alpha: 3, beta: -2 } },
  { op: 'Gemm', inputs: [x([9, 40]), x([40, 17]), x([9, 1], 'int32')] },
  {
    op: 'Conv',
    inputs: [x([2, 6, 11, 9]), c([10, 6, 3, 3], [1, -2, 3, 7]), c([10], [5, -5], 'int32')],
    attributes: { strides: [2, 1], dilations: [1, 2], pads: [1, 2, 2, 1] },
  },
  {
    op: 'Conv',
    inputs: [x([1, 12, 25]), c([24, 1, 5], [1, -2, 3, 7])],
    attributes: { group: 12, pads: [2, 2] },
  },
  { op: 'ConvInteger', inputs: [x([1, 4, 9, 8], 'uint8'), c([6, 4, 3, 3], [1, -2, 5]), c([], [3], 'uint8')] },
  {
    op: 'MaxPool',
    inputs: [x([1, 5, 13, 12])],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  { op: 'AveragePool', inputs: [x([1, 6, 31])], attributes: { kernel_shape: [4], pads: [3, 3] } },
  { op: 'ReduceMean', inputs: [x([4, 20, 33]), axis(1)] },
  { op: 'ReduceSum', inputs: [x([4, 20, 33]), axis(2)] },
  { op: 'Transpose', inputs: [x([5, 14, 22])], attributes: { perm: [0, 2, 1] } },
  { op: 'Transpose', inputs: [x([5, 14, 22], 'int32')], attributes: { perm: [2, 0, 1] } },
  { op: 'Expand', inputs: [x([20, 1]), c([3], [3, 20, 41], 'int64')] },
  { op: 'Cast', inputs: [x([7, 50], 'int16')], attributes: { to: 6 } },
  { op: 'Add', inputs: [x([20, 1, 30]), x([7, 30])] },
  { op: 'iGELU', inputs: [x([31, 40])], attributes: { b: -100, one: 14_000 } },
  {
    op: 'RequantShift',
    inputs: [x([2, 35, 25], 'int32'), c([35, 1], [9, 250], 'int32'), c([35, 1], [-300, 77], 'int32')],
    attributes: { div: 1024, n_levels: 256, signed: 1, rounding: 1 },
  },
  {
    op: 'RequantShift',
    inputs: [x([40, 25]), c([25], [9, 250], 'int32'), c([1], [-300], 'int32')],
    attributes: { div: 1024, n_levels: 256, signed: 1 },
  },
  {
    op: 'DequantizeLinear',
    inputs: [x([2, 9, 30]), c([9], [0.5, 2], 'float32'), c([9], [1, 2])],
    attributes: { axis: 1 },
  },
  { op: 'ITAPartialMax', inputs: [x([37, 40])], attributes: { softmax_shift: 5 } },
  {
    op: 'iLayerNorm',
    inputs: [x([21, 40]), c([40], [90, 100], 'int32'), c([40], [5, -700], 'int32')],
    attributes: { D: 64, n_levels: 256 },
  },
];
