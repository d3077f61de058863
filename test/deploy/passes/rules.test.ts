import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import {
  elements,
  type Graph,
  type Node,
  type Tensor,
  type TensorData,
} from '../../../src/deploy/graph/graph.ts';
import { fuse } from '../../../src/deploy/passes/fuse.ts';
import { RULES } from '../../../src/deploy/passes/rules.ts';
import { rewrite } from '../../../src/deploy/passes/rewrite.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { bytes, Network } from '../networks.ts';

const shape = (graph: Graph): string[] => graph.nodes.map(({ op, inputs }) => `${op} ${inputs.join(' ')}`);
const only = (graph: Graph): Node => {
  expect(graph.nodes).toHaveLength(1);
  return graph.nodes[0];
};

/** One network per rule, and what the rules up to it make of it. */
const CASES: Readonly<
  Record<string, { readonly network: (n: Network) => string[]; readonly fused: readonly string[] }>
> = {
  'MatMul, Add and RequantShift become Linear': {
    network: (n) => [n.linear('y', n.input('x', 64, 64), 128)],
    fused: ['Linear x y/weight y/bias'],
  },
  'MatMul and RequantShift become Linear without bias': {
    network: (n) => [n.linear('y', n.input('x', 64, 64), 128, { bias: false })],
    fused: ['Linear x y/weight'],
  },
  'Gemm with a bias and RequantShift become Linear': {
    network: (n) => [n.requant('y', gemm(n, { transB: 1 }, true))],
    fused: ['Linear x w.transposed b'],
  },
  'Gemm and RequantShift become Linear without bias': {
    network: (n) => [n.requant('y', gemm(n, {}, false))],
    fused: ['Linear x w'],
  },
  'Relu after Linear is its activation': {
    network: (n) => [n.linear('y', n.input('x', 64, 64), 128, { relu: true })],
    fused: ['Linear x y/weight y/bias'],
  },
  'an addend that the accelerator does not take moves into the bias of Linear': {
    network: (n) => [n.linear('y', n.input('x', 64, 64), 128, { add: 12_345 })],
    fused: ['Linear x y/weight y/bias_'],
  },
  'MatMul, softmax and MatMul become AttentionHead': {
    network: (n) => [n.attention('o', n.input('q', 64, 64), n.input('k', 64, 64), n.input('v', 64, 64))],
    fused: ['AttentionHead q k v'],
  },
  'a Linear that feeds the values of AttentionHead is produced transposed': {
    network: (n) => [
      n.attention('o', n.input('q', 64, 64), n.input('k', 64, 64), n.linear('v', n.input('x', 64, 64), 64)),
    ],
    fused: ['Linear x v/weight v/bias', 'AttentionHead q k v.transposed'],
  },
  'Gather of table rows becomes GatherRows': {
    network: (n) => {
      const table = n.graph.constant('table', 'int8', [9, 4], new Int8Array(36).fill(1));
      return [
        n.graph.node('Gather', 'y', [table, n.graph.input('ids', 'int32', [6])], { attributes: { axis: 0 } }),
      ];
    },
    fused: ['GatherRows table ids'],
  },
  'Concat of a gather with its moved copies is one GatherRows': {
    network: (n) => [trigram(n)],
    fused: ['GatherRows table ids'],
  },
  'Add of tensors becomes Sum, sums of sums one Sum': {
    network: (n) => [n.add('y', n.add('ab', n.input('a', 4, 4), n.input('b', 4, 4)), n.input('c', 4, 4))],
    fused: ['Sum a b c'],
  },
  'RequantShift of Sum becomes RequantSum': {
    network: (n) => [n.requant('y', n.add('ab', n.input('a', 4, 4), n.input('b', 4, 4)))],
    fused: ['RequantSum a b'],
  },
  'iNoNorm of Sum becomes NormSum': {
    network: (n) => [n.norm('y', n.add('ab', n.input('a', 4, 4), n.input('b', 4, 4)))],
    fused: ['NormSum y/weight y/bias a b'],
  },
  'iNoNorm becomes NormSum of one tensor': {
    network: (n) => [n.norm('y', n.input('a', 4, 4))],
    fused: ['NormSum y/weight y/bias a'],
  },
  'MatMul with a transposed right operand is a Gemm': {
    network: (n) => {
      const turned = n.graph.node('Transpose', 'turned', [n.input('b', 5, 6)], {
        attributes: { perm: [1, 0] },
      });
      return [n.graph.node('MatMul', 'y', [n.input('a', 4, 6), turned])];
    },
    fused: ['Gemm a b'],
  },
  'MatMul and the Add of a constant are a Gemm': {
    network: (n) => {
      const product = n.graph.node('MatMul', 'product', [n.input('a', 4, 6), n.input('b', 6, 3)]);
      const bias = n.graph.constant('bias', 'int32', [3], [5, -900, 70]);
      return [n.graph.node('Add', 'y', [bias, product])];
    },
    fused: ['Gemm a b bias'],
  },
  'MatMul by bytes that are no constant is a Gemm with them transposed': {
    network: (n) => [n.graph.node('MatMul', 'y', [n.input('a', 16, 24), n.input('b', 24, 8)])],
    fused: ['Transpose b', 'Gemm a b.along'],
  },
};

/** x [64, 48] times w [48, 32], given as the attributes say. */
function gemm(n: Network, attributes: Readonly<Record<string, number>>, biased: boolean): string {
  const { graph } = n;
  const shape = attributes.transB === 1 ? [32, 48] : [48, 32];
  const w = graph.constant('w', 'int8', shape, bytes(48 * 32, 5));
  const b = biased ? [graph.constant('b', 'int32', [32], Int32Array.from(bytes(32, 6)))] : [];
  return graph.node('Gemm', 'gemm', [n.input('x', 64, 48), w, ...b], { attributes });
}

/** Repeatable inputs: indices for look-ups, any values for the rest. */
function inputsOf(graph: Graph): Map<string, TensorData> {
  return new Map(
    graph.inputs.map((name, i) => {
      const { type, shape } = graph.tensors.get(name) as Tensor;
      const values = bytes(elements(shape), i + 17);
      return [name, type === 'int32' ? Int32Array.from(values, (v) => Math.abs(v) % 9) : values];
    }),
  );
}

/** Rows of a table joined with the rows before and after, zeros beyond the ends. */
function trigram(n: Network, zero = 0): string {
  const { graph } = n;
  const table = graph.constant('table', 'int8', [9, 4], new Int8Array(36).fill(1));
  const word = graph.node('Gather', 'word', [table, graph.input('ids', 'int32', [6])]);
  const nothing = graph.constant('nothing', 'int8', [1, 4], new Int8Array(4).fill(zero));
  const at = (name: string, value: number): string => graph.constant(name, 'int64', [1], [value]);
  const head = graph.node('Slice', 'head', [word, at('head/start', 0), at('head/end', -1)]);
  const tail = graph.node('Slice', 'tail', [word, at('tail/start', 1), at('tail/end', 6)]);
  const before = graph.node('Concat', 'before', [nothing, head], { attributes: { axis: 0 } });
  const after = graph.node('Concat', 'after', [tail, nothing], { attributes: { axis: 0 } });
  return graph.node('Concat', 'y', [before, word, after], { attributes: { axis: -1 } });
}

describe.each(RULES.map((rule, i) => ({ name: rule.name, upTo: RULES.slice(0, i + 1) })))(
  '$name',
  ({ name, upTo }) => {
    const { network, fused } = CASES[name];
    const build = (): Graph => {
      const n = new Network();
      return n.build(...network(n));
    };

    test('is what the rules up to it do', () => {
      expect(shape(upTo.reduce(rewrite, build()))).toEqual(fused);
    });

    test('leaves a graph that keeps its invariants', () => {
      expect(() => check(upTo.reduce(rewrite, build()))).not.toThrow();
    });

    test('computes what the network did', () => {
      const network = build();
      const inputs = inputsOf(network);
      expect(evaluate(upTo.reduce(rewrite, network), inputs)).toEqual(evaluate(network, inputs));
    });

    test('is not done by the other rules', () => {
      const others = upTo.slice(0, -1).reduce(rewrite, build());
      expect(shape(others)).not.toEqual(shape(rewrite(others, upTo[upTo.length - 1])));
    });
  },
);

/** One head whose keys have the same shape before and after their Transpose. */
function squareHead(perm?: readonly number[]): Graph {
  const n = new Network();
  const [q, k, v] = ['q', 'k', 'v'].map((name) => n.input(name, 64, 64));
  return n.build(n.attention('o', q, k, v, { perm }));
}

describe('fuse', () => {
  test('keeps the constants of a linear layer, its activation and where it came from', () => {
    const n = new Network();
    const { attributes } = only(
      fuse(n.build(n.linear('y', n.input('x', 64, 64), 64, { relu: true, mul: 7, shift: 9 }))),
    );
    expect(attributes).toMatchObject({ mul: 7, add: 256, shift: 9, relu: 1 });
    expect(attributes.sources).toBe('y/matmul, y/add, y/requant, y');
  });

  test('keeps the offsets of a trigram in the order of its parts', () => {
    const n = new Network();
    expect(only(fuse(n.build(trigram(n)))).attributes.offsets).toEqual([-1, 0, 1]);
  });

  test('does not take rows moved in for zeros when they are not', () => {
    const n = new Network();
    expect(fuse(n.build(trigram(n, 1))).nodes.map(({ op }) => op)).toContain('Concat');
  });

  test('takes a product with keys for attention only where Transpose swaps their axes', () => {
    for (const perm of [undefined, [1, 0]]) expect(only(fuse(squareHead(perm))).op).toBe('AttentionHead');
    expect(fuse(squareHead([0, 1])).nodes.map(({ op }) => op)).not.toContain('AttentionHead');
  });

  test('keeps a value that has further readers', () => {
    const n = new Network();
    const before = n.linear('v', n.input('x', 64, 64), 64);
    const head = n.attention('o', n.input('q', 64, 64), n.input('k', 64, 64), before);
    const fused = fuse(n.build(head, n.norm('y', before)));
    expect(shape(fused)).toContain('Linear x v/weight v/bias');
    expect(fused.nodes.map((node) => node.outputs[0])).toEqual(['v', 'v.transposed', 'o', 'y']);
  });

  test('leaves what nothing takes up as it is', () => {
    const n = new Network();
    const x = n.input('x', 64, 64);
    const graph = n.build(n.graph.node('Max', 'most', [x, n.linear('w', x, 64)]));
    expect(shape(fuse(graph))).toEqual(['Linear x w/weight w/bias', 'Max x w']);
  });

  test('leaves a requantisation by channel, and what was declined before, with the reason', () => {
    const n = new Network();
    const x = n.add('ab', n.input('a', 4, 4), n.input('b', 4, 4));
    const [mul, add] = ['mul', 'add'].map((name) => n.graph.constant(name, 'int32', [4], [1, 2, 3, 4]));
    const graph = n.build(n.graph.node('RequantShift', 'y', [x, mul, add], { attributes: { div: 8 } }));
    const declined = new Map([['ab', 'for a reason']]);
    expect(shape(fuse(graph, declined))).toEqual(['Add a b', 'RequantShift ab mul add']);
    declined.delete('ab');
    expect(shape(fuse(graph, declined))).toEqual(['Sum a b', 'RequantShift ab mul add']);
    expect(declined.get('y')).toBe(
      'node y (RequantShift): mul has 4 values, expected one for the whole tensor',
    );
  });
});
