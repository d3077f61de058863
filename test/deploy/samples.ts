/** One small example of every operator the flow reads, for the tests that hold for all of them. */
import { ARRAY, fromNumbers } from '../../src/deploy/graph/elements.ts';
import {
  elements,
  type Attribute,
  type ElementType,
  type Graph,
  type Node,
  type Tensor,
} from '../../src/deploy/graph/graph.ts';

export interface Operand {
  readonly type?: ElementType;
  readonly shape: readonly number[];
  /** Without data the operand is fed from outside. */
  readonly data?: readonly number[];
}

export interface Sample {
  readonly op: string;
  readonly inputs: readonly (Operand | undefined)[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly outputs?: number;
}

/** An activation. */
export const x = (shape: readonly number[], type: ElementType = 'int8'): Operand => ({ type, shape });

/** A constant; its values repeat where there are fewer than the shape has elements. */
export const c = (
  shape: readonly number[],
  data: readonly number[],
  type: ElementType = 'int8',
): Operand => ({
  type,
  shape,
  data: Array.from({ length: elements(shape) }, (_, i) => data[i % data.length]),
});

const list = (...values: number[]): Operand => c([values.length], values, 'int64');
const scale = (value: number): Operand => c([], [value], 'float32');
const zero = (value: number, type: ElementType = 'int8'): Operand => c([], [value], type);
const quantised = (shape: readonly number[], data: readonly number[]): readonly Operand[] => [
  c(shape, data),
  scale(0.5),
  zero(1),
];

const REQUANT = { div: 256, n_levels_out: 256, signed: 1 } as const;
const DIV = { Delta: 16, eps: 1, eta: 100 } as const;
const HARDSWISH = { one_over_six: 3, six: 12, three: 6 } as const;

const THREE = { mul: 3, add: 8, shift: 4 } as const;
const LOGITS = { logits_mul: 5, logits_add: 512, logits_shift: 10 } as const;

/** Operators that the graph passes make. */
const OWN: readonly Sample[] = [
  {
    op: 'Linear',
    inputs: [x([3, 2]), c([2, 4], [1, -2, 3]), c([4], [7], 'int32')],
    attributes: { ...THREE, relu: 1 },
  },
  { op: 'Linear', inputs: [x([1, 3, 2]), c([2, 4], [1, -2, 3])], attributes: { ...THREE, transposed: 1 } },
  {
    op: 'AttentionHead',
    inputs: [x([4, 2]), x([4, 2]), x([2, 4])],
    attributes: { ...THREE, shift: 6, ...LOGITS, softmax_shift: 0, transposed: 1 },
  },
  {
    op: 'MultiHeadAttention',
    inputs: [x([4, 4]), x([4, 4]), x([4, 4])],
    attributes: {
      heads: 2,
      softmax_shift: 5,
      logits_mul: [5, 3],
      logits_add: [512, 0],
      logits_shift: [10, 9],
      mul: [3, 4],
      add: [32, 32],
      shift: [6, 6],
    },
  },
  { op: 'Sum', inputs: [x([2, 3]), x([2, 3]), x([2, 3])] },
  { op: 'RequantSum', inputs: [x([2, 3]), x([2, 3])], attributes: THREE },
  {
    op: 'NormSum',
    inputs: [c([3], [90, 100, 110]), c([3], [5], 'int32'), x([2, 3]), x([2, 3])],
    attributes: { D: 2 ** 14, mul: 150, n_levels: 256 },
  },
  {
    op: 'GatherRows',
    inputs: [c([5, 2], [1, 2, 3]), c([4], [4, 0, 2, 1], 'int32')],
    attributes: { offsets: [-1, 0, 1] },
  },
  {
    op: 'QuantizeProduct',
    inputs: [x([2, 3], 'int32'), c([3], [0.5, 0.25, 1.5], 'float32'), zero(3)],
    attributes: { axis: 1 },
  },
];

export const SAMPLES: readonly Sample[] = [
  ...OWN,
  ...['Erf', 'Exp', 'Log', 'Reciprocal', 'Sigmoid', 'Sqrt', 'Tanh'].map((op) => ({
    op,
    inputs: [x([4], 'float32')],
  })),
  { op: 'Abs', inputs: [x([4])] },
  {
    op: 'BatchNormalization',
    inputs: [x([1, 2, 3], 'float32'), ...[3, 1, 2, 4].map((value) => c([2], [value], 'float32'))],
  },
  { op: 'Max', inputs: [x([6]), zero(0)] },
  { op: 'Min', inputs: [x([6]), x([6], 'uint8')] },
  { op: 'Neg', inputs: [x([4])] },
  { op: 'Pow', inputs: [x([4], 'float32'), c([], [2], 'float32')] },
  { op: 'Add', inputs: [x([2, 3]), x([3])] },
  { op: 'AveragePool', inputs: [x([1, 2, 4, 4])], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { op: 'Cast', inputs: [x([3])], attributes: { to: 6 } },
  { op: 'Clip', inputs: [x([3]), undefined, zero(6)] },
  { op: 'Clip', inputs: [x([6])], attributes: { min: 0, max: 6 } },
  { op: 'Concat', inputs: [x([2, 1]), x([2, 3], 'uint8')], attributes: { axis: -1 } },
  { op: 'Conv', inputs: [x([1, 2, 5]), c([4, 1, 3], [1, -2, 3])], attributes: { group: 2, pads: [1, 1] } },
  {
    op: 'Conv',
    inputs: [x([2, 3, 5, 4]), c([2, 3, 3, 2], [1, -2, 3]), c([2], [5, -5], 'int32')],
    attributes: { strides: [2, 1], dilations: [1, 2], auto_pad: 'SAME_UPPER' },
  },
  {
    op: 'ConvInteger',
    inputs: [x([1, 2, 4, 4], 'uint8'), c([2, 2, 3, 3], [1, -2]), zero(3, 'uint8'), c([2], [1, 2])],
  },
  {
    op: 'ConstantOfShape',
    inputs: [list(2, 3)],
    attributes: { value: { name: '', type: 'int8', shape: [1], data: Int8Array.of(7) } },
  },
  { op: 'Dequant', inputs: [x([4])], attributes: { scale: 0.5, zero_point: 3 } },
  {
    op: 'DequantizeLinear',
    inputs: [x([2, 3]), c([2], [0.5, 2], 'float32'), c([2], [1, 2])],
    attributes: { axis: 0 },
  },
  { op: 'Div', inputs: [x([3]), c([3], [2, -3, 5])] },
  { op: 'Expand', inputs: [x([2, 1]), list(3, 1, 4)] },
  { op: 'Flatten', inputs: [x([2, 3, 4])], attributes: { axis: 2 } },
  { op: 'Gather', inputs: [x([3, 4]), c([], [2], 'int64')], attributes: { axis: 1 } },
  { op: 'Gelu', inputs: [x([4], 'float32')] },
  {
    op: 'Gemm',
    inputs: [x([3, 2]), c([4, 3], [1, -2, 3]), c([4], [7], 'int32')],
    attributes: { transA: 1, transB: 1, alpha: 2, beta: 3 },
  },
  { op: 'GlobalAveragePool', inputs: [x([1, 2, 3, 3])] },
  { op: 'GlobalMaxPool', inputs: [x([1, 2, 3, 3])] },
  { op: 'ITAMax', inputs: [x([2, 20])], attributes: { n_levels: 256 } },
  { op: 'ITAPartialMax', inputs: [x([2, 20])], attributes: { n_levels: 256, group_width: 16 } },
  { op: 'ITAPartialMax', inputs: [x([2, 20])], attributes: { softmax_shift: 5 } },
  { op: 'Identity', inputs: [x([3])] },
  { op: 'IntegerDiv', inputs: [x([2, 3]), x([3], 'uint8')], attributes: DIV },
  { op: 'IntegerMean', inputs: [x([2, 3, 4])], attributes: { axes: [1], keepdims: 0 } },
  {
    op: 'LayerNormalization',
    inputs: [x([2, 4], 'float32'), c([4], [1, 2], 'float32'), c([4], [0.5], 'float32')],
    attributes: { epsilon: 1e-5 },
  },
  { op: 'MatMul', inputs: [x([2, 3, 4]), c([4, 2], [1, -2, 3])] },
  {
    op: 'MatMulInteger',
    inputs: [x([2, 3], 'uint8'), c([3, 2], [1, -2]), c([2], [1, 2], 'uint8'), c([2], [1, -1])],
  },
  {
    op: 'MaxPool',
    inputs: [x([1, 1, 5, 5])],
    attributes: { kernel_shape: [2, 2], ceil_mode: 1, strides: [2, 2] },
  },
  { op: 'Mul', inputs: [x([2, 3]), x([2, 1])] },
  { op: 'Pad', inputs: [x([2, 3]), list(0, 1, 0, -1), zero(7)] },
  { op: 'Pad', inputs: [x([2, 3])], attributes: { pads: [1, 0, 0, 2], value: -1 } },
  {
    op: 'QGemm',
    inputs: [
      x([2, 3]),
      scale(0.5),
      zero(1),
      ...quantised([4, 3], [1, -2, 3]),
      c([4], [5], 'int32'),
      scale(0.25),
      zero(2),
    ],
    attributes: { transB: 1, alpha: 1 },
  },
  {
    op: 'QLinearAdd',
    inputs: [x([2, 3]), scale(0.5), zero(1), x([3]), scale(0.25), undefined, scale(1), zero(-3)],
  },
  {
    op: 'QLinearAveragePool',
    inputs: [x([1, 1, 4, 4]), scale(0.5), zero(1), scale(0.4), zero(2)],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
  },
  {
    op: 'QLinearConv',
    inputs: [
      x([1, 2, 4, 4], 'uint8'),
      scale(0.5),
      zero(128, 'uint8'),
      c([3, 2, 3, 3], [1, -2]),
      c([3], [0.1, 0.2, 0.3], 'float32'),
      c([3], [0, 0, 0]),
      scale(2),
      zero(100, 'uint8'),
      c([3], [10, -10, 0], 'int32'),
    ],
    attributes: { pads: [1, 1, 1, 1] },
  },
  { op: 'QLinearGlobalAveragePool', inputs: [x([1, 2, 3, 3]), scale(0.5), zero(1), scale(0.4), zero(2)] },
  {
    op: 'QLinearMatMul',
    inputs: [x([2, 3]), scale(0.5), zero(1), ...quantised([3, 4], [1, -2]), scale(2), zero(-5)],
  },
  {
    op: 'QLinearMul',
    inputs: [x([2, 3]), scale(0.5), zero(1), x([3]), scale(0.25), zero(0), scale(1), zero(-3)],
  },
  {
    op: 'Quant',
    inputs: [x([4], 'float32')],
    attributes: { scale: 10, zero_point: 1, bit_width: 8, signed: 1 },
  },
  { op: 'QuantizeLinear', inputs: [x([4], 'float32'), scale(0.1), zero(5, 'uint8')] },
  { op: 'ReduceMean', inputs: [x([2, 3]), list(-1)], attributes: { keepdims: 0 } },
  { op: 'ReduceSum', inputs: [x([2, 3])], attributes: { axes: [0] } },
  { op: 'Relu', inputs: [x([6])] },
  {
    op: 'RequantShift',
    inputs: [x([2, 3, 2, 2], 'int32'), c([3], [9, 8, 7], 'int32'), c([1], [-300], 'int32')],
    attributes: REQUANT,
  },
  {
    op: 'RequantizedAdd',
    inputs: [x([2, 3]), x([2, 3])],
    attributes: {
      rqs1_mul: 3,
      rqs1_add: 2,
      rqs1_div: 4,
      rqs2_mul: 1,
      rqs2_add: 0,
      rqs2_div: 1,
      rqsOut_mul: 5,
      rqsOut_add: 4,
      rqsOut_div: 8,
    },
  },
  {
    op: 'RequantizedConv',
    inputs: [x([1, 2, 4, 4]), c([3, 2, 3, 3], [1, -2]), c([3], [9], 'int32'), c([3], [128], 'int32')],
    attributes: { ...REQUANT, pads: [1, 1, 1, 1] },
  },
  {
    op: 'RequantizedGemm',
    inputs: [x([2, 3]), c([3, 4], [1, -2]), c([4], [128], 'int32'), c([4], [9], 'int32')],
    attributes: REQUANT,
  },
  {
    op: 'RequantizediGELU',
    inputs: [x([8]), c([1], [13], 'int32'), c([1], [4], 'int32')],
    attributes: { ...REQUANT, b: -40, one: 1743 },
  },
  { op: 'RequantizediHardswish', inputs: [x([8])], attributes: { ...REQUANT, ...HARDSWISH, mul: 5, add: 3 } },
  { op: 'Reshape', inputs: [x([2, 6]), list(0, -1, 3)] },
  { op: 'Shape', inputs: [x([5, 4, 3])], attributes: { start: 1 } },
  { op: 'Slice', inputs: [x([5, 4]), list(-1), list(-100), list(0), list(-2)] },
  { op: 'Slice', inputs: [x([5, 4])], attributes: { starts: [1], ends: [3], axes: [1] } },
  { op: 'Softmax', inputs: [x([2, 4], 'float32')], attributes: { axis: -1 } },
  { op: 'Split', inputs: [x([5, 2])], attributes: { axis: 0 }, outputs: 2 },
  { op: 'Split', inputs: [x([2, 5]), list(1, 4)], attributes: { axis: 1 }, outputs: 2 },
  { op: 'Squeeze', inputs: [x([1, 3, 1]), list(-1)] },
  { op: 'Squeeze', inputs: [x([1, 3, 1])] },
  { op: 'Sub', inputs: [x([3]), c([1], [100])] },
  { op: 'Transpose', inputs: [x([2, 3, 4])], attributes: { perm: [1, 2, 0] } },
  { op: 'TrueIntegerDiv', inputs: [x([5])], attributes: { ...DIV, y: 2 } },
  { op: 'Unsqueeze', inputs: [x([3]), list(0, -1)] },
  { op: 'Unsqueeze', inputs: [x([3])], attributes: { axes: [1] } },
  { op: 'iGELU', inputs: [x([8])], attributes: { b: -40, one: 1743 } },
  { op: 'iHardswish', inputs: [x([8])], attributes: HARDSWISH },
  {
    op: 'iLayerNorm',
    inputs: [x([2, 4]), c([4], [900, -900], 'int32'), c([4], [300], 'int32')],
    attributes: { D: 16, n_levels: 256 },
  },
  {
    op: 'iNoNorm',
    inputs: [x([2, 4]), c([2, 4], [3, -100]), c([4], [5], 'int32')],
    attributes: { D: 64, mul: 5, n_levels: 256 },
  },
  { op: 'iRMSNorm', inputs: [x([2, 4]), c([4], [900, -900], 'int32')], attributes: { D: 16, n_levels: 256 } },
  {
    op: 'iSoftmax',
    inputs: [x([2, 6])],
    attributes: { coeffA: 1, coeffB: 86, coeffC: 3888, log2: 64, n_levels: 256 },
  },
];

/** The sample as a network of one node. */
export function sampleGraph({ op, inputs, attributes = {}, outputs = 1 }: Sample): Graph {
  const tensors = new Map<string, Tensor>();
  const names = inputs.map((operand, i) => {
    if (!operand) return '';
    const { type = 'int8', shape, data } = operand;
    const name = `in${i}`;
    tensors.set(name, { name, type, shape, ...(data ? { data: fromNumbers(type, data) } : {}) });
    return name;
  });
  const results = Array.from({ length: outputs }, (_, i) => `out${i}`);
  const node: Node = { name: 'n', op, domain: '', inputs: names, outputs: results, attributes };
  return {
    name: 'sample',
    inputs: names.filter((name) => name !== '' && !tensors.get(name)?.data),
    outputs: results,
    tensors,
    nodes: [node],
    metadata: {},
  };
}

/** Repeatable data for every input of a graph. */
export function sampleInputs(graph: Graph): Map<string, Tensor['data'] & object> {
  return new Map(
    graph.inputs.map((name, n) => {
      const { type, shape } = graph.tensors.get(name) as Tensor;
      const spread = (i: number): number => ((i * 37 + n * 11) % 200) - (type === 'uint8' ? 0 : 100);
      const values = Array.from({ length: elements(shape) }, (_, i) => spread(i));
      return [
        name,
        ARRAY[type] === Float32Array ? Float32Array.from(values, (v) => v / 16) : fromNumbers(type, values),
      ];
    }),
  );
}
