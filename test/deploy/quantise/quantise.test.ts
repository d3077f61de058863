import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import type { Graph, TensorData } from '../../../src/deploy/graph/graph.ts';
import { check } from '../../../src/deploy/graph/check.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { Encoder } from '../../../src/deploy/models/encoder.ts';
import { Stream } from '../../../src/deploy/models/splitmix.ts';
import { multiplierFor, quantiseWeights } from '../../../src/deploy/quantise/multiplier.ts';
import { quantise, quantiseInput, type QuantiseOptions } from '../../../src/deploy/quantise/quantise.ts';
import { agreement } from '../../../src/deploy/quantise/report.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

const normal = (name: string, count: number, sigma = 1): Float32Array => {
  const stream = new Stream(7, name);
  return Float32Array.from({ length: count }, (_, i) => sigma * stream.normal(i));
};

const samples = (count: number, name: string, size: number): Map<string, TensorData>[] =>
  Array.from({ length: count }, (_, i) => new Map([[name, normal(`${name}/${i}`, size)]]));

/** Quantises with three samples and compares on a fourth. */
function cosineOf(graph: Graph, size: number, options?: QuantiseOptions): number {
  const [own, ...calibration] = samples(4, 'x', size);
  const network = quantise(graph, calibration, options);
  check(network.graph);
  const report = agreement(network, [own], options?.padding);
  return report.tensors.find(({ tensor }) => tensor === graph.outputs[0])?.cosine ?? 0;
}

/** A graph over x [rows, columns] made by `body`, which returns the output's name. */
function graphOf(rows: number, columns: number, body: (g: GraphBuilder, x: string) => string): Graph {
  const g = new GraphBuilder();
  g.output(body(g, g.input('x', 'float32', [rows, columns])));
  return g.build('small');
}

describe('multipliers', () => {
  test('use their eight bits and are within half of their last one', () => {
    for (const factor of [0.9, 0.003, 1, 17, 1e-7]) {
      const { mult, shift } = multiplierFor(factor);
      expect(mult).toBeLessThanOrEqual(255);
      expect(Math.abs(mult / 2 ** shift / factor - 1)).toBeLessThan(1 / 254);
    }
  });

  test('weights keep outliers or give them up, whichever leaves the smaller error', () => {
    const values = normal('weights', 4096);
    values.fill(7, 0, 2);
    const { data, scale } = quantiseWeights(values);
    const error = (weights: Int8Array, unit: number): number =>
      weights.reduce((sum, w, i) => sum + (w * unit - values[i]) ** 2, 0);
    const whole = Int8Array.from(values, (v) => Math.round((v * 127) / 7));
    expect(error(data, scale)).toBeLessThanOrEqual(error(whole, 7 / 127));
  });
});

/** x [16, 32] times a matrix, within bounds. */
const clipped = (low: number, high: number): Graph =>
  graphOf(16, 32, (g, x) => {
    const sum = g.node('MatMul', 'sum', [x, g.constant('w', 'float32', [32, 24], normal('w', 32 * 24))]);
    const bounds = [g.constant('low', 'float32', [], [low]), g.constant('high', 'float32', [], [high])];
    return g.node('Clip', 'y', [sum, ...bounds]);
  });

describe('quantising', () => {
  test('ReLU6 is a ReLU whose int8 ends at 6, and other bounds a Clip in units of the tensor', () => {
    for (const [low, high, op] of [
      [0, 6, 'Relu'],
      [-2, 3, 'Clip'],
    ] as const) {
      const graph = clipped(low, high);
      const [own, ...calibration] = samples(4, 'x', 16 * 32);
      const network = quantise(graph, calibration);
      expect(network.graph.nodes.at(-1)?.op).toBe(op);
      const scale = network.tensors.get('y')?.scale ?? 0;
      expect(Math.round(high / scale)).toBe(127);
      const values = evaluate(
        network.graph,
        new Map([['x', quantiseInput(network, 'x', own.get('x') as Float32Array)]]),
      );
      const y = Array.from(values.get('y') as Int8Array);
      expect([Math.min(...y), Math.max(...y)]).toEqual([Math.round(low / scale), 127]);
      expect(cosineOf(graph, 16 * 32)).toBeGreaterThan(0.998);
    }
  });

  test('the parts of a Split keep their values, in the units of the whole', () => {
    const whole = graphOf(16, 32, (g, x) => {
      const w = g.constant('w', 'float32', [32, 24], normal('w', 32 * 24, 0.2));
      return g.node('MatMul', 'joined', [x, w]);
    });
    const sizes = BigInt64Array.of(16n, 8n);
    const node = { name: 'parts', op: 'Split', domain: '', attributes: { axis: 1 } };
    const tensors = new Map(whole.tensors).set('sizes', {
      name: 'sizes',
      type: 'int64',
      shape: [2],
      data: sizes,
    });
    const nodes = [...whole.nodes, { ...node, inputs: ['joined', 'sizes'], outputs: ['wide', 'narrow'] }];
    const graph = inferShapes({ ...whole, nodes, tensors, outputs: ['wide', 'narrow'] });
    const [own, ...calibration] = samples(4, 'x', 16 * 32);
    const network = quantise(graph, calibration);
    check(network.graph);
    const report = agreement(network, [own]).tensors;
    for (const [name, columns] of [
      ['wide', 16],
      ['narrow', 8],
    ] as const) {
      expect(report.find(({ tensor }) => tensor === name)?.cosine).toBeGreaterThan(0.998);
      expect(network.graph.tensors.get(name)).toMatchObject({ type: 'int8', shape: [16, columns] });
      expect(network.tensors.get(name)?.scale).toBe(network.tensors.get('joined')?.scale);
    }
  });

  test('a linear layer with ReLU keeps its values', () => {
    const graph = graphOf(16, 32, (g, x) => {
      const w = g.constant('w', 'float32', [32, 24], normal('w', 32 * 24, 0.2));
      const b = g.constant('b', 'float32', [24], normal('b', 24, 0.5));
      return g.node('Relu', 'y', [g.node('Add', 'sum', [g.node('MatMul', 'product', [x, w]), b])]);
    });
    expect(cosineOf(graph, 16 * 32)).toBeGreaterThan(0.995);
  });

  test('layer normalisation and GELU keep their values', () => {
    const graph = graphOf(16, 64, (g, x) => {
      const encoder = new Encoder(g, { sequence: 16, tokens: 16, heads: 1, headSize: 64 }, 1e-5);
      const y = encoder.linear('up', x, 64, { weight: normal('w', 64 * 64, 0.1), bias: normal('b', 64) });
      const gain = normal('gain', 64).map((v) => 1 + 0.2 * v);
      const z = encoder.norm('norm', encoder.add('sum', x, y), { gain, bias: normal('shift', 64, 0.2) });
      return encoder.gelu('y', z);
    });
    expect(cosineOf(graph, 16 * 64)).toBeGreaterThan(0.995);
  });

  test('a convolution keeps its values', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [1, 8, 20]);
    const w = g.constant('w', 'float32', [12, 8, 3], normal('w', 12 * 8 * 3, 0.2));
    const b = g.constant('b', 'float32', [12], normal('b', 12, 0.2));
    g.output(g.node('Relu', 'y', [g.node('Conv', 'conv', [x, w, b], { attributes: { pads: [1, 1] } })]));
    expect(cosineOf(g.build('conv'), 160)).toBeGreaterThan(0.995);
  });

  test.each([
    [0, 0.98],
    // Logits reach 10 here; with one octave in 32 LSB, int8 holds 5.5.
    [5, 0.8],
  ] as const)('attention keeps its values with softmax shift %i', (softmaxShift, least) => {
    expect(cosineOf(attention(64, 64), 64 * 32, { softmaxShift })).toBeGreaterThan(least);
  });

  test.each([
    [0, 0],
    // Logits of -128 are 8 octaves below the largest only where that is 127.
    [5, 12],
  ] as const)('masked rows have no part in the others with softmax shift %i', (softmaxShift, most) => {
    const graph = attention(64, 41);
    const [one, ...calibration] = samples(4, 'x', 64 * 32);
    const network = quantise(graph, calibration, { softmaxShift, padding: { rows: 64, valid: 41 } });
    const other = (one.get('x') as Float32Array).slice();
    other.set(normal('other', 23 * 32, 3), 41 * 32);
    const run = (x: ArrayLike<number>): number[] =>
      Array.from(
        evaluate(network.graph, new Map([['x', quantiseInput(network, 'x', x)]])).get('y') ?? [],
        Number,
      );
    const [a, b] = [run(one.get('x') as Float32Array), run(other)];
    const differences = a.map((v, i) => Math.abs(v - b[i]));
    expect(Math.max(...differences.slice(0, 41 * 32))).toBeLessThanOrEqual(most);
    expect(Math.max(...differences.slice(41 * 32))).toBeGreaterThan(0);
  });

  test('an operator without an integer form is named', () => {
    const graph = graphOf(2, 4, (g, x) => g.node('Sigmoid', 'limit', [x]));
    expect(() => quantise(graph, samples(1, 'x', 8))).toThrow(/node limit \(Sigmoid\) cannot be quantised/);
  });

  test('needs calibration', () => {
    const graph = graphOf(2, 4, (g, x) => g.node('Relu', 'y', [x]));
    expect(() => quantise(graph, [])).toThrow(/at least one set of calibration inputs/);
  });
});

const weight = (name: string, sigma: number): { weight: Float32Array; bias: Float32Array } => ({
  weight: normal(name, 32 * 64, sigma),
  bias: normal(`${name}/bias`, name === 'o' ? 32 : 64, 0.1),
});

/** Two heads of 32 over [rows, 32], the first `tokens` rows of which are no padding; peaked, as trained heads are. */
function attention(rows: number, tokens: number): Graph {
  return graphOf(rows, 32, (g, x) => {
    const encoder = new Encoder(g, { sequence: rows, tokens, heads: 2, headSize: 32 }, 1e-5);
    return encoder.attention('y', x, 32, {
      query: weight('q', 0.35),
      key: weight('k', 0.35),
      value: weight('v', 0.2),
      output: weight('o', 0.2),
    });
  });
}
