/** The timeline of a run in the report's page: its data, and the script that draws and zooms it in the reader's browser. */
import type { RunReport } from './report.ts';
import { jsonScript, escaped } from './text.ts';

/** What the script reads. */
function timelineData({ timeline, steps }: RunReport) {
  return {
    ...timeline,
    names: Object.fromEntries(steps.map(({ id, name }) => [id, name])),
    engines: Object.fromEntries(steps.map(({ id, engine }) => [id, engine])),
  };
}

/** First and last cycle of each layer. */
function layerRanges({ steps }: RunReport): Map<string, readonly [from: number, to: number]> {
  const ranges = new Map<string, readonly [number, number]>();
  for (const { layer, from, to } of steps) {
    const [first, last] = ranges.get(layer) ?? [from, to];
    ranges.set(layer, [Math.min(first, from), Math.max(last, to)]);
  }
  return ranges;
}

/** The figure of one run; `TIMELINE_SCRIPT` brings it to life. */
export function timelineFigure(report: RunReport): string {
  const layers = [...layerRanges(report)].map(
    ([name, [from, to]]) => `<option value="${from} ${to}">${escaped(name)}</option>`,
  );
  const { resolution, lostSteps } = report.timeline;
  const coarse = resolution > 1 ? ` Pauses of up to ${resolution} cycles are not shown.` : '';
  const lost = lostSteps > 0 ? ` ${lostSteps} later intervals of steps were not recorded.` : '';
  return `<figure class="timeline">
<p><button data-zoom="0.5">closer</button> <button data-zoom="2">farther</button> <button data-zoom="all">all</button>
<label>layer <select><option value="">whole run</option>${layers.join('')}</select></label></p>
<svg viewBox="0 0 900 10" tabindex="0" role="img" aria-label="timeline of steps, accelerator, DMA and harts"></svg>
<output></output>
<noscript>The timeline is drawn by the script in this page, which your browser does not run.</noscript>
<figcaption>Height is how much of the time a part was busy (harts: awake). Drag to move, ctrl and wheel or the keys + − 0 ← → to
zoom and move; point to see names and numbers.${coarse}${lost}</figcaption>
${jsonScript(timelineData(report))}
</figure>`;
}

/** Plain JavaScript, for any browser of the last years. */
export const TIMELINE_SCRIPT = String.raw`
'use strict';
const SVG = 'http://www.w3.org/2000/svg';
const LEFT = 90, WIDTH = 900, COLUMNS = 810, ROW = 26, BAR = 20;

/** Intervals from pairs of (cycles since the last one, length). */
function intervals(spans) {
  const from = [], to = [];
  for (let i = 0, now = 0; i < spans.length; i += 2) {
    from.push(now += spans[i]);
    to.push(now += spans[i + 1]);
  }
  return { from, to };
}

/** The first interval that ends after a cycle. */
function firstAfter(to, cycle) {
  let low = 0, high = to.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (to[middle] <= cycle) low = middle + 1; else high = middle;
  }
  return low;
}

/** Busy share of each column of the view [a, b). */
function coverage({ from, to }, a, b) {
  const width = (b - a) / COLUMNS, share = new Float64Array(COLUMNS);
  for (let i = firstAfter(to, a); i < from.length && from[i] < b; i++) {
    const low = Math.max(from[i], a), high = Math.min(to[i], b);
    for (let k = Math.min(COLUMNS - 1, Math.floor((low - a) / width)); k < COLUMNS && a + k * width < high; k++) {
      share[k] += (Math.min(high, a + (k + 1) * width) - Math.max(low, a + k * width)) / width;
    }
  }
  return share;
}

function element(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

/** An outline of the shares above the base line y. */
function outline(share, y) {
  let path = 'M' + LEFT + ' ' + y;
  share.forEach((part, k) => { path += 'V' + (y - BAR * Math.min(1, part)).toFixed(1) + 'H' + (LEFT + k + 1); });
  return path + 'V' + y + 'Z';
}

const digits = (value) => Math.round(value).toLocaleString('en-US');

function show(figure) {
  const run = JSON.parse(figure.querySelector('script').textContent);
  const svg = figure.querySelector('svg'), output = figure.querySelector('output'), select = figure.querySelector('select');
  const tracks = run.tracks.map(({ name, engine, spans }) => ({ name, engine, ...intervals(spans) }));
  const rows = new Map();
  for (let i = 0, begin = 0; i < run.steps.length; i += 4) {
    const [id, hart, gap, length] = run.steps.slice(i, i + 4);
    begin += gap;
    if (!rows.has(hart)) rows.set(hart, []);
    rows.get(hart).push({ id, from: begin, to: begin + length });
  }
  const marked = [...rows].sort((a, b) => a[0] - b[0]);
  const height = 24 + (marked.length + tracks.length) * ROW;
  svg.setAttribute('viewBox', '0 0 ' + WIDTH + ' ' + height);
  let a = 0, b = Math.max(1, run.cycles);

  function draw() {
    svg.replaceChildren();
    const x = (cycle) => LEFT + ((cycle - a) / (b - a)) * COLUMNS;
    for (let i = 0; i <= 4; i++) {
      const cycle = a + ((b - a) * i) / 4;
      element(svg, 'text', { x: x(cycle), y: 12, class: i === 0 ? '' : i === 4 ? 'end' : 'middle' }, digits(cycle));
    }
    let y = 18;
    for (const [hart, steps] of marked) {
      element(svg, 'text', { x: LEFT - 6, y: y + 15, class: 'end' }, marked.length > 1 ? 'steps (' + hart + ')' : 'steps');
      const seen = steps.filter(({ from, to }) => to > a && from < b);
      for (const { id, from, to } of seen.length <= 2000 ? seen : []) {
        const low = Math.max(LEFT, x(from)), high = Math.min(LEFT + COLUMNS, x(to));
        const kind = run.engines[id] === 'ita' ? 'ita' : 'harts';
        const name = run.names[id] || 'step ' + id;
        const box = element(svg, 'rect', { class: 'step ' + kind, x: low, y, width: Math.max(0.1, high - low), height: BAR });
        element(box, 'title', {}, name + ': ' + digits(to - from) + ' cycles');
        if (high - low > 7 * name.length) element(svg, 'text', { x: low + 3, y: y + 14 }, name);
      }
      if (seen.length > 2000) {
        const sorted = { from: seen.map((s) => s.from), to: seen.map((s) => s.to) };
        element(svg, 'path', { class: 'harts', d: outline(coverage(sorted, a, b), y + BAR) });
      }
      y += ROW;
    }
    for (const track of tracks) {
      element(svg, 'text', { x: LEFT - 6, y: y + 15, class: 'end' }, track.name);
      element(svg, 'rect', { class: 'track', x: LEFT, y, width: COLUMNS, height: BAR });
      const kind = track.engine === 'hart' ? 'harts' : track.engine;
      element(svg, 'path', { class: kind, d: outline(coverage(track, a, b), y + BAR) });
      y += ROW;
    }
  }

  function view(from, to) {
    const length = Math.min(Math.max(to - from, 20), Math.max(1, run.cycles));
    a = Math.min(Math.max(0, from), Math.max(1, run.cycles) - length);
    b = a + length;
    draw();
  }

  /** The cycle below a point of the screen. */
  function cycleAt(event) {
    const box = svg.getBoundingClientRect();
    return a + (((event.clientX - box.left) / box.width) * WIDTH - LEFT) / COLUMNS * (b - a);
  }

  const zoom = (factor, centre) => view(centre - (centre - a) * factor, centre + (b - centre) * factor);

  figure.addEventListener('click', ({ target }) => {
    const factor = target.dataset && target.dataset.zoom;
    if (factor === 'all') { select.value = ''; view(0, run.cycles); }
    else if (factor) zoom(Number(factor), (a + b) / 2);
  });
  select.addEventListener('change', () => {
    const [from, to] = select.value ? select.value.split(' ').map(Number) : [0, run.cycles];
    view(from, to);
  });
  svg.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, cycleAt(event));
  }, { passive: false });
  svg.addEventListener('keydown', ({ key }) => {
    const step = (b - a) / 4;
    if (key === '+') zoom(0.5, (a + b) / 2);
    else if (key === '-') zoom(2, (a + b) / 2);
    else if (key === '0') view(0, run.cycles);
    else if (key === 'ArrowLeft') view(a - step, b - step);
    else if (key === 'ArrowRight') view(a + step, b + step);
  });
  let held;
  svg.addEventListener('pointerdown', (event) => { held = cycleAt(event); svg.setPointerCapture(event.pointerId); });
  svg.addEventListener('pointerup', () => { held = undefined; });
  svg.addEventListener('pointermove', (event) => {
    const cycle = cycleAt(event);
    if (held !== undefined) return view(a + held - cycle, b + held - cycle);
    if (cycle < a || cycle >= b) return;
    const half = (b - a) / COLUMNS / 2;
    const names = marked.flatMap(([, steps]) => steps.filter(({ from, to }) => from <= cycle && cycle < to))
      .map(({ id, from, to }) => (run.names[id] || 'step ' + id) + ' (' + digits(to - from) + ' cycles)');
    const busy = tracks.map((track) => {
      const i = firstAfter(track.to, cycle - half);
      return i < track.from.length && track.from[i] < cycle + half ? track.name : undefined;
    }).filter(Boolean);
    output.textContent = 'cycle ' + digits(cycle) + (names.length ? ': ' + names.join(', ') : '') + '; at work: ' + (busy.join(', ') || 'nothing');
  });
  draw();
}

for (const figure of document.querySelectorAll('figure.timeline')) show(figure);
`;
