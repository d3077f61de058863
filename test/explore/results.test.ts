import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Figures } from '../../src/explore/figures.ts';
import { emitExplorationPage } from '../../src/explore/page.ts';
import { paretoFront } from '../../src/explore/pareto.ts';
import { type Result, ResultsFile } from '../../src/explore/results.ts';
import { csvOf, type Exploration, jsonOf } from '../../src/explore/tables.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();

const figures = (infPerSecond: number, millijoules: number): Figures => ({
  cycles: 1000,
  infPerSecond,
  gopPerSecond: 1,
  milliwatts: 1,
  millijoules,
  gopPerJoule: 1,
  itaBusy: 0.5,
  itaPeak: 0.25,
  dmaBusy: 0.125,
  hartsAwake: 1,
});

const ran = (harts: number, rate: number, energy: number, network = 'a'): Result => ({
  key: `${network}${harts}`,
  network,
  settings: { harts },
  figures: figures(rate, energy),
});
const failed: Result = { key: 'x', network: 'a', settings: { harts: 9 }, error: 'no, "never"' };

describe('the results file', () => {
  test('remembers every result, and goes on where it was cut short', () => {
    const file = bench.path('cut.jsonl');
    const first = new ResultsFile(file);
    expect(existsSync(file)).toBe(false);
    first.add(ran(1, 2, 3));
    first.add(failed);
    const whole = readFileSync(file, 'utf8');
    appendFileSync(file, '{"key":"a2","netw');
    const second = new ResultsFile(file);
    expect([second.get('a1'), second.get('x'), second.get('a2')]).toEqual([ran(1, 2, 3), failed, undefined]);
    second.add(ran(2, 5, 6));
    expect(readFileSync(file, 'utf8')).toBe(`${whole}${JSON.stringify(ran(2, 5, 6))}\n`);
  });

  test('refuses to write behind something else', () => {
    const file = bench.path('other.txt');
    writeFileSync(file, 'hello\nworld\n');
    expect(() => new ResultsFile(file)).toThrow(
      `${file}, line 1: is no result of octet explore; name another file`,
    );
  });
});

describe('the Pareto front', () => {
  test('has the points that no other beats, of each network', () => {
    const results = [ran(1, 10, 5), ran(2, 20, 6), ran(3, 15, 7), ran(4, 20, 6), failed, ran(5, 1, 100, 'b')];
    expect(paretoFront(results, ['infPerSecond', 'millijoules'])).toEqual([
      results[0],
      results[1],
      results[3],
      results[5],
    ]);
  });

  test('never lacks a best point and never holds a beaten one', () => {
    const points = fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(points, (pairs) => {
        const results = pairs.map(([rate, energy], i) => ran(i, rate, energy));
        const front = paretoFront(results, ['infPerSecond', 'millijoules']);
        const fastest = Math.max(...pairs.map(([rate]) => rate));
        expect(front.some((r) => r.figures?.infPerSecond === fastest)).toBe(true);
        for (const [i, [rate, energy]] of pairs.entries()) {
          const beaten = pairs.some(([r, e]) => r >= rate && e <= energy && (r > rate || e < energy));
          expect(front.includes(results[i])).toBe(!beaten);
        }
      }),
    );
  });
});

describe('the tables of an exploration', () => {
  const exploration: Exploration = {
    networks: ['a'],
    axes: [{ name: 'harts', values: [1, 2, 9] }],
    results: [ran(1, 10, 5), ran(2, 5, 6), failed],
    front: ['infPerSecond', 'millijoules'],
  };

  test('are CSV with quotes where they are needed', () => {
    expect(csvOf(exploration)).toBe(
      'network,harts,cycles,infPerSecond,gopPerSecond,milliwatts,millijoules,gopPerJoule,itaBusy,itaPeak,dmaBusy,hartsAwake,pareto,error\n' +
        'a,1,1000,10,1,1,5,1,0.5,0.25,0.125,1,yes,\n' +
        'a,2,1000,5,1,1,6,1,0.5,0.25,0.125,1,no,\n' +
        'a,9,,,,,,,,,,,,"no, ""never"""\n',
    );
  });

  test('are JSON with what the figures mean', () => {
    expect(jsonOf(exploration)).toMatchObject({
      front: ['infPerSecond', 'millijoules'],
      points: [
        { network: 'a', settings: { harts: 1 }, figures: { infPerSecond: 10 }, pareto: true },
        { settings: { harts: 2 }, pareto: false },
        { settings: { harts: 9 }, error: 'no, "never"' },
      ],
    });
  });

  test('are a page with a point for each that ran, which fetches nothing', () => {
    const page = emitExplorationPage(exploration);
    expect(page.match(/<circle /g)).toHaveLength(2);
    expect(page.match(/class="ita front"/g)).toHaveLength(1);
    expect(page).toContain('2 points ran, 1 failed.');
    expect(page).toContain('no, &quot;never&quot;');
    expect(page).not.toMatch(/https?:|src=|href=|<script|NaN|Infinity/);
    expect(emitExplorationPage({ ...exploration, results: [failed] })).not.toMatch(/NaN|Infinity/);
  });
});
