/** Whole networks in the pipelined schedule: as firmware and on this computer, every output against the integer reference. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type MachineConfig, presets } from '../../../src/cluster/config.ts';
import { deploy, type DeployOptions, optionsFor } from '../../../src/deploy/deploy.ts';
import type { Graph, TensorData } from '../../../src/deploy/graph/graph.ts';
import { buildMobileBert, MOBILEBERT, type MobileBertConfig } from '../../../src/deploy/models/mobilebert.ts';
import { calibrationTokens, syntheticParameters } from '../../../src/deploy/models/synthetic.ts';
import { needsToolchain } from '../../support/toolchain.ts';
import { bytes, Network } from '../networks.ts';
import { compare, ProjectDirectory } from '../run.ts';

beforeEach(needsToolchain);

const { octa } = presets;
const pipelined = { schedule: 'pipelined' } as const;
const matches = { exit: 0, different: [] };

function mobileBert(config: Partial<MobileBertConfig>): [Graph, ReadonlyMap<string, TensorData>] {
  const whole = { ...MOBILEBERT, layers: 1, sequence: 64, vocabulary: 500, ...config };
  const calibration = calibrationTokens(whole, 7, 1);
  return [
    buildMobileBert(whole, syntheticParameters({ seed: 1, calibration })),
    calibrationTokens(whole, 99, 1)[0],
  ];
}

const directory = new ProjectDirectory();

/** A feed-forward network with a residual norm, twice. */
function feedForward(rows: number): Graph {
  const n = new Network();
  let x = n.input('x', rows, 128);
  for (const layer of ['a', 'b']) {
    const up = n.linear(`${layer}/up`, x, 192, { relu: true });
    x = n.norm(layer, n.add(`${layer}/sum`, n.linear(`${layer}/down`, up, 128), x));
  }
  return n.build(x);
}

describe('a pipelined network', () => {
  test('computes every tensor of a MobileBERT as the reference does, with harts that sleep', async () => {
    const options = { ...optionsFor(octa), ...pipelined };
    const result = await compare(...mobileBert({ sequence: 128 }), options);
    expect(result).toMatchObject(matches);
    const { harts, ita, cycles } = result.machine.statistics;
    expect(ita.busyCycles).toBeGreaterThan(0.85 * cycles);
    expect(Math.max(...harts.slice(1).map(({ instructions }) => instructions))).toBeLessThan(0.05 * cycles);
  });

  test('computes the same with heads of two tiles and widths that need padding, on one hart', async () => {
    const config = { heads: 2, headSize: 80, intermediate: 200, sequence: 128 };
    const options = { ...pipelined, keep: 'layers' } as const;
    expect(await compare(...mobileBert(config), options, { ...octa, harts: 1 })).toMatchObject(matches);
  });

  test('computes the same on the older accelerator, which a hart of its own drives, and has room for little', async () => {
    const machine: MachineConfig = presets['snitch-ita'];
    const graph = mobileBert({ sequence: 128, softmaxShift: 5 });
    const { different } = await directory.differing(...graph, 'cluster', machine, {
      ...pipelined,
      l1Bytes: 40_000,
    });
    expect(different).toEqual([]);
  });

  test.each(['cluster', 'host'] as const)('computes the same on the %s in any budget', async (target) => {
    const inputs = new Map([['x', bytes(192 * 128, 5)]]);
    for (const l1Bytes of [16 * 1024, 50_001]) {
      const { different } = await directory.differing(feedForward(192), inputs, target, octa, {
        ...pipelined,
        l1Bytes,
      });
      expect({ l1Bytes, different }).toEqual({ l1Bytes, different: [] });
    }
  });

  test('computes the same however slow, fast or deep the DMA is, and however few jobs can be queued', async () => {
    const inputs = new Map([['x', bytes(192 * 128, 5)]]);
    const { dma } = octa;
    const machines: MachineConfig[] = [
      { ...octa, dma: { ...dma, busBytes: 4, queueDepth: 64 } },
      { ...octa, dma: { ...dma, startCycles: 3000, queueDepth: 64 } },
      { ...octa, dma: { ...dma, busBytes: 128, startCycles: 0, queueDepth: 1 } },
      { ...octa, ita: { contexts: 2, softmaxShift: 0, revision: 'B', units: 64, ports: 32 } },
    ];
    for (const machine of machines) {
      const options = { ...pipelined, l1Bytes: 40_000 };
      const { different } = await directory.differing(feedForward(192), inputs, 'cluster', machine, options);
      expect(different).toEqual([]);
    }
  });

  test('goes on around sums that only the harts compute', async () => {
    const n = new Network();
    const x = n.input('x', 128, 128);
    const y = n.linear('y', x, 128);
    // No weight of 8 bits times a multiplier of 8 bits comes near enough to this slope.
    const sum = n.requant('sum', n.add('added', y, x), { mul: 39_811, shift: 16 });
    const graph = n.build(n.linear('z', sum, 64));
    const { different, plan } = await directory.differing(
      graph,
      new Map([['x', bytes(128 * 128, 3)]]),
      'cluster',
      octa,
      pipelined,
    );
    expect(different).toEqual([]);
    expect(plan.steps.map(({ tiles }) => tiles.kind)).toEqual(['stream', 'sum', 'stream']);
  });

  test('refuses a budget that holds no job, naming the step and the smallest that does', () => {
    const graph = feedForward(64);
    const refused = (l1Bytes: number) => (): unknown => deploy(graph, { ...pipelined, l1Bytes });
    expect(refused(14_975)).toThrow(
      'a/up needs 14976 bytes of L1 for its smallest tile, the budget is 14975 (see --l1)',
    );
    expect(refused(14_976)).not.toThrow();
  });

  test('takes the cycles that were predicted, within a twentieth', async () => {
    const options: DeployOptions = { ...optionsFor(octa), ...pipelined, keep: 'none' };
    const { machine, plan } = await compare(feedForward(512), new Map([['x', bytes(512 * 128, 5)]]), options);
    const predicted = plan.steps.reduce((n, { tiles }) => n + Number(tiles.predictedCycles), 0);
    expect(machine.statistics.cycles / predicted).toBeGreaterThan(0.95);
    expect(machine.statistics.cycles / predicted).toBeLessThan(1.05);
  });
});
