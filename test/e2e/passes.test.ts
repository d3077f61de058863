/** The options of `octet deploy` about graph passes, run as a user runs them. */
import { readdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { emitOnnx } from '../../src/deploy/onnx/emit.ts';
import { PASSES } from '../../src/deploy/passes/passes.ts';
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

describe('octet deploy', () => {
  test('lists the graph passes', () => {
    const { status, stdout } = octet('deploy', '--list-passes');
    expect(status).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(PASSES.map(({ name }) => name));
  });

  test(
    'writes the network after each pass, explains itself, and deploys what it wrote',
    { timeout: 60_000 },
    () => {
      const dump = bench.path('dump');
      const flags = ['--check', '--explain', '--dump-passes', dump];
      const first = octet('deploy', model(), '-o', bench.path('first'), ...flags);
      expect([first.status, first.stderr]).toEqual([0, '']);
      expect(first.stdout).toContain('MATCH: all 4,096 elements of y');
      expect(first.stdout).toMatch(/fuse-attention +10 nodes gone/);
      expect(first.stdout).toMatch(/y: accelerator, about [\d,]+ cycles; second best: harts, about [\d,]+/);
      expect(first.stdout).toMatch(/^schedule: pipelined\n {2}stream 0: steps 0 to \d+ in 26 tiles of TCDM/m);
      const files = readdirSync(dump);
      expect(files).toContain('02-split-heads.onnx');
      expect(files).toContain('02-split-heads.dot');
      const last = files.findLast((name) => name.endsWith('.onnx')) ?? '';
      const again = octet('deploy', `${dump}/${last}`, '-o', bench.path('again'), '--check');
      expect([again.status, again.stderr]).toEqual([0, '']);
      expect(again.stdout).toContain('MATCH: all 4,096 elements of y');
      expect(again.stdout.split('\n')[0]).toBe(first.stdout.split('\n')[0]);
    },
  );

  test('runs only the passes it is told to, and names one that does not exist', { timeout: 60_000 }, () => {
    const path = model();
    const { stdout } = octet(
      'deploy',
      path,
      '-o',
      bench.path('linear'),
      '--passes',
      'fuse-linear',
      '--explain',
    );
    expect(stdout).toMatch(/^passes\n {2}fuse-linear .*\n\S/m);
    const wrong = octet('deploy', path, '-o', bench.path('wrong'), '--disable-pass', 'fuse-lines');
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toMatch(
      /^octet: there is no pass fuse-lines to switch off; there are fold-constants, /,
    );
  });
});
