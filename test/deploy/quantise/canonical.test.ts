import { describe, expect, test } from 'vitest';
import type { Graph, Node, Tensor } from '../../../src/deploy/graph/graph.ts';
import { canonical } from '../../../src/deploy/quantise/canonical.ts';
import { samplesFrom } from '../../../src/deploy/quantise/samples.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

/** A graph over x [2, 4] of nodes `op out in…`, with constants of one value or a row. */
function graphOf(lines: readonly string[], constants: Readonly<Record<string, readonly number[]>>): Graph {
  const tensors = new Map<string, Tensor>([['x', { name: 'x', type: 'float32', shape: [2, 4] }]]);
  for (const [name, values] of Object.entries(constants)) {
    const shape = values.length === 1 ? [] : values.length > 4 ? [values.length / 4, 4] : [values.length];
    tensors.set(name, { name, type: 'float32', shape, data: Float32Array.from(values) });
  }
  const nodes = lines.map((line): Node => {
    const [op, output, ...inputs] = line.split(' ');
    const attributes: Node['attributes'] =
      op === 'Gemm' ? { transB: 1 } : op === 'ReduceMean' ? { axes: [-1] } : {};
    return { name: output, op, domain: '', inputs, outputs: [output], attributes };
  });
  return { name: 'chain', inputs: ['x'], outputs: ['y'], tensors, nodes, metadata: {} };
}

const ops = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);
const X = Float32Array.of(-2, -0.5, 0.25, 1, 3, -1, 0.75, 2);

describe('the canonical form', () => {
  const erf = ['Div d x root', 'Erf e d', 'Add s e one'];
  const numbers = { root: [Math.SQRT2], one: [1], half: [0.5], inverse: [Math.SQRT1_2] };
  test.each([
    ['half of the product', [...erf, 'Mul p x s', 'Mul y p half']],
    ['half of x', [...erf, 'Mul h x half', 'Mul y h s']],
    ['half of the sum, first', [...erf, 'Mul h half s', 'Mul y x h']],
    [
      'a product instead of a quotient',
      ['Mul d inverse x', 'Erf e d', 'Add s one e', 'Mul p s x', 'Mul y half p'],
    ],
  ])('makes one Gelu of its chain: %s', (_, lines) => {
    const graph = canonical(graphOf(lines, numbers));
    expect(ops(graph)).toEqual(['Gelu']);
    expect(graph.nodes[0].inputs).toEqual(['x']);
  });

  test('leaves a chain that is no Gelu as it is', () => {
    expect(ops(canonical(graphOf([...erf, 'Mul y x s'], numbers)))).toEqual(['Div', 'Erf', 'Add', 'Mul']);
  });

  test('makes one LayerNormalization of its chain', () => {
    const graph = canonical(
      graphOf(
        [
          'ReduceMean m x',
          'Sub c x m',
          'Pow q c two',
          'ReduceMean v q',
          'Add a v eps',
          'Sqrt r a',
          'Div n c r',
          'Mul w n gain',
          'Add y w bias',
        ],
        { two: [2], eps: [1e-5], gain: [1, 2, 3, 4], bias: [0, 1, 0, 1] },
      ),
    );
    expect(ops(graph)).toEqual(['LayerNormalization']);
    expect(graph.nodes[0].inputs).toEqual(['x', 'gain', 'bias']);
  });

  test('makes MatMul and Add of Gemm, with the same result', () => {
    const graph = canonical(graphOf(['Gemm y x w b'], { w: [1, 2, 3, 4, 5, 6, 7, 8], b: [10, 20] }));
    expect(ops(graph)).toEqual(['MatMul', 'Add']);
    const y = evaluate(graph, new Map([['x', X]])).get('y');
    expect([...(y ?? [])].map(Number)).toEqual([11.75, 16.75, 21.25, 50.25]);
  });
});

describe('samples of an archive', () => {
  const graph = graphOf(['Relu y x'], {});
  test('lie along a first axis, or are one', () => {
    const data = Float32Array.from({ length: 16 }, (_, i) => i);
    const two = samplesFrom(graph, new Map([['x', { type: 'float32', shape: [2, 2, 4], data }]]), 'c.npz');
    expect(two.map((sample) => [...(sample.get('x') ?? [])][0])).toEqual([0, 8]);
    expect(
      samplesFrom(graph, new Map([['x', { type: 'float32', shape: [2, 4], data: X }]]), 'c.npz'),
    ).toHaveLength(1);
  });

  test('of another shape are refused by name', () => {
    const arrays = new Map([['x', { type: 'float32' as const, shape: [8], data: X }]]);
    expect(() => samplesFrom(graph, arrays, 'c.npz')).toThrow(
      'c.npz: array x has shape (8), expected (2, 4)',
    );
    expect(() => samplesFrom(graph, new Map(), 'c.npz')).toThrow('c.npz: there is no array x');
  });
});
