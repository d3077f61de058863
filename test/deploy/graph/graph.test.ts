import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import { check, GRAPH_INVARIANTS } from '../../../src/deploy/graph/check.ts';
import type { Attribute, Graph, Node, Tensor } from '../../../src/deploy/graph/graph.ts';
import { inferNode, inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { topological } from '../../../src/deploy/graph/topological.ts';
import { DeployError } from '../../../src/errors.ts';

const node = (name: string, inputs: string[], outputs: string[], op = 'Relu'): Node => ({
  name,
  op,
  domain: '',
  inputs,
  outputs,
  attributes: {},
});

describe('topological order', () => {
  test('leaves nodes that are in order where they are', () => {
    const nodes = [node('a', ['x'], ['p']), node('b', ['x'], ['q']), node('c', ['p', 'q'], ['r'])];
    expect(topological(nodes, new Set(['x']), 'g')).toEqual(nodes);
  });
  test('orders a chain of 100,000 reversed nodes without exhausting the stack', () => {
    const chain = Array.from({ length: 100_000 }, (_, i) => node(`n${i}`, [`t${i}`], [`t${i + 1}`]));
    expect(topological(chain.toReversed(), new Set(['t0']), 'g')).toEqual(chain);
  });
  test('names the nodes of a cycle, and only those', () => {
    const nodes = [
      node('a', ['x', 'r'], ['p']),
      node('b', ['p'], ['q']),
      node('c', ['q'], ['r']),
      node('d', ['r'], ['s']),
    ];
    expect(() => topological(nodes, new Set(['x']), 'g')).toThrow('g: the nodes a ← c ← b ← a form a cycle');
  });
});

/** A small valid graph, and ways to break it. */
function valid(): Graph {
  const b = new GraphBuilder();
  const w = b.constant('w', 'int8', [2, 2], [1, 2, 3, 4]);
  b.output(b.node('MatMul', 'm', [b.input('x', 'int8', [2, 2]), w]));
  return b.build('g');
}

const withTensor = (tensor: Partial<Tensor>, key = 'w'): Graph => {
  const graph = valid();
  return {
    ...graph,
    tensors: new Map(graph.tensors).set(key, { ...(graph.tensors.get('w') as Tensor), ...tensor }),
  };
};

describe('check', () => {
  test('accepts a valid graph and returns it', () => {
    const graph = valid();
    expect(check(graph)).toBe(graph);
  });

  const BROKEN: Record<string, [Graph, string]> = {
    'a tensor under another name': [withTensor({ name: 'v' }), 'v is filed as w'],
    'data that does not fill the shape': [
      withTensor({ shape: [3, 2] }),
      'w has 4 elements for the shape [3, 2]',
    ],
    'data in the wrong array': [withTensor({ type: 'uint8' }), 'w is uint8 but held in a Int8Array'],
    'a shape that is not whole': [
      withTensor({ name: 'm', data: undefined, shape: [0.5] }, 'm'),
      'm has the shape [0.5]',
    ],
    'two nodes of one name': [
      { ...valid(), nodes: [...valid().nodes, node('m', ['x'], ['z'])] },
      'two nodes are named m',
    ],
    'a node before its producer': [
      { ...valid(), nodes: [node('early', ['m'], ['z']), ...valid().nodes] },
      'early reads m before anything produces it',
    ],
    'a tensor produced twice': [
      { ...valid(), nodes: [...valid().nodes, node('again', ['x'], ['m'])] },
      'again produces m, which exists already',
    ],
    'an output without a producer': [{ ...valid(), outputs: ['z'] }, 'nothing produces the graph output z'],
    'an undescribed tensor': [
      { ...valid(), nodes: [...valid().nodes, node('r', ['m'], ['z'])] },
      'z, an output of r, has no type and shape',
    ],
  };
  test.each(Object.entries(BROKEN))('refuses %s', (_, [graph, message]) => {
    expect(() => check(graph)).toThrow(DeployError);
    expect(() => check(graph)).toThrow(`graph g: ${message}`);
  });

  test('names the invariant that is broken', () => {
    expect(() => check({ ...valid(), outputs: ['z'] }, GRAPH_INVARIANTS)).toThrow(
      '(required: each tensor has one producer',
    );
  });
});

const infer = (
  op: string,
  inputs: readonly Partial<Tensor>[],
  attributes: Record<string, Attribute> = {},
): Tensor => {
  const tensors = new Map<string, Tensor>(
    inputs.map((t, i) => [`i${i}`, { name: `i${i}`, type: 'int8', shape: [], ...t }]),
  );
  return inferNode({ ...node('n', [...tensors.keys()], ['y'], op), attributes }, tensors);
};
const of = (...shape: number[]): Partial<Tensor> => ({ shape });
const list = (...values: number[]): Partial<Tensor> => ({
  type: 'int32',
  shape: [values.length],
  data: Int32Array.from(values),
});

describe('shape inference', () => {
  test.each([
    ['MatMul', [of(2, 3), of(3, 4)], {}, 'int32', [2, 4]],
    ['MatMul', [of(5, 1, 2, 3), of(6, 3, 4)], {}, 'int32', [5, 6, 2, 4]],
    ['MatMul', [{ shape: [2, 3], type: 'float32' as const }, of(3, 4)], {}, 'float32', [2, 4]],
    ['Add', [of(4, 1), of(3)], {}, 'int32', [4, 3]],
    ['Relu', [of(4, 1)], {}, 'int8', [4, 1]],
    ['RequantShift', [of(2, 3), of(1), of(1)], { signed: 0, div: 4 }, 'uint8', [2, 3]],
    ['Transpose', [of(2, 3, 4)], {}, 'int8', [4, 3, 2]],
    ['Transpose', [of(2, 3, 4)], { perm: [0, 2, 1] }, 'int8', [2, 4, 3]],
    ['Gather', [of(9, 7), of(2, 3)], {}, 'int8', [2, 3, 7]],
    ['Gather', [of(9, 7), of(2)], { axis: -1 }, 'int8', [9, 2]],
    ['Concat', [of(2, 3), of(2, 5)], { axis: 1 }, 'int8', [2, 8]],
    ['Reshape', [of(2, 6), list(0, -1, 3)], {}, 'int8', [2, 2, 3]],
    ['Slice', [of(8, 6), list(1), list(-1)], {}, 'int8', [6, 6]],
    ['Slice', [of(8, 6), list(-1), list(-100), list(0), list(-3)], {}, 'int8', [3, 6]],
    ['ITAPartialMax', [of(2, 3)], { softmax_shift: 0 }, 'uint8', [2, 3]],
    ['iNoNorm', [of(2, 3), of(3), of(3)], {}, 'int8', [2, 3]],
  ] as const)('%s of %j with %j is %s %j', (op, inputs, attributes, type, shape) => {
    expect(infer(op, inputs, attributes)).toMatchObject({ type, shape });
  });

  test.each([
    ['Softplus', [of(1)], {}, 'node n: operator Softplus is not supported; supported are Abs, Add,'],
    ['MatMul', [of(2, 3), of(4, 5)], {}, 'node n (MatMul): [2, 3] times [4, 5]: inner sizes 3 and 4 differ'],
    ['Add', [of(2), of(3)], {}, 'node n (Add): shapes [2] and [3] do not broadcast'],
    ['Add', [of(2)], {}, 'node n (Add): has 1 inputs, expected 2'],
    ['Concat', [of(2, 3), of(3, 3)], { axis: 1 }, 'i1 of shape [3, 3] does not join [2, 3] along axis 1'],
    ['Concat', [of(2)], {}, 'node n (Concat) lacks the attribute axis'],
    ['Gather', [of(2), of(2)], { axis: 1 }, 'node n (Gather): axis 1 lies outside the 1 dimensions'],
    ['Reshape', [of(6), list(4)], {}, 'node n (Reshape): [6] does not reshape to [4]'],
    ['Reshape', [of(6), of(1)], {}, 'node n (Reshape): its shape must be a constant'],
    ['Transpose', [of(2, 2)], { perm: [0, 0] }, 'perm [0, 0] is no permutation of the 2 dimensions'],
    ['iNoNorm', [of(2, 3), of(2), of(3)], {}, 'node n (iNoNorm): shapes [2, 3] and [2] do not broadcast'],
  ] as const)('%s of %j with %j is refused: %s', (op, inputs, attributes, message) => {
    expect(() => infer(op, inputs, attributes)).toThrow(DeployError);
    expect(() => infer(op, inputs, attributes)).toThrow(message);
  });

  test('a declared shape that disagrees is refused', () => {
    const graph = valid();
    const tensors = new Map(graph.tensors).set('m', { name: 'm', type: 'int32', shape: [4] });
    expect(() => inferShapes({ ...graph, tensors })).toThrow(
      'node m (MatMul): produces [2, 2], but m is declared as [4]',
    );
  });
});
