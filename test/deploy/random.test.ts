/** Random networks, deployed: what the firmware and this computer compute equals the integer reference. */
import { beforeEach, describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { fullRun, seed } from '../support/effort.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { randomNetwork, sideBySide } from './random-graphs.ts';
import { ProjectDirectory } from './run.ts';

beforeEach(needsToolchain);

/** Networks that share one build, and builds. */
const TOGETHER = fullRun ? 25 : 10;
const BATCHES = fullRun ? 8 : 1;

const directory = new ProjectDirectory();

describe('random small networks equal the reference', () => {
  test.each(Array.from({ length: BATCHES }, (_, batch) => seed + 1000 * batch))(
    'deployed from seed %i on',
    async (first) => {
      const networks = Array.from({ length: TOGETHER }, (_, i) => randomNetwork(first + i, `n${i}_`));
      const graph = sideBySide(
        'random',
        networks.map((network) => network.graph),
      );
      const inputs = new Map(networks.flatMap((network) => [...network.inputs]));
      // Harts without Xpulp run the plain kernels, an odd number of them shares the work unevenly.
      const plain = { ...presets.octa, harts: 3, isa: 'rv32imac_zicsr_zifencei' };
      for (const [target, machine] of [
        ['host', presets.octa],
        ['cluster', presets.octa],
        ...(fullRun ? ([['cluster', plain]] as const) : []),
      ] as const) {
        const { different, elements } = await directory.differing(graph, inputs, target, machine);
        expect({ target, machine: machine.harts, different }).toEqual({
          target,
          machine: machine.harts,
          different: [],
        });
        expect(elements).toBeGreaterThan(TOGETHER);
      }
    },
    120_000,
  );
});
