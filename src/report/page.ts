/** The report as one page: everything in it, nothing fetched from anywhere. One run, or several side by side. */
import { bars, type Bar, legend } from './charts.ts';
import { comparison, nameOf } from './comparison.ts';
import { energySection } from './energy-section.ts';
import { hartSection } from './hart-section.ts';
import type { Share } from './attribute.ts';
import type { GroupTime, RunReport } from './report.ts';
import { peakOf, roofline } from './roofline.ts';
import { STYLE } from './style.ts';
import { escaped, htmlTable, percent, short, whole } from './text.ts';
import { timelineFigure, TIMELINE_SCRIPT } from './timeline.ts';

/** Steps in the table of the slowest. */
const SLOWEST = 40;

/** The page of one run, or of several: a comparison, then each run. */
export function emitPage(reports: readonly RunReport[]): string {
  const [first] = reports;
  const title = reports.length === 1 ? first.title : `${reports.length} runs compared`;
  const runs = reports.map((report, i) =>
    runSections(report, reports.length > 1 ? `${i + 1}: ${nameOf(report)}: ` : ''),
  );
  // The policy lets a browser prove that the page is alone: it may fetch nothing.
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escaped(title)} – octet</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${comparison(reports)}
${runs.join('\n')}
<script>${TIMELINE_SCRIPT}</script>
</body>
</html>
`;
}

function runSections(report: RunReport, prefix: string): string {
  const { title, facts, deployment, bill, machine, statistics } = report;
  const { volts, megahertz } = bill.energy.operatingPoint;
  const about = [
    ...facts,
    [
      'machine',
      `${machine.name}: ${machine.harts} harts, ${machine.tcdmBytes / 1024} KiB of TCDM in ${machine.tcdmBanks} banks`,
    ],
    [
      'memory',
      `${whole(deployment.l1Bytes)} bytes of TCDM in use; ${whole(deployment.weightBytes)} of weights, ${whole(deployment.arenaBytes)} of activations in main memory`,
    ],
    ['operating point', `${volts} V, ${megahertz} MHz`],
  ];
  return `<h2>${escaped(`${prefix}${title}`)}</h2>
<dl>${about.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('\n')}</dl>
<h3>How much of the machine worked</h3>
${utilisation(report)}
<h3>Time by layer</h3>
${groups(report.layers, report)}
<h3>Time by kind of step</h3>
${groups(report.kinds, report)}
<h3>Timeline</h3>
${timelineFigure(report)}
<h3>Roofline</h3>
<p class="soft">Accelerated steps by the operations the accelerator did, padding included, and the bytes the plan moves; the whole
network by its own operations and all bytes of the DMA.</p>
<figure>${roofline(report)}</figure>
<h3>Harts</h3>
${hartSection(report)}
<h3>Energy</h3>
${energySection(bill.energy)}
<h3>The ${Math.min(SLOWEST, report.steps.length)} slowest of ${report.steps.length} steps</h3>
${slowest(report)}
<p class="soft">${whole(statistics.cycles)} cycles, ${whole(statistics.instructions)} instructions; all steps and numbers are in the JSON form of
this report.</p>`;
}

/** A bar of a share of 1. */
const shareBar = (name: string, value: number, className: string, note: string): Bar => ({
  name,
  parts: [{ value, className, tooltip: `${name}: ${percent(value)}` }],
  note: `${percent(value)}${note}`,
});

function utilisation(report: RunReport): string {
  const { bill, statistics } = report;
  const { utilisation: u } = bill;
  const meanAwake = u.harts.reduce((sum, part) => sum + part, 0) / Math.max(1, u.harts.length);
  const rows = [
    ...(peakOf(report) > 0
      ? [
          shareBar('accelerator busy', u.itaBusy, 'ita', ''),
          shareBar('of its peak', u.itaPeak, 'ita', ` of ${whole(peakOf(report))} op/cycle`),
        ]
      : []),
    shareBar('DMA busy', u.dmaBusy, 'dma', ''),
    shareBar(
      'DMA bytes',
      statistics.cycles > 0 ? statistics.dma.bytes / statistics.cycles / report.machine.dma.busBytes : 0,
      'dma',
      ` of ${report.machine.dma.busBytes} B/cycle`,
    ),
    shareBar('harts awake', meanAwake, 'harts', ' on average'),
  ];
  return `<figure>${bars('utilisation', rows, 1)}</figure>`;
}

/** How busy an engine of so many parts was during a group. */
const part = (of: keyof Share, row: GroupTime, parts = 1): string =>
  row.cycles > 0 ? percent(row[of] / row.cycles / parts) : '';

/** Bars of the cycles of groups of steps, with what the engines did in them as a table. */
function groups(all: readonly GroupTime[], { between, statistics, machine }: RunReport): string {
  const rest: GroupTime = { name: 'between steps', steps: 0, ...between };
  const rows = between.cycles > 0 ? [...all, rest] : all;
  const most = Math.max(1, ...rows.map(({ cycles }) => cycles));
  const chart = rows.map(({ name, cycles, ita }): Bar => {
    const accelerated = Math.min(ita, cycles);
    return {
      name,
      parts: [
        {
          value: accelerated,
          className: 'ita',
          tooltip: `${name}: ${whole(accelerated)} cycles with the accelerator busy`,
        },
        {
          value: cycles - accelerated,
          className: 'harts',
          tooltip: `${name}: ${whole(cycles - accelerated)} cycles with it idle`,
        },
      ],
      note: `${whole(cycles)} cycles, ${percent(cycles / Math.max(1, statistics.cycles))}`,
    };
  });
  const table = [
    ['', 'steps', 'cycles', 'accelerator busy', 'DMA busy', 'harts awake'],
    ...rows.map((row) => [
      row.name,
      row.steps > 0 ? whole(row.steps) : '',
      whole(row.cycles),
      part('ita', row),
      part('dma', row),
      part('harts', row, machine.harts),
    ]),
  ];
  return `${legend([
    ['ita', 'accelerator busy'],
    ['harts', 'accelerator idle'],
  ])}
<figure>${bars('cycles', chart, most)}</figure>
<details><summary>as a table</summary><div class="scroll">${htmlTable(table)}</div></details>`;
}

function slowest({ steps, statistics }: RunReport): string {
  const rows = [...steps]
    .sort((a, b) => b.cycles - a.cycles || a.id - b.id)
    .slice(0, SLOWEST)
    .map(({ name, kind, engine, cycles, ita, dma, macs }) => [
      name,
      `${kind} on ${engine === 'ita' ? 'the accelerator' : 'harts'}`,
      whole(cycles),
      percent(cycles / Math.max(1, statistics.cycles)),
      percent(cycles > 0 ? ita / cycles : 0),
      percent(cycles > 0 ? dma / cycles : 0),
      macs > 0 && cycles > 0 ? short((2 * macs) / cycles) : '',
    ]);
  const head = ['step', 'kind', 'cycles', 'of the run', 'accelerator busy', 'DMA busy', 'op/cycle'];
  return `<div class="scroll">${htmlTable([head, ...rows], 2)}</div>`;
}
