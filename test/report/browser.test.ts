import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { emitPage } from '../../src/report/page.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';
import { recordRun } from './run.ts';

const bench = new Workbench();

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Uses the page as a reader does, and leaves what it saw in the document. */
const READER = `<script>
const seen = [];
const figure = document.querySelector('figure.timeline'), svg = figure.querySelector('svg');
const axis = () => [...svg.querySelectorAll('text')].slice(0, 5).map((t) => Number(t.textContent.replaceAll(',', '')));
const names = () => svg.querySelectorAll('rect.step').length;
seen.push({ axis: axis(), steps: names(), labels: [...svg.querySelectorAll('text')].slice(5).map((t) => t.textContent) });
figure.querySelector('[data-zoom="0.5"]').click();
seen.push({ axis: axis(), steps: names() });
const select = figure.querySelector('select');
select.selectedIndex = 1;
select.dispatchEvent(new Event('change'));
seen.push({ axis: axis(), steps: names(), layer: select.selectedOptions[0].textContent });
svg.dispatchEvent(new KeyboardEvent('keydown', { key: '0' }));
const box = svg.getBoundingClientRect();
svg.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width * 0.5, clientY: box.top + 5 }));
seen.push({ axis: axis(), output: figure.querySelector('output').textContent });
document.body.dataset.seen = JSON.stringify(seen);
</script>`;

interface Seen {
  readonly axis: readonly number[];
  readonly steps: number;
  readonly labels: readonly string[];
  readonly layer: string;
  readonly output: string;
}

test('a browser without a network draws the timeline, zooms into it and names what is pointed at', async (context) => {
  needsToolchain(context);
  context.skip(browser === undefined, 'no Chromium is installed');
  const { report } = await recordRun(bench);
  const file = bench.path('page.html');
  writeFileSync(file, emitPage([report]).replace('</body>', `${READER}</body>`));
  const { stdout, stderr } = spawnSync(
    browser!,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--enable-logging=stderr',
      '--dump-dom',
      `file://${file}`,
    ],
    { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26 },
  );
  expect(stderr).not.toMatch(/CONSOLE.*(Error|Refused)/);
  const found = /data-seen="([^"]*)"/.exec(stdout)?.[1].replaceAll('&quot;', '"') ?? '[]';
  const [whole, closer, layer, back] = JSON.parse(found) as Seen[];
  const { cycles } = report.statistics;
  expect(whole.axis[0]).toBe(0);
  expect(whole.axis[4]).toBe(cycles);
  expect(whole.labels).toEqual(expect.arrayContaining(['steps', 'ITA', 'DMA', 'hart 0', 'hart 7']));
  expect(whole.steps).toBe(report.steps.length);
  expect(closer.axis[0]).toBe(Math.round(cycles / 4));
  expect(closer.steps).toBeLessThan(whole.steps);
  const first = report.steps.filter((step) => step.layer === layer.layer);
  expect(layer.axis[0]).toBe(first[0].from);
  expect(layer.axis[4]).toBe(first.at(-1)!.to);
  expect(back.axis).toEqual(whole.axis);
  expect(back.output).toMatch(/^cycle [\d,]+: \S+ \([\d,]+ cycles\); at work: /);
}, 120_000);
