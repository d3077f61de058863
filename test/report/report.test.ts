import { Script } from 'node:vm';
import { beforeEach, describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { accountsOf } from '../../src/report/accounting.ts';
import type { Share } from '../../src/report/attribute.ts';
import { publishedOf } from '../../src/report/published.ts';
import { emitPage } from '../../src/report/page.ts';
import { parseReport } from '../../src/report/parse.ts';
import { compact, layerOf, type RunReport, timesOf } from '../../src/report/report.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';
import { type Recorded, recordRun } from './run.ts';

const bench = new Workbench();
let recorded: Recorded | undefined;
let counted: RunReport | undefined;

beforeEach(async (context) => {
  needsToolchain(context);
  recorded ??= await recordRun(bench);
  counted ??= (
    await recordRun(bench, {
      ...presets['octa'],
      name: 'octa with events',
      timing: { ...presets['octa'].timing, mode: 'cluster' },
    })
  ).report;
}, 120_000);

const run = (): Recorded => recorded as Recorded;
const events = (): RunReport => counted as RunReport;

const total = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0);

describe('the times of a report', () => {
  test('add up to the run: by step, by layer and by kind, with what lies between', () => {
    const { report } = run();
    const { cycles, ita } = report.statistics;
    const all: readonly (readonly Share[])[] = [report.steps, report.layers, report.kinds];
    for (const groups of all) {
      // Each number is rounded to a tenth.
      expect(Math.abs(total(groups, (g) => g.cycles) + report.between.cycles - cycles)).toBeLessThan(
        groups.length,
      );
      expect(Math.abs(total(groups, (g) => g.ita) + report.between.ita - ita.busyCycles)).toBeLessThan(
        groups.length,
      );
    }
  });

  test('name every step of the plan, in its order, with the work that was planned', () => {
    const { report, result } = run();
    expect(report.steps.map(({ id }) => id)).toEqual(result.plan.steps.map((_, id) => id));
    expect(report.steps.map(({ name }) => name)).toEqual(result.plan.steps.map(({ name }) => name));
    expect(total(report.steps, ({ macs }) => macs)).toBe(report.statistics.ita.macs);
    expect(total(report.steps, ({ dmaBytes }) => dmaBytes)).toBe(result.plan.dmaBytes);
    expect(report.layers.map(({ name }) => name)).toEqual(['embedding', 'layer_00']);
  });

  test('show the accelerator at work in steps on the accelerator alone', () => {
    const { steps, kinds } = run().report;
    for (const { engine, ita } of steps) expect(ita > 0).toBe(engine === 'ita');
    expect(kinds.map(({ name }) => name)).toContain('attention on the accelerator');
  });

  test('are those of --json', () => {
    const { report, result } = run();
    const { layers, kinds, between } = timesOf(result.plan, result.timeline!);
    expect({ layers, kinds, between }).toEqual({
      layers: report.layers,
      kinds: report.kinds,
      between: report.between,
    });
  });
});

test.each([
  ['layer_03/ffn_0/up', 'layer_03'],
  ['/encoder/layers.3/fc1/MatMul', 'layers.3'],
  ['embedding/dense', 'embedding'],
  ['MatMul_12', 'other'],
  ['norm', 'norm'],
])('step %s belongs to layer %s', (name, layer) => {
  expect(layerOf(name)).toBe(layer);
});

describe('the timeline of a report', () => {
  test('has every interval, as pairs of a pause and a length, and leaves out pauses of one cycle', () => {
    const { report, result } = run();
    expect(report.timeline.resolution).toBe(1);
    for (const [i, { name, spans }] of report.timeline.tracks.entries()) {
      const lengths = spans.filter((_, k) => k % 2 === 1);
      const pauses = spans.filter((_, k) => k % 2 === 0);
      const { from, to } = result.timeline!.tracks[i].spans;
      expect([name, total(spans, (v) => v)]).toEqual([name, to.at(-1)]);
      expect(pauses[0]).toBe(from[0]);
      for (const pause of pauses.slice(1)) expect(pause).toBeGreaterThan(1);
      for (const length of lengths) expect(length).toBeGreaterThan(0);
    }
  });

  test('is made coarser until it fits', () => {
    const { timeline } = run().result;
    const small = compact(timeline!, 100);
    expect(total(small.tracks, ({ spans }) => spans.length / 2)).toBeLessThanOrEqual(100);
    expect(small.resolution).toBeGreaterThan(1);
    expect(small.steps).toEqual(run().report.timeline.steps);
  });
});

describe('the page', () => {
  test('is the same from the saved report as from the run, and the same each time', async () => {
    const { report } = run();
    const page = emitPage([report]);
    expect(emitPage([parseReport(JSON.stringify(report), 'saved.json')])).toBe(page);
    expect(emitPage([(await recordRun(bench)).report])).toBe(page);
  });

  test('fetches nothing: it has no address of anything outside', () => {
    const page = emitPage([run().report, events()]);
    expect(page).toContain(`default-src 'none'`);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|href=|url\(|@import/);
    expect(page.length).toBeLessThan(300_000);
  });

  test('has a script that parses, and data that is JSON', () => {
    const page = emitPage([run().report]);
    const scripts = [...page.matchAll(/<script( type="application\/json")?>(.*?)<\/script>/gs)];
    expect(scripts.map(([, json]) => json !== undefined)).toEqual([true, false]);
    expect(JSON.parse(scripts[0][2])).toMatchObject(run().report.timeline);
    expect(() => new Script(scripts[1][2])).not.toThrow();
  });

  test('says that instruction timing counts no stalls, and shows them by cause in cluster timing', () => {
    expect(emitPage([run().report])).toContain('Instruction timing counts no stalls');
    const page = emitPage([events()]);
    expect(page).not.toContain('Instruction timing counts no stalls');
    expect(page).toMatch(/hart 3, TCDM bank conflicts: [\d,]+ cycles/);
  });

  test('compares runs with the first one', () => {
    const page = emitPage([run().report, events()]);
    const { cycles } = run().report.statistics;
    const ratio = String(Number((events().statistics.cycles / cycles).toPrecision(3)));
    const row = page.split('\n').find((line) => line.includes('>cycles</td>'));
    expect(row).toContain(`${cycles.toLocaleString('en-US')}</td>`);
    expect(row).toContain(`<td>${ratio}×</td>`);
    expect(page).toContain('1: mobilebert on octa');
    expect(page).toContain('2: mobilebert on octa with events');
    const layers = page.slice(page.indexOf('Cycles by layer')).split('\n');
    const [one, two] = [run().report, events()].map((r) => r.layers[0].cycles);
    expect(layers.find((line) => line.includes('>embedding<'))).toContain(
      `<td>${Math.round(one).toLocaleString('en-US')}</td><td>${Math.round(two).toLocaleString('en-US')}</td>`,
    );
  });

  test('says where every cycle went, and how many each run gains under each heading', () => {
    const [one, two] = [run().report, events()];
    for (const report of [one, two]) {
      const total = accountsOf(report).reduce((sum, { cycles }) => sum + cycles, 0);
      expect(total).toBe(report.statistics.cycles);
      expect(accountsOf(report).every(({ cycles }) => cycles >= 0)).toBe(true);
    }
    const page = emitPage([one, two]);
    const rows = page.slice(page.indexOf('Where the cycles went')).split('\n');
    const [before, after] = [one, two].map((report) => accountsOf(report)[0].cycles);
    const gain = `${after < before ? '−' : '+'}${Math.abs(after - before).toLocaleString('en-US')}`;
    expect(rows.find((line) => line.includes('>accelerator at work<'))).toContain(`<td>${gain}</td>`);
  });

  test('shows published figures, each with how it is known, beside the network at its published size alone', () => {
    const { report } = run();
    expect(emitPage([report])).not.toContain('Beside the published figures');
    const page = emitPage([{ ...report, complete: true }]);
    for (const { basis, source, value } of publishedOf('mobilebert', true)) {
      expect(page).toContain(
        `<td class="left">${basis}</td><td class="left">${source}</td><td>${value.toLocaleString('en-US')}</td>`,
      );
    }
    expect(page).not.toContain('<td class="left">recalled</td><td class="left">table');
    expect(page).toMatch(
      /clusterCycle is fitted \(.*52\.0 mW.*\): power and energy near that figure do not confirm it/,
    );
    const statistics = { ...report.statistics, ita: { ...report.statistics.ita, jobs: 0 } };
    expect(emitPage([{ ...report, complete: true, statistics }])).toContain(
      '<td class="left">recalled</td><td class="left">table',
    );
  });

  test('shows names as they are, whatever they hold', () => {
    const { report } = run();
    const name = '</script><script>alert("&")</script>';
    const steps = report.steps.map((step) => ({ ...step, name }));
    const page = emitPage([{ ...report, title: name, steps, facts: [[name, name]] }]);
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;/script&gt;&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;');
  });
});

const read = (text: string) => () => parseReport(text, 'a.json');

describe('a saved report', () => {
  test('is refused with a sentence when it is something else', () => {
    expect(read('{')).toThrow(
      /^a\.json: not JSON: .*octet infer <network> --report <file>\.json writes such a file$/,
    );
    expect(read('[1]')).toThrow("a.json: there is no format, expected 'octet report 1'");
    expect(read('{"format":"octet report 0"}')).toThrow(
      `a.json: the format is "octet report 0", expected 'octet report 1'`,
    );
    const { timeline: _, ...rest } = run().report;
    expect(read(JSON.stringify(rest))).toThrow('a.json: timeline is missing, expected an object');
  });
});
