import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import type { Graph, TensorData } from '../../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { importNetwork } from '../../../src/deploy/import.ts';
import { parseNpz } from '../../../src/deploy/npz.ts';
import { emitOnnx } from '../../../src/deploy/onnx/emit.ts';
import { parseOnnx } from '../../../src/deploy/onnx/parse.ts';
import { fuse } from '../../../src/deploy/passes/fuse.ts';
import { applied, passNames, type PassOptions } from '../../../src/deploy/passes/pass.ts';
import { NETWORK_PASSES, optimise, PASSES } from '../../../src/deploy/passes/passes.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { fromNumbers, numeric } from '../../../src/deploy/graph/elements.ts';
import { bytes } from '../networks.ts';
import { sampleInputs } from '../samples.ts';
import { readShared, testWith } from '../shared.ts';
import { plainAttention } from './plain.ts';

const LIMITS = { softmaxShift: 0 };
const ops = (graph: Graph): string => graph.nodes.map(({ op }) => op).join(' ');

/** Checks the network after every pass, written and read again, against the one before all. */
function everyPassPreserves(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData> = sampleInputs(graph),
  options: PassOptions = {},
): { graph: Graph; passes: string[] } {
  const expected = evaluate(graph, inputs);
  const passes: string[] = [];
  const observe: PassOptions['observe'] = ({ pass }, after) => {
    passes.push(pass);
    const read = inferShapes(parseOnnx(emitOnnx(check(after)), pass));
    expect(evaluate(read, inputs), `after ${pass}`).toEqual(expected);
  };
  const own = { ...options, observe };
  return { graph: fuse(optimise(graph, LIMITS, own), new Map(), own), passes };
}

/** What one network pass makes of a network of its own. */
const CASES: Readonly<
  Record<string, { readonly network: (b: GraphBuilder) => string; readonly after: string }>
> = {
  'fold-constants': {
    network: (b) => {
      const w = b.node('Transpose', 'turned', [b.constant('w', 'int8', [3, 4], bytes(12))]);
      return b.node('MatMul', 'y', [b.input('x', 'int8', [2, 4]), w]);
    },
    after: 'MatMul',
  },
  decompose: {
    network: (b) =>
      b.node(
        'RequantizedGemm',
        'y',
        [
          b.input('x', 'int8', [2, 4]),
          b.constant('w', 'int8', [4, 3], bytes(12)),
          b.constant('add', 'int32', [3], [5, 6, 7]),
          b.constant('mul', 'int32', [1], [3]),
        ],
        { attributes: { div: 64, n_levels_out: 256, signed: 1 } },
      ),
    after: 'Gemm RequantShift',
  },
  'remove-idle': {
    network: (b) => b.node('Relu', 'y', [b.node('Identity', 'same', [b.input('x', 'int8', [2, 3])])]),
    after: 'Relu',
  },
  reshape: {
    network: (b) => b.node('Flatten', 'y', [b.input('x', 'int8', [2, 3, 4])]),
    after: 'Reshape',
  },
  'fuse-attention': {
    network: (b) => attention(b),
    after:
      'MatMul Add RequantShift Reshape Reshape Reshape MultiHeadAttention Reshape Transpose Reshape Reshape',
  },
  'split-heads': {
    network: (b) =>
      b.node(
        'MultiHeadAttention',
        'y',
        ['q', 'k', 'v'].map((name) => b.input(name, 'int8', [4, 6])),
        {
          attributes: {
            heads: 2,
            softmax_shift: 0,
            ...Object.fromEntries(['logits_mul', 'mul'].map((name) => [name, [5, 3]])),
            ...Object.fromEntries(['logits_add', 'add'].map((name) => [name, [7, 9]])),
            ...Object.fromEntries(['logits_shift', 'shift'].map((name) => [name, [9, 8]])),
          },
        },
      ),
    after: [
      'Slice Slice Slice Transpose MatMul RequantShift ITAPartialMax MatMul RequantShift',
      'Slice Slice Slice Transpose MatMul RequantShift ITAPartialMax MatMul RequantShift Concat',
    ].join(' '),
  },
  'split-projections': {
    network: (b) => {
      const x = b.input('x', 'int8', [8, 6]);
      const split = b.node('Reshape', 'split', [x, b.constant('split/shape', 'int64', [3], [8, 2, 3])]);
      const heads = b.node('Transpose', 'heads', [split], { attributes: { perm: [1, 0, 2] } });
      const product = b.node('MatMul', 'product', [heads, b.constant('w', 'int8', [2, 3, 4], bytes(24))]);
      const [mul, add] = ['mul', 'add'].map((name) => b.constant(name, 'int32', [2, 1, 1], [3, 5]));
      const terms = b.node('RequantShift', 'terms', [product, mul, add], {
        attributes: { div: 512, n_levels_out: 256, signed: 1 },
      });
      const axes = b.constant('axes', 'int64', [1], [0]);
      return b.node('ReduceSum', 'y', [terms, axes], { attributes: { keepdims: 0 } });
    },
    after: 'Slice MatMul RequantShift Slice MatMul RequantShift Add',
  },
  'compose-moves': {
    network: (b) => {
      const turned = b.node('Transpose', 'turned', [b.input('x', 'int8', [2, 3, 4])], {
        attributes: { perm: [0, 2, 1] },
      });
      const shaped = b.node('Reshape', 'shaped', [turned, b.constant('shape', 'int64', [4], [2, 4, 1, 3])]);
      const back = b.node('Transpose', 'back', [shaped], { attributes: { perm: [0, 2, 3, 1] } });
      return b.node('Relu', 'y', [back]);
    },
    after: 'Reshape Relu',
  },
  'share-constants': {
    network: (b) => {
      const [c, d] = ['c', 'd'].map((name) => b.constant(name, 'int8', [3], [1, 2, 3]));
      const sum = b.node('Add', 'sum', [b.input('x', 'int8', [2, 3]), c]);
      return b.node('Mul', 'y', [sum, d]);
    },
    after: 'Add Mul',
  },
  'share-nodes': {
    network: (b) => {
      const x = b.input('x', 'int8', [2, 3]);
      return b.node('Add', 'y', [b.node('Abs', 'a', [x]), b.node('Abs', 'b', [x])]);
    },
    after: 'Abs Add',
  },
  'remove-dead': {
    network: (b) => {
      const x = b.input('x', 'int8', [2, 3]);
      b.node('Abs', 'unread', [x]);
      return b.node('Neg', 'y', [x]);
    },
    after: 'Neg',
  },
};

/** Attention of two heads on inputs that are no linear layers, but for the keys. */
function attention(b: GraphBuilder): string {
  const shape = (name: string, ...values: number[]): string =>
    b.constant(name, 'int64', [values.length], values);
  const heads = (name: string, x: string, perm: readonly number[]): string =>
    b.node(
      'Transpose',
      name,
      [b.node('Reshape', `${name}/split`, [x, shape(`${name}/shape`, 1, 64, 2, 4)])],
      {
        attributes: { perm },
      },
    );
  const requant = (name: string, x: string): string =>
    b.node(
      'RequantShift',
      name,
      [x, b.constant(`${name}/mul`, 'int32', [], [3]), b.constant(`${name}/add`, 'int32', [], [128])],
      { attributes: { div: 256, n_levels_out: 256, signed: 1 } },
    );
  const [x, v] = ['x', 'v'].map((name) => b.input(name, 'int8', [1, 64, 8]));
  const product = b.node('MatMul', 'key/product', [x, b.constant('w', 'int8', [8, 8], bytes(64))]);
  const key = requant(
    'key',
    b.node('Add', 'key/sum', [product, b.constant('b', 'int32', [8], [1, 2, 3, 4, 5, 6, 7, 8])]),
  );
  const logits = b.node('MatMul', 'qk', [heads('q', x, [0, 2, 1, 3]), heads('k', key, [0, 2, 3, 1])]);
  const softmax = b.node('ITAPartialMax', 'softmax', [requant('logits', logits)], {
    domain: 'octet',
    attributes: { softmax_shift: 0 },
  });
  const mixed = b.node('MatMul', 'av', [softmax, heads('values', v, [0, 2, 1, 3])]);
  return b.node('Reshape', 'y', [requant('context', mixed), shape('shape', 2, 64, 4)]);
}

describe.each(NETWORK_PASSES)('the pass $name', (pass) => {
  const build = (): Graph => {
    const b = new GraphBuilder();
    b.output(CASES[pass.name].network(b));
    return b.build('case');
  };

  test('does what it says', () => {
    const before = build();
    const after = check(applied(pass, before, LIMITS));
    expect(ops(after)).toBe(CASES[pass.name].after);
    if (pass.name === 'share-constants') expect(after.nodes[1].inputs[1]).toBe('c');
    else expect(ops(after)).not.toBe(ops(before));
  });

  test('preserves every element', () => {
    const before = build();
    const inputs = sampleInputs(before);
    expect(evaluate(applied(pass, before, LIMITS), inputs)).toEqual(evaluate(before, inputs));
  });

  test('has nothing left to do afterwards', () => {
    const after = applied(pass, build(), LIMITS);
    expect(ops(applied(pass, after, LIMITS))).toBe(ops(after));
  });
});

test('tensors without elements keep their shape, which a Reshape would read as the one before', () => {
  const graph = new GraphBuilder();
  const x = graph.input('x', 'int8', [0, 8, 2]);
  const axes = graph.constant('axes', 'int64', [1], [0]);
  graph.output(graph.node('Unsqueeze', 'y', [x, axes]));
  const { graph: after } = everyPassPreserves(graph.build('empty'));
  expect(after.tensors.get('y')?.shape).toEqual([1, 0, 8, 2]);
});

describe('attention as exporters write it', () => {
  const HEAD = 'Linear Linear Linear AttentionHead';

  test.each([
    ['with one output projection', {}, `Reshape ${HEAD} ${HEAD} Concat Reshape Linear`],
    ['without a leading dimension', { batch: false }, `${HEAD} ${HEAD} Concat Linear`],
    ['of one head with leading dimensions', { heads: 1, headSize: 64 }, `Reshape ${HEAD} Reshape Linear`],
    [
      'with a projection for each head',
      { batch: false, summed: true, perHead: true, heads: 4 },
      `${HEAD} ${HEAD} ${HEAD} ${HEAD} Linear Linear Linear Linear RequantSum`,
    ],
  ])('%s becomes one run for each head', (_, options, expected) => {
    const { graph, passes } = everyPassPreserves(plainAttention(options));
    expect(ops(graph)).toBe(expected);
    expect(passes).toContain('fuse-attention');
  });

  test('stays as it is where the softmax is not that of the machine, or the sequence no whole tiles', () => {
    for (const options of [{ softmaxShift: 5 }, { sequence: 48 }]) {
      const { passes } = everyPassPreserves(plainAttention(options));
      expect(passes).not.toContain('fuse-attention');
    }
  });

  test('gives each head its own bias of the projections, none where all its values are zero', () => {
    const graph = optimise(plainAttention({ batch: false, summed: true }), LIMITS);
    const biased = graph.nodes.filter(({ op, name }) => op === 'Add' && name.startsWith('heads/head'));
    expect(biased.map(({ name }) => name)).toEqual(['heads/head_0/output/add']);
  });
});

/** One step of a random network: adds nodes behind `x` and returns the new end. */
const GROW: readonly ((b: GraphBuilder, name: string, x: string, seed: number) => string)[] = [
  (b, name, x, seed) => {
    const rank = b.tensors.get(x)?.shape.length ?? 0;
    const axes = Array.from({ length: rank }, (_, i) => i);
    const perm = axes.map((axis) => (axis + seed) % rank);
    return b.node('Transpose', name, [x], {
      attributes: { perm: seed % 2 === 0 ? perm : perm.toReversed() },
    });
  },
  (b, name, x, seed) => {
    const count = (b.tensors.get(x)?.shape ?? []).reduce((n, d) => n * d, 1);
    const shapes = [
      [count],
      [1, count],
      [count / 2, 2],
      [2, count / 4, 1, 2],
      [4, count / 4],
      [count / 8, 2, 4],
    ];
    const shape = shapes[seed % shapes.length];
    return b.node('Reshape', name, [x, b.constant(`${name}/shape`, 'int64', [shape.length], shape)]);
  },
  (b, name, x) => b.node('Identity', name, [x]),
  (b, name, x) => b.node('Flatten', name, [x]),
  (b, name, x) => b.node('Unsqueeze', name, [x, b.constant(`${name}/axes`, 'int64', [1], [0])]),
  (b, name, x) => b.node('Relu', name, [x]),
  (b, name, x) => clipped(b, name, b.node('Add', `${name}/sum`, [x, x])),
  (b, name, x, seed) => {
    const columns = b.tensors.get(x)?.shape.at(-1) ?? 1;
    if (columns > 128 || (b.tensors.get(x)?.shape.length ?? 0) < 2) return b.node('Relu', name, [x]);
    const w = b.constant(`${name}/w`, 'int8', [columns, columns], bytes(columns * columns, seed + 1));
    return clipped(b, name, b.node('MatMul', `${name}/product`, [x, w]), 12, 64 * seed);
  },
];

function clipped(b: GraphBuilder, name: string, x: string, shift = 1, add = 1): string {
  const constants = [3, add].map((value, i) => b.constant(`${name}/${i}`, 'int32', [1], [value]));
  return b.node('RequantShift', name, [x, ...constants], {
    attributes: { div: 2 ** shift, n_levels_out: 256, signed: 1 },
  });
}

test('random networks compute the same after every pass', () => {
  const steps = fc.array(fc.tuple(fc.nat(GROW.length - 1), fc.nat(11), fc.nat(2)), {
    minLength: 2,
    maxLength: 12,
  });
  const changed = new Set<string>();
  fc.assert(
    fc.property(steps, (list) => {
      const b = new GraphBuilder();
      const ends = [b.input('x', 'int8', [4, 2, 8])];
      list.forEach(([step, seed, back], i) => {
        const from = ends[Math.max(0, ends.length - 1 - back)];
        ends.push(GROW[step](b, `n${i}`, from, seed));
      });
      for (const end of ends.slice(1).slice(-3)) b.output(end);
      for (const pass of everyPassPreserves(b.build('random')).passes) changed.add(pass);
    }),
    { numRuns: process.env.OCTET_FULL ? 1000 : 120 },
  );
  for (const pass of ['compose-moves', 'remove-idle', 'share-nodes', 'reshape'])
    expect(changed).toContain(pass);
});

describe('networks of others compute the same after every pass:', () => {
  const DEEPLOY = [
    'Models/CCT/Int/ICCT_ITA',
    'Models/CCT/Int/ICCT',
    'Models/EEGFormer',
    'Models/microLlama/INT8/microLlama8_parallel',
    'Models/MLPerf/AnomalyDetection',
    'Kernels/Integer/Attention',
    'Kernels/Integer/GEMM/Batch_RQ',
    'Kernels/Integer/Add/Regular_RQ',
  ];
  for (const name of DEEPLOY) {
    const at = `deeploy/${name}`;
    testWith(`${at}/network.onnx`, name, () => {
      const arrays = parseNpz(readShared(`${at}/inputs.npz`), `${name}/inputs.npz`);
      const graph = importNetwork(readShared(`${at}/network.onnx`), name);
      const given = [...arrays.values()];
      const inputs = new Map(
        graph.inputs.map((input, i): [string, TensorData] => {
          const { data } = arrays.get(input) ?? given[i];
          return [input, fromNumbers(graph.tensors.get(input)?.type ?? 'int8', numeric(data))];
        }),
      );
      expect(everyPassPreserves(graph, inputs).passes.length).toBeGreaterThan(0);
    });
  }
});

describe('switches', () => {
  test('leave a pass out, and with one that another needs that one too', () => {
    const disabled = new Set(['split-heads', 'share-nodes']);
    const { passes } = everyPassPreserves(plainAttention(), undefined, { disabled });
    expect(passes).not.toContain('share-nodes');
    expect(passes).not.toContain('fuse-attention');
    expect(passes).toContain('fuse-linear');
  });

  test.each(PASSES.filter(({ always }) => always !== true).map(({ name }) => name))(
    'without %s the network computes the same',
    (name) => {
      const { passes } = everyPassPreserves(plainAttention({ summed: true }), undefined, {
        disabled: new Set([name]),
      });
      expect(passes).not.toContain(name);
    },
  );

  test('name passes that there are', () => {
    expect(passNames(PASSES, ['share-nodes'])).toEqual(new Set(['share-nodes']));
    expect(() => passNames(PASSES, ['share-node'])).toThrow(
      /there is no pass share-node to switch off; there are fold-constants/,
    );
    expect(() => passNames(PASSES, ['decompose'])).toThrow(/no pass decompose/);
  });

  test('have names of their own', () => {
    expect(new Set(PASSES.map(({ name }) => name)).size).toBe(PASSES.length);
  });
});
