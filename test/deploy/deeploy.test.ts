/** The integer networks of the PULP dialect's tests, deployed: their golden outputs on the emulated cluster and on the host. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkDirectory } from '../../src/deploy/check-directory.ts';
import { fullRun } from '../support/effort.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { ProjectDirectory } from './run.ts';

const ROOT = fileURLToPath(new URL('../../../shared/models/deeploy', import.meta.url));

function networks(below = ''): string[] {
  return readdirSync(join(ROOT, below), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return networks(join(below, entry.name));
    return entry.name === 'network.onnx' ? [below] : [];
  });
}

/** What runs every time: a trained transformer that uses the accelerator, and one network of each other kind. */
const FAST = [
  'Models/CCT/Int/ICCT_ITA',
  'Models/EEGFormer',
  'Models/miniMobileNet',
  'Kernels/Integer/Attention',
  'Kernels/Integer/GEMM/Batch_RQ',
];

const directory = new ProjectDirectory();

describe('golden outputs are reproduced by', () => {
  if (!existsSync(ROOT)) {
    test.skip('(skipped: ../shared/models/deeploy is absent)', () => undefined);
    return;
  }
  beforeEach(needsToolchain);
  const chosen = fullRun ? networks().filter((folder) => !folder.includes('FP32')) : FAST;
  const cases = chosen.flatMap((folder) =>
    (['host', 'cluster'] as const).map((target) => [folder, target] as const),
  );
  test.each(cases)(
    '%s on the %s',
    async (folder, target) => {
      const { graph, inputs, outputs } = checkDirectory(join(ROOT, folder));
      expect(outputs.filter(({ mismatches }) => mismatches > 0)).toEqual([]);
      const { different, plan } = await directory.differing(graph, inputs, target);
      expect(different).toEqual([]);
      if (folder.endsWith('ICCT_ITA')) expect(plan.itaJobs).toBeGreaterThan(0);
    },
    60_000,
  );
});
