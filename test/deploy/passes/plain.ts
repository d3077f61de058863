/** Networks as exporters write them, for the tests of the passes: attention of several heads with its moves. */
import type { Graph, TensorData } from '../../../src/deploy/graph/graph.ts';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import { bytes } from '../networks.ts';
import { sampleInputs } from '../samples.ts';

export interface AttentionOptions {
  readonly sequence?: number;
  readonly width?: number;
  readonly heads?: number;
  readonly headSize?: number;
  readonly softmaxShift?: number;
  /** A leading dimension of 1, as exporters of one sentence keep it. */
  readonly batch?: boolean;
  /** Requantisation of each head by its own constants. */
  readonly perHead?: boolean;
  /** The output projection as one product for each head, requantised and then summed, in place of one over all. */
  readonly summed?: boolean;
}

/** Multi-head attention of `x` int8 [sequence, width] in plain operators. Output: `y`. */
export function plainAttention({
  sequence = 64,
  width = 64,
  heads = 2,
  headSize = 32,
  softmaxShift = 0,
  batch = true,
  perHead = false,
  summed = false,
}: AttentionOptions = {}): Graph {
  const graph = new GraphBuilder();
  const one = batch ? [1] : [];
  const all = heads * headSize;
  let seed = 1;
  const shape = (name: string, ...values: number[]): string =>
    graph.constant(`${name}/shape`, 'int64', [values.length], values);
  const requant = (name: string, x: string, own: readonly number[], mul: number, shift: number): string => {
    const count = perHead ? heads : 1;
    const repeat = own.length === 1 ? headSize : 1;
    const values = Array.from({ length: count * repeat }, (_, i) => mul + 4 * Math.floor(i / repeat));
    const dims = perHead ? own : [];
    return graph.node(
      'RequantShift',
      name,
      [
        x,
        graph.constant(`${name}/multiplier`, 'int32', perHead ? dims : [], perHead ? values : [mul]),
        graph.constant(`${name}/addend`, 'int32', [], [2 ** (shift - 1)]),
      ],
      { attributes: { div: 2 ** shift, n_levels_out: 256, signed: 1 } },
    );
  };
  const x = graph.input('x', 'int8', [...one, sequence, width]);
  const projection = (name: string, perm: readonly number[]): string => {
    const weight = graph.constant(`${name}/weight`, 'int8', [width, all], bytes(width * all, seed++));
    const bias = graph.constant(
      `${name}/bias`,
      'int32',
      [all],
      Int32Array.from(bytes(all, seed++), (b) => b * 100),
    );
    const sum = graph.node('Add', `${name}/add`, [graph.node('MatMul', `${name}/matmul`, [x, weight]), bias]);
    const split = graph.node('Reshape', `${name}/split`, [
      requant(name, sum, [all], 5, 12),
      shape(`${name}/split`, ...one, sequence, heads, headSize),
    ]);
    return graph.node('Transpose', `${name}/turned`, [split], {
      attributes: { perm: batch ? [0, ...perm.map((p) => p + 1)] : perm },
    });
  };
  const q = projection('query', [1, 0, 2]);
  const k = projection('key', [1, 2, 0]);
  const v = projection('value', [1, 0, 2]);
  const headShape = [...one, heads, 1, 1];
  const logits = requant('logits', graph.node('MatMul', 'logits/matmul', [q, k]), headShape, 5, 14);
  const softmax = graph.node('ITAPartialMax', 'probabilities', [logits], {
    domain: 'octet',
    attributes: { softmax_shift: softmaxShift },
  });
  const context = requant(
    'context',
    graph.node('MatMul', 'context/matmul', [softmax, v]),
    headShape,
    129,
    14,
  );
  if (summed) {
    const weight = graph.constant(
      'output/weight',
      'int8',
      [heads, headSize, width],
      bytes(all * width, seed++),
    );
    const values = Int32Array.from(bytes(heads * width, seed++), (b, i) => (i < width ? b * 100 : 0));
    const bias = graph.constant('output/bias', 'int32', [heads, 1, width], values);
    const products = graph.node('MatMul', 'output/matmul', [context, weight]);
    const sum = graph.node('Add', 'output/add', [products, bias]);
    const terms = requant('output', sum, headShape, 5, 12);
    const axes = graph.constant('heads/axes', 'int64', [1], [batch ? 1 : 0]);
    const total = graph.node('ReduceSum', 'heads', [terms, axes], { attributes: { keepdims: 0 } });
    const whole = [
      total,
      graph.constant('y/mul', 'int32', [], [150]),
      graph.constant('y/add', 'int32', [], [256 / 2]),
    ];
    graph.output(
      graph.node('RequantShift', 'y', whole, { attributes: { div: 256, n_levels_out: 256, signed: 1 } }),
    );
    return graph.build('attention');
  }
  const turned = graph.node('Transpose', 'context/turned', [context], {
    attributes: { perm: batch ? [0, 2, 1, 3] : [1, 0, 2] },
  });
  const joined = graph.node('Reshape', 'context/joined', [
    turned,
    shape('context/joined', ...one, sequence, all),
  ]);
  const weight = graph.constant('output/weight', 'int8', [all, width], bytes(all * width, seed++));
  const output = [
    graph.node('MatMul', 'output/matmul', [joined, weight]),
    graph.constant('y/mul', 'int32', [], [5]),
    graph.constant('y/add', 'int32', [], [-123_456]),
  ];
  graph.output(
    graph.node('RequantShift', 'y', output, { attributes: { div: 2 ** 12, n_levels_out: 256, signed: 1 } }),
  );
  return graph.build('attention');
}

/** Repeatable inputs for it. */
export const inputsFor = (graph: Graph): Map<string, TensorData> => sampleInputs(graph);
