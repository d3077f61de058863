import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildApps } from '../support/apps.ts';
import { octet } from '../support/octet.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench);

const ita = bench.path('ita.elf');
const state = bench.path('ita.snap');

/** The report of `--json` without what differs from run to run. */
function report(...args: readonly string[]): Record<string, unknown> {
  const { stdout, stderr } = octet('run', ita, '--json', ...args);
  expect(stdout, stderr).not.toBe('');
  const { wallSeconds: _, translation: __, ...counts } = JSON.parse(stdout) as Record<string, unknown>;
  return counts;
}

describe('octet run --save and --restore', () => {
  test('cut a run in two that end as the whole does', () => {
    const whole = report();
    expect(report('--save', state, '--save-at', '60000')).toEqual(whole);
    expect(report('--restore', state)).toEqual(whole);
    expect(report('--restore', state, '--engine', 'interpret')).toEqual(whole);
    expect(octet('run', ita, '--max-instructions', '60000', '--save', bench.path('same.snap')).status).toBe(
      124,
    );
    expect(Buffer.compare(bench.read('same.snap'), bench.read('ita.snap'))).toBe(0);
  });

  test('refuse a state of another machine, another program and none at all with status 2', () => {
    octet('run', ita, '--max-instructions', '1000', '--save', state);
    writeFileSync(bench.path('empty.snap'), '');
    const refusals = [
      [ita, '--restore', state, '--harts', '4'],
      [bench.path('dma.elf'), '--restore', state],
      [ita, '--restore', bench.path('empty.snap')],
      [ita, '--restore', bench.path('none.snap')],
      [ita, '--restore', state, '--save', state, '--save-at', '500'],
      [ita, '--save-at', '500'],
    ].map((args) => octet('run', ...args));
    expect(refusals.map(({ status }) => status)).toEqual(refusals.map(() => 2));
    expect(refusals.map(({ stderr }) => stderr.replaceAll(`${bench.directory}/`, '').split('\n')[0])).toEqual(
      [
        'octet: ita.snap: the snapshot is of a machine whose harts is 8; here it is 4',
        expect.stringMatching(
          /^octet: ita\.snap: the snapshot is of another program than dma\.elf: its segments hash to [\da-f]{16}, here to [\da-f]{16}$/,
        ),
        "octet: empty.snap: not a snapshot of octet: it does not begin with 'octet snapshot'",
        'octet: none.snap: no such file',
        'octet: --save-at is 500, but 1000 instructions have retired in ita.snap already',
        'octet: --save-at needs --save <file>',
      ],
    );
  });

  test('write nothing where the run ends before the instruction to save at', () => {
    const file = bench.path('late.snap');
    const { status, stderr } = octet('run', ita, '--save', file, '--save-at', '1e12');
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /--save-at is 1000000000000, but the run ended after \d+ instructions; no file is written/,
    );
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(dirname(file)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
