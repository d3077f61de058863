import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { BIN, octet } from '../support/octet.ts';
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

  test('stops at an interrupt, with every process it started', async () => {
    const file = bench.path('stopped.jsonl');
    const words = [...command, '--vary', 'seed=5,6,7', '--results', file, '--jobs', '2', '--', ...small];
    const child = spawn(process.execPath, [BIN, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const children = (): string[] =>
      spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter(Boolean);
    while (children().length < 2) await setTimeout(20);
    const started = children();
    child.kill('SIGINT');
    const [status] = (await once(child, 'close')) as [number];
    expect({ status, stderr }).toEqual({
      status: 130,
      stderr: `octet: stopped by SIGINT; ${file} has the finished points\n`,
    });
    const alive = started.filter((pid) =>
      spawnSync('ps', ['-p', pid, '-o', 'stat=']).stdout.toString().match(/^[^Z]/),
    );
    expect(alive).toEqual([]);
  }, 60_000);

  test('gives a point up that takes too long, and tries it again when asked to', () => {
    const words = ['explore', 'mobilebert', '--results', bench.path('slow.jsonl')];
    const slow = octet(...words, '--timeout', '0.05', '--', ...small);
    const failure = 'FAILED: mobilebert: not finished after 0.05 s\n';
    expect(slow).toEqual({ status: 1, stdout: failure, stderr: '' });
    expect(octet(...words, '--', ...small).stdout).toBe(failure);
    const again = octet(...words, '--retry', '--', ...small);
    expect(again.status).toBe(0);
    expect(again.stdout).toMatch(/^network +cycles .*\nmobilebert +\d+ /);
  }, 60_000);

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
