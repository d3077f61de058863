import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import type { Graph } from '../../../src/deploy/graph/graph.ts';
import { Stream } from '../../../src/deploy/models/splitmix.ts';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { splitMaskedHeads } from '../../../src/deploy/quantise/heads.ts';
import { quantise, quantiseInput } from '../../../src/deploy/quantise/quantise.ts';
import { agreement } from '../../../src/deploy/quantise/report.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

const [SEQUENCE, WIDTH, HEAD] = [64, 96, 32];
const TOKENS = 40;
const MASK = Float32Array.from({ length: SEQUENCE }, (_, i) => (i < TOKENS ? 0 : -10_000));

const normal = (name: string, count: number, sigma = 1): Float32Array => {
  const stream = new Stream(11, name);
  return Float32Array.from({ length: count }, (_, i) => sigma * stream.normal(i));
};
const input = (seed: number): Float32Array => normal(`x/${seed}`, SEQUENCE * WIDTH);

interface Form {
  readonly heads: number;
  /** A leading dimension of 1. */
  readonly batch: boolean;
  readonly bias: boolean;
  readonly mask?: Float32Array;
}

/** Real-valued attention of all heads at once, as exporters write it. x: [SEQUENCE, WIDTH]    y: the same */
function attention({ heads, batch, bias, mask = MASK }: Form): Graph {
  const g = new GraphBuilder();
  const one = batch ? [1] : [];
  const all = heads * HEAD;
  const x = g.input('x', 'float32', [...one, SEQUENCE, WIDTH]);
  const list = (name: string, values: readonly number[]): string =>
    g.constant(name, 'int64', [values.length], values);
  const moved = (perm: readonly number[]): readonly number[] =>
    batch ? [0, ...perm.map((p) => p + 1)] : perm;
  const linear = (name: string, from: string, inner: number, outer: number, biased: boolean): string => {
    const w = g.constant(
      `${name}/w`,
      'float32',
      [inner, outer],
      normal(name, inner * outer, 1 / Math.sqrt(inner)),
    );
    if (!biased) return g.node('MatMul', name, [from, w]);
    const product = g.node('MatMul', `${name}/product`, [from, w]);
    return g.node('Add', name, [
      product,
      g.constant(`${name}/b`, 'float32', [outer], normal(`${name}/b`, outer, 0.1)),
    ]);
  };
  const projection = (name: string, perm: readonly number[]): string => {
    const apart = g.node('Reshape', `${name}/apart`, [
      linear(name, x, WIDTH, all, bias),
      list(`${name}/shape`, [...one, SEQUENCE, heads, HEAD]),
    ]);
    return g.node('Transpose', `${name}/turned`, [apart], { attributes: { perm: moved(perm) } });
  };
  const [q, k, v] = [projection('q', [1, 0, 2]), projection('k', [1, 2, 0]), projection('v', [1, 0, 2])];
  const scale = g.constant('scale', 'float32', [], [Math.sqrt(HEAD)]);
  const scores = g.node('Div', 'scores/scaled', [g.node('MatMul', 'scores', [q, k]), scale]);
  const rows = mask.length / SEQUENCE;
  const masked = g.node('Add', 'scores/masked', [
    scores,
    g.constant('mask', 'float32', [...one, 1, rows, SEQUENCE], mask),
  ]);
  const p = g.node('Softmax', 'p', [masked], { attributes: { axis: batch ? 3 : 2 } });
  const turned = g.node('Transpose', 'context/turned', [g.node('MatMul', 'context', [p, v])], {
    attributes: { perm: moved([1, 0, 2]) },
  });
  const joined = g.node('Reshape', 'context/joined', [turned, list('joined/shape', [...one, SEQUENCE, all])]);
  g.output(linear('y', joined, all, WIDTH, bias));
  return g.build('attention');
}

const FORMS: readonly Form[] = [
  { heads: 3, batch: true, bias: true },
  { heads: 2, batch: false, bias: false },
  { heads: 1, batch: true, bias: true },
];
const padding = { rows: SEQUENCE, valid: TOKENS };

describe.each(FORMS)('masked attention of all heads at once, %j,', (form) => {
  const graph = attention(form);
  const split = splitMaskedHeads(graph);

  test('is the same head by head in real numbers', () => {
    const x = new Map([['x', input(1)]]);
    const [whole, apart] = [graph, check(split)].map((g) => evaluate(g, x).get('y') as Float32Array);
    expect(split.nodes.filter(({ op }) => op === 'Softmax')).toHaveLength(form.heads);
    whole.forEach((value, i) => expect(apart[i]).toBeCloseTo(value, 4));
  });

  test('is quantised for the accelerator, which runs each head', () => {
    const network = quantise(graph, [new Map([['x', input(2)]])], { padding });
    const { steps } = lower(check(network.graph), { softmaxShift: 0 });
    expect(steps.filter(({ kind }) => kind === 'attention')).toHaveLength(form.heads);
    const { tensors } = agreement(network, [new Map([['x', input(1)]])], padding);
    expect(tensors.find(({ tensor }) => tensor === 'y')?.cosine).toBeGreaterThan(0.97);
  });

  test('keeps padding out of the tokens', () => {
    const network = quantise(graph, [new Map([['x', input(2)]])], { padding });
    const run = (x: Float32Array): Int8Array =>
      evaluate(network.graph, new Map([['x', quantiseInput(network, 'x', x)]])).get('y') as Int8Array;
    const noisy = input(1).fill(3, TOKENS * WIDTH);
    const [a, b] = [run(input(1)), run(noisy)];
    expect(a.subarray(0, TOKENS * WIDTH)).toEqual(b.subarray(0, TOKENS * WIDTH));
    expect(a).not.toEqual(b);
  });
});

test('a mask that differs between queries is refused by name', () => {
  const mask = Float32Array.from({ length: SEQUENCE * SEQUENCE }, (_, i) =>
    i % SEQUENCE > Math.floor(i / SEQUENCE) ? -10_000 : 0,
  );
  const graph = attention({ heads: 2, batch: true, bias: true, mask });
  expect(() => quantise(graph, [new Map([['x', input(2)]])])).toThrow(
    /scores\/masked .*its mask mask differs between queries/,
  );
});

test('a network without masks stays as it is', () => {
  const graph = quantise(attention({ heads: 2, batch: true, bias: true }), [new Map([['x', input(2)]])], {
    padding,
  }).float;
  expect(splitMaskedHeads(graph)).toBe(graph);
});
