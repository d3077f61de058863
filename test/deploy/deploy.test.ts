/** Whole deployments: networks as firmware on the emulated cluster, every tensor against the integer reference. */
import { beforeEach, describe, expect, test } from 'vitest';
import { presets, type MachineConfig } from '../../src/cluster/config.ts';
import { deploy } from '../../src/deploy/deploy.ts';
import type { Graph, TensorData } from '../../src/deploy/graph/graph.ts';
import { buildMobileBert, MOBILEBERT, type MobileBertConfig } from '../../src/deploy/models/mobilebert.ts';
import { calibrationTokens, syntheticParameters } from '../../src/deploy/models/synthetic.ts';
import { optimise } from '../../src/deploy/passes/passes.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { bytes, Network } from './networks.ts';
import { compare } from './run.ts';

beforeEach(needsToolchain);

const matches = { exit: 0, different: [] };
const { octa } = presets;

function mobileBert(config: Partial<MobileBertConfig>): [Graph, ReadonlyMap<string, TensorData>] {
  const whole = { ...MOBILEBERT, layers: 1, sequence: 64, vocabulary: 500, ...config };
  const calibration = calibrationTokens(whole, 7, 1);
  return [
    buildMobileBert(whole, syntheticParameters({ seed: 1, calibration })),
    calibrationTokens(whole, 99, 1)[0],
  ];
}

describe('a deployed MobileBERT', () => {
  test('computes every tensor of two layers as the reference does, all harts sharing the work', async () => {
    const [graph, inputs] = mobileBert({ layers: 2 });
    // The network that the passes make, head by head, has a tensor for every step.
    const byHead = optimise(graph, { softmaxShift: 0 });
    const result = await compare(graph, inputs, {}, octa, byHead);
    expect(result).toMatchObject({ ...matches, compared: 84 });
    const { statistics } = result.machine;
    expect(statistics.ita.jobs).toBe(result.plan.itaJobs);
    const shares = statistics.harts.slice(1).map(({ instructions }) => instructions);
    expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.05);
  });

  test('computes the same in small, shared memory, on an odd number of harts and the older accelerator', async () => {
    const machine: MachineConfig = {
      ...octa,
      harts: 9,
      ita: { contexts: 2, softmaxShift: 5, revision: 'A', units: 16, ports: 16 },
    };
    const options = { keep: 'layers', l1Bytes: 48 * 1024, softmaxShift: 5 } as const;
    const result = await compare(...mobileBert({ sequence: 192, softmaxShift: 5 }), options, machine);
    expect(result).toMatchObject({ ...matches, compared: 9 });
    expect(result.plan.steps.some(({ tiles }) => tiles.bothStream === true)).toBe(true);
    const written = result.plan.steps.reduce((n, { output }) => n + result.plan.tensors[output].bytes, 0);
    expect(result.plan.arenaBytes).toBeLessThan(written / 2);
  });

  test('gives the same with heads of two tiles, widths that need padding, and one hart', async () => {
    const config = { heads: 2, headSize: 80, intermediate: 200, sequence: 128 };
    expect(await compare(...mobileBert(config), {}, { ...octa, harts: 1 })).toMatchObject(matches);
  });
});

describe('a deployed network', () => {
  test('handles requantisations with addends, activations in a row and sums of many terms', async () => {
    const n = new Network();
    const x = n.input('x', 64, 96);
    const a = n.linear('a', x, 96, { relu: true, mul: 9, shift: 15, add: 2 ** 14 + 7 * 2 ** 15 });
    const b = n.linear('b', a, 96, { bias: false, mul: 255, shift: 20, add: 2 ** 19 - 3 * 2 ** 20 });
    const sum = [a, b, x, a, b].reduce((total, term, i) => n.add(`sum_${i}`, total, term), x);
    const y = n.requant('y', sum, { mul: 2 ** 20, shift: 21, add: 5 });
    const graph = n.build(n.norm('z', y));
    expect(await compare(graph, new Map([['x', bytes(64 * 96, 77)]]))).toMatchObject({
      ...matches,
      compared: 4,
    });
  });

  test('differs from the reference of a network with one other weight', async () => {
    const n = new Network();
    const graph = n.build(n.norm('z', n.linear('y', n.input('x', 64, 64), 64, { mul: 200, shift: 16 })));
    const tensors = new Map(graph.tensors);
    const weight = graph.tensors.get('y/weight');
    if (!weight?.data) throw new Error('the network has no weight');
    tensors.set('y/weight', {
      ...weight,
      data: Int8Array.from(weight.data as Int8Array, (w, i) => (i === 77 ? w ^ 64 : w)),
    });
    const result = await compare(graph, new Map([['x', bytes(64 * 64, 77)]]), {}, octa, {
      ...graph,
      tensors,
    });
    expect(result).toMatchObject({ exit: 0, different: ['y', 'z'] });
  });
});

describe('deploy', () => {
  test('refuses an L1 budget that the machine does not have', () => {
    const n = new Network();
    const graph = n.build(n.linear('y', n.input('x', 64, 64), 64));
    expect(() => deploy(graph, { l1Bytes: 120_000 })).toThrow(
      '--l1 is 120000, expected 0 to 98304 bytes: the TCDM of 131072 less 32768 for stacks',
    );
  });

  test('refuses a machine whose memories are too small, saying what takes how much', () => {
    const n = new Network();
    const graph = n.build(n.norm('z', n.linear('y', n.input('x', 64, 64), 64)));
    expect(() => deploy(graph, { tcdmBytes: 32_768 })).toThrow(
      'a machine with 32768 bytes of TCDM has no room for tiles',
    );
    expect(() => deploy(graph, { dramBytes: 1 << 20 })).toThrow(
      'small needs 1057472 bytes of DRAM (4800 for weights, 4096 for activations, 1048576 for code), the machine has 1048576 (see --dram)',
    );
  });

  test('refuses inputs and outputs that would be one symbol', () => {
    const n = new Network();
    const graph = n.build(n.add('x_1', n.input('x/1', 4, 4), n.input('b', 4, 4)));
    expect(() => deploy(graph)).toThrow(
      'its input or output x_1 would be the symbol network_x_1, as another one is; rename one of them',
    );
  });

  test('reports every decision and where each tensor lies', () => {
    const n = new Network();
    const { plan } = deploy(n.build(n.norm('z', n.linear('y', n.input('x', 64, 64), 64))));
    expect(plan).toMatchObject({
      network: 'small',
      itaJobs: 1,
      itaMacs: 64 ** 3,
      inputs: ['x'],
      outputs: ['z'],
    });
    expect(plan.tensors).toMatchObject({
      x: { symbol: 'network_x', offset: 0, rows: 64, columns: 64 },
      y: { symbol: 'network_arena', kept: false },
      z: { symbol: 'network_z', kept: true },
    });
    expect(plan.steps.map(({ name, engine, output }) => [name, engine, output])).toEqual([
      ['y', 'ita', 'y'],
      ['z', 'harts', 'z'],
    ]);
  });
});
