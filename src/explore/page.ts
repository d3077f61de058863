/** The results of an exploration as one page that needs nothing else: the Pareto front and the table of all points. */
import { line, svg, text } from '../report/charts.ts';
import { STYLE } from '../report/style.ts';
import { escaped, htmlTable, short } from '../report/text.ts';
import { figureNamed } from './figures.ts';
import { paretoFront } from './pareto.ts';
import type { Result } from './results.ts';
import { type Exploration, rowsOf } from './tables.ts';

const WIDTH = 900;
const HEIGHT = 420;
const LEFT = 70;
const BOTTOM = 44;
/** Colours of the networks, again from the first after the last. */
const COLOURS = ['ita', 'dma', 'harts', 'pipeline', 'tcdm', 'energy'] as const;

export function emitExplorationPage(exploration: Exploration): string {
  const { networks, axes, results } = exploration;
  const title = `${networks.join(', ')} on ${results.length} points`;
  const failed = results.filter(({ error }) => error !== undefined);
  const varied = axes.map(({ name, values }) => [name, values.map(String).join(', ')]);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)} – octet</title>
<style>${STYLE}polyline { fill: none; stroke-width: 1.5; stroke: var(--soft); } circle.front { stroke: var(--ink); stroke-width: 1.5; }</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<dl>${varied.map(([name, values]) => `<dt>${escaped(name)}</dt><dd>${escaped(values)}</dd>`).join('\n')}</dl>
<p>${results.length - failed.length} points ran, ${failed.length} failed.</p>
<p class="legend">${networks.map((name, i) => `<span><i class="${colour(i)}"></i>${escaped(name)}</span>`).join(' ')}</p>
<figure>${plot(exploration)}
<figcaption>The line joins the points that no other of their network beats in both figures. Point to see the settings.</figcaption></figure>
<h2>All points</h2>
<div class="scroll">${htmlTable(rowsOf(exploration), 1 + axes.length)}</div>
</body>
</html>
`;
}

const colour = (network: number): string => COLOURS[network % COLOURS.length];

/** Some five round numbers from 0 past `high`. */
function roundTicks(high: number): number[] {
  const rough = high / 5;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * ([1, 2, 5].find((factor) => factor * decade >= rough) ?? 10);
  return Array.from({ length: Math.ceil(high / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** Powers of ten around positive values. */
function decades(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  return Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i));
}

/** A scale from values to the page, logarithmic where they span more than a decade. */
function scaleOf(values: readonly number[], from: number, to: number) {
  const positive = values.filter((v) => v > 0);
  const low = Math.min(...positive);
  const high = positive.length > 0 ? Math.max(...positive) : 1;
  const logarithmic = high / low > 10;
  const ticks = logarithmic ? decades(low, high) : roundTicks(high);
  const [start, end] = [ticks[0], ticks[ticks.length - 1]];
  const part = (v: number): number =>
    logarithmic ? Math.log(Math.max(v, start) / start) / Math.log(end / start) : v / end;
  return { at: (v: number): number => from + part(v) * (to - from), ticks };
}

function plot({ networks, axes, results, front }: Exploration): string {
  const [xFigure, yFigure] = front.map(figureNamed);
  const ran = results.filter((result) => result.figures);
  const value = (result: Result, axis: 0 | 1): number => result.figures?.[front[axis]] ?? 0;
  const x = scaleOf(
    ran.map((r) => value(r, 0)),
    LEFT,
    WIDTH - 20,
  );
  const y = scaleOf(
    ran.map((r) => value(r, 1)),
    HEIGHT - BOTTOM,
    14,
  );
  const best = new Set(paretoFront(results, front));
  const place = (result: Result): string =>
    `${x.at(value(result, 0)).toFixed(1)},${y.at(value(result, 1)).toFixed(1)}`;
  const fronts = networks.map((network) => {
    const members = [...best].filter((r) => r.network === network).sort((a, b) => value(a, 0) - value(b, 0));
    return members.length > 1 ? `<polyline points="${members.map(place).join(' ')}"/>` : '';
  });
  const points = ran.map((result) => {
    const [cx, cy] = place(result).split(',');
    const settings = axes.map(({ name }) => `${name} ${String(result.settings[name])}`).join(', ');
    const tooltip = `${result.network}${settings === '' ? '' : `: ${settings}`}; ${xFigure.doc} ${short(value(result, 0))}, ${yFigure.doc} ${short(value(result, 1))}`;
    const kind = `${colour(networks.indexOf(result.network))}${best.has(result) ? ' front' : ''}`;
    return `<circle class="${kind}" cx="${cx}" cy="${cy}" r="${best.has(result) ? 6 : 4}"><title>${escaped(tooltip)}</title></circle>`;
  });
  return svg(WIDTH, HEIGHT, `${xFigure.doc} against ${yFigure.doc}`, [
    ...x.ticks.flatMap((v) => [
      line(x.at(v), 14, x.at(v), HEIGHT - BOTTOM, 'grid'),
      text(x.at(v), HEIGHT - BOTTOM + 16, short(v), 'middle'),
    ]),
    ...y.ticks.flatMap((v) => [
      line(LEFT, y.at(v), WIDTH - 20, y.at(v), 'grid'),
      text(LEFT - 6, y.at(v) + 4, short(v), 'end'),
    ]),
    text((LEFT + WIDTH) / 2, HEIGHT - 8, `${xFigure.doc} (${xFigure.better} is better)`, 'middle'),
    `<text class="middle" transform="translate(14 ${HEIGHT / 2}) rotate(-90)">${escaped(`${yFigure.doc} (${yFigure.better} is better)`)}</text>`,
    ...fronts,
    ...points,
  ]);
}
