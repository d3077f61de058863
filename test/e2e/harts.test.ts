/** `--engines` and `--kernels` of `octet deploy` and `octet infer`, run as a user runs them. */
import { writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { emitOnnx } from '../../src/deploy/onnx/emit.ts';
import { plainAttention } from '../deploy/passes/plain.ts';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
beforeEach(needsToolchain);

const model = (): string => {
  const path = bench.path('attention.onnx');
  writeFileSync(path, emitOnnx(plainAttention()));
  return path;
};

describe('octet deploy --engines harts', () => {
  test(
    'deploys without the accelerator, says how each kernel is cut, and matches',
    { timeout: 60_000 },
    () => {
      const flags = ['-o', bench.path('harts'), '--engines', 'harts', '--check', '--explain'];
      const { status, stdout, stderr } = octet('deploy', model(), ...flags);
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/: \d+ steps, 0 on the accelerator \(0 jobs\)/);
      expect(stdout).toMatch(
        / gemm: \d+ blocks? of \d+ rows, \d+ columns, \d+ inner, about [\d,]+ cycles; second best: /,
      );
      expect(stdout).not.toContain(': accelerator, about');
      expect(stdout).toContain('MATCH: all 4,096 elements of y');
    },
  );

  test('refuses kernels that the harts cannot execute', () => {
    const flags = ['-o', bench.path('none'), '--isa', 'rv32imac_zicsr', '--kernels', 'xpulp'];
    const { status, stderr } = octet('deploy', model(), ...flags);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^octet: the harts of machine octa have no Xpulp kernels: they need xcvalu, .* \(see --isa\)\n$/,
    );
  });
});

test(
  'octet infer runs a layer of MobileBERT on the harts of snitch-ita alone, faster with Xpulp than in plain C',
  { timeout: 120_000 },
  () => {
    const flags = [
      '--layers',
      '1',
      '--seq',
      '64',
      '--preset',
      'snitch-ita',
      '--engines',
      'harts',
      '--check',
      'layers',
    ];
    const [plain, xpulp] = ['plain', 'xpulp'].map((kernels) => {
      const args = [...flags, '--kernels', kernels, '--workspace', bench.path('workspace'), '--json'];
      const { status, stdout, stderr } = octet('infer', 'mobilebert', ...args);
      expect([status, stderr]).toEqual([0, '']);
      return JSON.parse(stdout) as { match: boolean; itaJobs: number; cycles: number };
    });
    expect([plain, xpulp]).toMatchObject([
      { match: true, itaJobs: 0 },
      { match: true, itaJobs: 0 },
    ]);
    expect(plain.cycles / xpulp.cycles).toBeGreaterThan(3);
  },
);
