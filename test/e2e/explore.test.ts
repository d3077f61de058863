import { readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
beforeEach(needsToolchain);

const results = bench.path('points.jsonl');
const csv = bench.path('points.csv');

/** Two machines that run and one that cannot hold the tiles, of a layer with 64 tokens. */
const command = ['explore', 'mobilebert', '--vary', 'harts=2,8', '--vary', 'l1=1KiB,80KiB'];
const small = ['--layers', '1', '--seq', '64', '--workspace', bench.path('workspace')];
const explore = (...args: readonly string[]) =>
  octet(...command, '--results', results, '--csv', csv, '--jobs', '2', ...args, '--', ...small);

interface Exploration {
  readonly points: readonly {
    readonly settings: { readonly harts: number; readonly l1: number };
    readonly figures?: { readonly cycles: number; readonly infPerSecond: number };
    readonly error?: string;
  }[];
}

describe('octet explore', () => {
  test('runs all points, reports those that fail, and goes on where it was stopped', () => {
    const first = explore('--json');
    expect(first.status).toBe(1);
    const { points } = JSON.parse(first.stdout) as Exploration;
    expect(points.map(({ settings }) => [settings.harts, settings.l1])).toEqual([
      [2, 1024],
      [2, 81920],
      [8, 1024],
      [8, 81920],
    ]);
    expect(points[0].error).toMatch(/needs \d+ bytes of L1/);
    expect(points[2].error).toBe(points[0].error);
    const [few, many] = [points[1], points[3]].map(({ figures }) => figures!.cycles);
    expect(few).toBeGreaterThan(many);
    const table = readFileSync(csv, 'utf8');
    expect(table.trimEnd().split('\n')).toHaveLength(5);

    // As if the run had been stopped while the last line was written.
    const lines = readFileSync(results, 'utf8').trimEnd().split('\n');
    const last = lines.at(-1)!;
    writeFileSync(results, `${lines.slice(0, -1).join('\n')}\n${last.slice(0, 30)}`);
    const second = explore('--json');
    expect(second.stdout).toBe(first.stdout);
    expect(readFileSync(csv, 'utf8')).toBe(table);
    expect(readFileSync(results, 'utf8').trimEnd().split('\n')).toEqual(lines);

    const start = performance.now();
    expect(explore('--json').stdout).toBe(first.stdout);
    expect(performance.now() - start).toBeLessThan(3000); // nothing runs again
  }, 120_000);

  test('prints a table, and what failed below it', () => {
    const { stdout } = explore();
    expect(stdout).toMatch(/^network +harts +l1 +cycles/);
    expect(stdout.match(/^FAILED: mobilebert harts [28], l1 1024: /gm)).toHaveLength(2);
  }, 120_000);

  test.each([
    [['mobilebert', '--vary', 'hearts=1'], /--vary hearts: is neither a field of the machine file/],
    [['mobilebert', '--vary', 'json=true'], /--vary json: is neither/],
    [['mobilebert', '--vary', 'harts'], /expected a name and its values/],
    [['mobilebert', '--front', 'cycles'], /expected two different ones of cycles, infPerSecond/],
    [['--', '--layers', '1'], /missing required argument|expected a network/],
  ])('refuses %j with a sentence', (args, message) => {
    const { status, stderr } = octet('explore', ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
