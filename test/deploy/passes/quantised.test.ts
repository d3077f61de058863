import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import type { Attribute, ElementType, Graph, TensorData } from '../../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { QDQ_RULES, quantisedOperators } from '../../../src/deploy/passes/quantised.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

/** Builds QDQ groups: `dq` gives the real numbers of integers, `q` their integers. */
class Groups {
  readonly b = new GraphBuilder();
  #count = 0;

  scalar(type: ElementType, value: number): string {
    return this.b.constant(`c${this.#count++}`, type, [], [value]);
  }

  dq(x: string, scale: number, zero?: number): string {
    const { type } = this.b.tensors.get(x) ?? { type: 'int8' };
    const zeros = zero === undefined ? [] : [this.scalar(type, zero)];
    return this.b.node('DequantizeLinear', `dq${this.#count++}`, [
      x,
      this.scalar('float32', scale),
      ...zeros,
    ]);
  }

  q(x: string, scale: number, zero?: number, type: ElementType = 'int8'): Graph {
    const zeros = zero === undefined ? [] : [this.scalar(type, zero)];
    this.b.output(this.b.node('QuantizeLinear', 'y', [x, this.scalar('float32', scale), ...zeros]));
    return this.b.build('g');
  }

  input(shape: readonly number[]): string {
    return this.dq(this.b.input('x', 'int8', shape), 0.5, 3);
  }

  weight(shape: readonly number[]): string {
    const count = shape.reduce((n, d) => n * d, 1);
    const values = Array.from({ length: count }, (_, i) => ((i * 37) % 200) - 100);
    return this.dq(this.b.constant('w', 'int8', shape, values), 0.25);
  }

  bias(count: number): string {
    const values = Array.from({ length: count }, (_, i) => i * 300 - 500);
    return this.dq(this.b.constant('b', 'int32', [count], values), 0.125);
  }

  real(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.b.node(op, `real${this.#count++}`, inputs, { attributes });
  }
}

const CASES: Readonly<Record<string, readonly [build: (g: Groups) => Graph, op: string]>> = {
  'QDQ Conv becomes QLinearConv': [
    (g) =>
      g.q(g.real('Conv', [g.input([1, 2, 5, 5]), g.weight([3, 2, 3, 3])], { pads: [1, 1, 1, 1] }), 20, -3),
    'QLinearConv',
  ],
  'QDQ Conv with a bias becomes QLinearConv': [
    (g) => g.q(g.real('Conv', [g.input([1, 2, 5, 5]), g.weight([3, 2, 3, 3]), g.bias(3)]), 20),
    'QLinearConv',
  ],
  'QDQ Conv and Relu becomes QLinearConv': [
    (g) => g.q(g.real('Relu', [g.real('Conv', [g.input([1, 2, 4, 4]), g.weight([3, 2, 3, 3])])]), 20, -128),
    'QLinearConv',
  ],
  'QDQ Conv with a bias and Relu becomes QLinearConv': [
    (g) =>
      g.q(
        g.real('Relu', [g.real('Conv', [g.input([1, 2, 4, 4]), g.weight([3, 2, 3, 3]), g.bias(3)])]),
        20,
        0,
        'uint8',
      ),
    'QLinearConv',
  ],
  'QDQ Gemm becomes QGemm': [
    (g) => g.q(g.real('Gemm', [g.input([4, 6]), g.weight([5, 6])], { transB: 1 }), 9, 4),
    'QGemm',
  ],
  'QDQ Gemm with a bias becomes QGemm': [
    (g) => g.q(g.real('Gemm', [g.input([4, 6]), g.weight([6, 5]), g.bias(5)]), 9, 4),
    'QGemm',
  ],
  'QDQ Gemm and Relu becomes QGemm': [
    (g) => g.q(g.real('Relu', [g.real('Gemm', [g.input([4, 6]), g.weight([6, 5])])]), 9),
    'QGemm',
  ],
  'QDQ Gemm with a bias and Relu becomes QGemm': [
    (g) => g.q(g.real('Relu', [g.real('Gemm', [g.input([4, 6]), g.weight([6, 5]), g.bias(5)])]), 9, -128),
    'QGemm',
  ],
  'QDQ MatMul becomes QLinearMatMul': [
    (g) => g.q(g.real('MatMul', [g.input([4, 6]), g.weight([6, 5])]), 9, 4),
    'QLinearMatMul',
  ],
  'QDQ MatMul and Relu becomes QLinearMatMul': [
    (g) => g.q(g.real('Relu', [g.real('MatMul', [g.input([4, 6]), g.weight([6, 5])])]), 9, -128),
    'QLinearMatMul',
  ],
  'QDQ Add becomes QLinearAdd': [
    (g) => g.q(g.real('Add', [g.input([4, 6]), g.weight([6])]), 1, 4),
    'QLinearAdd',
  ],
  'QDQ Mul becomes QLinearMul': [
    (g) => g.q(g.real('Mul', [g.input([4, 6]), g.weight([6])]), 9, 4),
    'QLinearMul',
  ],
  'QDQ AveragePool becomes QLinearAveragePool': [
    (g) => g.q(g.real('AveragePool', [g.input([1, 2, 4, 4])], { kernel_shape: [2, 2] }), 0.25, -9),
    'QLinearAveragePool',
  ],
  'QDQ GlobalAveragePool becomes QLinearGlobalAveragePool': [
    (g) => g.q(g.real('GlobalAveragePool', [g.input([1, 2, 4, 4])]), 0.25, -9),
    'QLinearGlobalAveragePool',
  ],
  'QDQ Flatten works on integers': [(g) => g.q(g.real('Flatten', [g.input([2, 3, 4])]), 0.5, 3), 'Flatten'],
  'QDQ GlobalMaxPool works on integers': [
    (g) => g.q(g.real('GlobalMaxPool', [g.input([1, 2, 4, 4])]), 0.5, 3),
    'GlobalMaxPool',
  ],
  'QDQ Identity works on integers': [(g) => g.q(g.real('Identity', [g.input([4])]), 0.5, 3), 'Identity'],
  'QDQ MaxPool works on integers': [
    (g) => g.q(g.real('MaxPool', [g.input([1, 2, 4, 4])], { kernel_shape: [2, 2] }), 0.5, 3),
    'MaxPool',
  ],
  'QDQ Reshape works on integers': [
    (g) => g.q(g.real('Reshape', [g.input([2, 6]), g.b.constant('s', 'int64', [2], [3, 4])]), 0.5, 3),
    'Reshape',
  ],
  'QDQ Slice works on integers': [
    (g) => g.q(g.real('Slice', [g.input([5])], { starts: [1], ends: [4] }), 0.5, 3),
    'Slice',
  ],
  'QDQ Squeeze works on integers': [(g) => g.q(g.real('Squeeze', [g.input([1, 6])]), 0.5, 3), 'Squeeze'],
  'QDQ Transpose works on integers': [
    (g) => g.q(g.real('Transpose', [g.input([2, 3])]), 0.5, 3),
    'Transpose',
  ],
  'QDQ Unsqueeze works on integers': [
    (g) => g.q(g.real('Unsqueeze', [g.input([3])], { axes: [0] }), 0.5, 3),
    'Unsqueeze',
  ],
};

test('every rule has a case', () => {
  expect(Object.keys(CASES).sort()).toEqual([...new Set(QDQ_RULES.map(({ name }) => name))].sort());
});

const run = (graph: Graph): number[] => {
  const shape = graph.tensors.get('x')?.shape ?? [];
  const count = shape.reduce((n, d) => n * d, 1);
  const x: TensorData = Int8Array.from({ length: count }, (_, i) => ((i * 53) % 256) - 128);
  return Array.from(evaluate(graph, new Map([['x', x]])).get('y') as Int8Array, Number);
};

describe('a group is one operator with the results of the real numbers', () => {
  test.each(Object.entries(CASES))('%s', (_, [build, op]) => {
    const real = build(new Groups());
    const rewritten = inferShapes(quantisedOperators(real));
    expect(rewritten.nodes.map((n) => n.op)).toEqual([op]);
    expect(rewritten.tensors.get('y')).toEqual(inferShapes(real).tensors.get('y'));
    const [found, expected] = [run(rewritten), run(real)];
    // Single precision in another order may fall on the other side of a half.
    expect(found.filter((y, i) => Math.abs(y - expected[i]) > 1)).toEqual([]);
    expect(found.filter((y, i) => y !== expected[i]).length).toBeLessThanOrEqual(found.length / 20);
    expect(new Set(found).size).toBeGreaterThan(1);
  });
});

describe('a group stays as it is', () => {
  test.each([
    [
      'when Relu is more than the clipping',
      (g: Groups) =>
        g.q(g.real('Relu', [g.real('Conv', [g.input([1, 2, 4, 4]), g.weight([3, 2, 3, 3])])]), 20, 5),
    ],
    [
      'when a moving operator changes the scale',
      (g: Groups) => g.q(g.real('Transpose', [g.input([2, 3])]), 0.25, 3),
    ],
    [
      'when the bias has another scale than the sum',
      (g: Groups) =>
        g.q(
          g.real('Gemm', [
            g.input([4, 6]),
            g.weight([6, 5]),
            g.dq(g.b.constant('b', 'int32', [5], [1, 2, 3, 4, 5]), 0.5),
          ]),
          9,
        ),
    ],
  ] as const)('%s', (_, build) => {
    const graph = build(new Groups());
    expect(quantisedOperators(graph).nodes).toEqual(graph.nodes);
  });
});
