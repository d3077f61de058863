/** Kernels on blocks in TCDM: the same results as the reference, however small the budget. */
import { beforeEach, describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { deploy } from '../../src/deploy/deploy.ts';
import type { TensorData } from '../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../src/deploy/graph/shapes.ts';
import { DeployError } from '../../src/errors.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { BLOCK_CASES } from './block-cases.ts';
import { prefixed, sideBySide } from './random-graphs.ts';
import { ProjectDirectory } from './run.ts';
import { sampleGraph, sampleInputs } from './samples.ts';

const cases = BLOCK_CASES.map((sample, i) => {
  const plain = sampleGraph(sample);
  const prefix = `${sample.op}_${i}_`;
  const inputs = [...sampleInputs(plain)].map(([name, data]): [string, TensorData] => [prefix + name, data]);
  return { graph: prefixed(inferShapes(plain), prefix), inputs };
});

/** The smallest budget that a network fits, by its refusals. */
function leastBudget(graph: (typeof cases)[number]['graph']): number {
  for (let l1Bytes = 0; ;) {
    try {
      deploy(graph, { l1Bytes });
      return l1Bytes;
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      const [, needed] = /needs (\d+) bytes of L1/.exec(error.message) ?? [];
      expect(Number(needed)).toBeGreaterThan(l1Bytes);
      l1Bytes = Number(needed);
    }
  }
}

const directory = new ProjectDirectory();

describe('a network of all ways to cut a kernel call', () => {
  beforeEach(needsToolchain);

  const graph = sideBySide(
    'blocks',
    cases.map((example) => example.graph),
  );
  const inputs = new Map(cases.flatMap((example) => example.inputs));

  test('fits the budget that its refusals lead to, and nothing less', () => {
    const least = leastBudget(graph);
    expect(deploy(graph, { l1Bytes: least }).plan.l1Bytes).toBeLessThanOrEqual(least);
    expect(() => deploy(graph, { l1Bytes: least - 1 })).toThrow(DeployError);
  });

  test.each([
    ['the least', 0],
    ['4 kB', 4_000],
    ['16 kB', 16_000],
    ['all', 98_304],
  ])(
    'computes with %s of the TCDM what the reference computes',
    async (_, bytes) => {
      const options = { l1Bytes: Math.max(bytes, leastBudget(graph)) };
      const { different, plan } = await directory.differing(graph, inputs, 'cluster', presets.octa, options);
      expect(different).toEqual([]);
      expect(plan.l1Bytes).toBeLessThanOrEqual(options.l1Bytes);
      expect(plan.dmaBytes).toBeGreaterThan(0);
    },
    60_000,
  );
});
