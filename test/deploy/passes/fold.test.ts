import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { foldConstants } from '../../../src/deploy/passes/fold.ts';
import { DeployError } from '../../../src/errors.ts';

/** y = x reshaped to [x.shape[0], what is left], as exporters write a flattening. */
function flattening(): ReturnType<GraphBuilder['build']> {
  const b = new GraphBuilder();
  const x = b.input('x', 'int8', [2, 3, 4]);
  const int64 = (name: string, ...values: number[]): string =>
    b.constant(name, 'int64', [values.length], values);
  const shape = b.node('Shape', 'shape', [x]);
  const first = b.node('Gather', 'first', [shape, int64('zero', 0)]);
  b.node('Concat', 'wanted', [first, int64('rest', -1)], { attributes: { axis: 0 } });
  return b.build('g');
}

describe('constant folding', () => {
  test('works out the shape of a Reshape', () => {
    const graph = flattening();
    const nodes = [
      ...graph.nodes,
      { name: 'y', op: 'Reshape', domain: '', inputs: ['x', 'wanted'], outputs: ['y'], attributes: {} },
    ];
    const folded = foldConstants({ ...graph, nodes, outputs: ['y'] });
    expect(folded.nodes.map(({ op }) => op)).toEqual(['Reshape']);
    expect(folded.tensors.get('wanted')?.data).toEqual(BigInt64Array.of(2n, -1n));
    expect([...folded.tensors.keys()].sort()).toEqual(['wanted', 'x']);
    expect(inferShapes(folded).tensors.get('y')?.shape).toEqual([2, 12]);
  });

  test('leaves graph outputs, scales and what depends on inputs', () => {
    const b = new GraphBuilder();
    const weight = b.constant('w', 'int8', [2], [1, 2]);
    const scale = b.constant('s', 'float32', [], [0.5]);
    b.node('DequantizeLinear', 'real', [weight, scale]);
    b.output(b.node('Identity', 'copy', [weight]));
    b.output(b.node('Add', 'sum', [b.input('x', 'int8', [2]), weight]));
    const graph = b.build('g');
    expect(foldConstants(graph)).toBe(graph);
  });

  test('refuses a constant that is no integer', () => {
    const b = new GraphBuilder();
    const [one, none] = [1, 0].map((value) => b.constant(`c${value}`, 'int64', [1], [value]));
    const d = b.node('Div', 'd', [one, none]);
    b.output(b.node('Add', 'y', [b.input('x', 'int64', [1]), d]));
    expect(() => foldConstants(b.build('g'))).toThrow(DeployError);
    expect(() => foldConstants(b.build('g'))).toThrow(
      'node d (Div): element 0 of its constant result is Infinity, which is no int64',
    );
  });
});
