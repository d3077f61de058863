/** The headline figures of one or several runs, and the published ones beside them. */
import { type Constant, constants } from '../energy/constants.ts';
import { accountsOf } from './accounting.ts';
import { type PublishedFigure, publishedOf, quantities } from './published.ts';
import type { RunReport } from './report.ts';
import { escaped, htmlTable, percent, ranged, short, whole } from './text.ts';

/** Whether the accelerator took part. */
const accelerated = ({ statistics }: RunReport): boolean => statistics.ita.jobs > 0;

/** What tells runs apart: network, machine, engines. */
export const nameOf = (report: RunReport): string =>
  `${report.network} on ${report.machine.name}${accelerated(report) ? '' : ', harts alone'}`;

type Row = readonly [name: string, of: (report: RunReport) => string, value?: (report: RunReport) => number];

const headline: readonly Row[] = [
  ['timing', ({ machine }) => machine.timing.mode],
  ['schedule', ({ deployment }) => deployment.schedule],
  ['code of the harts', ({ deployment }) => (deployment.kernels === 'xpulp' ? 'Xpulp' : 'plain C')],
  ['cycles', ({ bill }) => whole(bill.cycles), ({ bill }) => bill.cycles],
  ['GOp per inference', ({ bill }) => short(bill.operations / 1e9), ({ bill }) => bill.operations],
  ['inferences per second', ({ bill }) => short(bill.infPerSecond), ({ bill }) => bill.infPerSecond],
  ['GOp/s', ({ bill }) => short(bill.gopPerSecond), ({ bill }) => bill.gopPerSecond],
  ['power, mW', ({ bill }) => ranged(bill.milliwatts), ({ bill }) => bill.milliwatts.nominal],
  [
    'energy per inference, mJ',
    ({ bill }) => ranged(bill.millijoulePerInference),
    ({ bill }) => bill.millijoulePerInference.nominal,
  ],
  ['GOp/J', ({ bill }) => ranged(bill.gopPerJoule), ({ bill }) => bill.gopPerJoule.nominal],
  ['accelerator busy', ({ bill }) => percent(bill.utilisation.itaBusy)],
  ['accelerator, of its peak', ({ bill }) => percent(bill.utilisation.itaPeak)],
  ['DMA busy', ({ bill }) => percent(bill.utilisation.dmaBusy)],
  [
    'bytes moved by the DMA',
    ({ statistics }) => whole(statistics.dma.bytes),
    ({ statistics }) => statistics.dma.bytes,
  ],
  [
    'instructions',
    ({ statistics }) => whole(statistics.instructions),
    ({ statistics }) => statistics.instructions,
  ],
];

const ratio = (value: number, base: number): string => (base > 0 ? `${short(value / base)}×` : '');

/** The tables at the head of the page; with two runs and more, a column of each one's ratio to the first. */
export function comparison(reports: readonly RunReport[]): string {
  const [first, ...others] = reports;
  const table = [
    headOf(reports),
    ...headline.map(([name, of, value]) => [
      name,
      ...reports.map(of),
      ...others.map((report) => (value ? ratio(value(report), value(first)) : '')),
    ]),
  ];
  const notes = new Set(reports.flatMap(({ bill }) => bill.energy.notes));
  return `<div class="scroll">${htmlTable(table)}</div>
<ul class="soft">${[...notes].map((note) => `<li>${escaped(note)}</li>`).join('\n')}</ul>
${accounts(reports)}
${others.length > 0 ? layersOf(reports) : ''}
${published(reports)}`;
}

const signed = (cycles: number): string => `${cycles < 0 ? '−' : '+'}${whole(Math.abs(cycles))}`;

/** Where the cycles of each run went, and what each run gains under each heading over the first. */
function accounts(reports: readonly RunReport[]): string {
  const [first, ...others] = reports.map(accountsOf);
  const rows = first.map(({ name, cycles }, i) => [
    name,
    ...[first, ...others].map((items) => whole(items[i].cycles)),
    ...others.map((items) => signed(items[i].cycles - cycles)),
  ]);
  const head = [...headOf(reports).slice(0, reports.length + 1), ...others.map((_, i) => `${i + 2} − 1`)];
  return `<h2>Where the cycles went</h2>
<div class="scroll">${htmlTable([head, ...rows])}</div>`;
}

const cyclesOf = ({ layers }: RunReport, name: string): number | undefined =>
  layers.find((layer) => layer.name === name)?.cycles;

/** Cycles of each layer of the runs, where they have layers in common. */
function layersOf(reports: readonly RunReport[]): string {
  const [first, ...others] = reports;
  const names = [...new Set(reports.flatMap(({ layers }) => layers.map(({ name }) => name)))];
  const shared = names.filter((name) => reports.every((report) => cyclesOf(report, name) !== undefined));
  if (shared.length === 0) return '';
  const rows = shared.map((name) => [
    name,
    ...reports.map((report) => whole(cyclesOf(report, name) ?? 0)),
    ...others.map((report) => ratio(cyclesOf(report, name) ?? 0, cyclesOf(first, name) ?? 0)),
  ]);
  const between = [
    'between steps',
    ...reports.map((report) => whole(report.between.cycles)),
    ...others.map(() => ''),
  ];
  return `<h2>Cycles by layer</h2>
<div class="scroll">${htmlTable([headOf(reports), ...rows, between])}</div>`;
}

/** Names of the runs, and of each one's ratio to the first. */
const headOf = (reports: readonly RunReport[]): string[] =>
  reports.length === 1
    ? ['', nameOf(reports[0])]
    : [
        '',
        ...reports.map((report, i) => `${i + 1}: ${nameOf(report)}`),
        ...reports.slice(1).map((_, i) => `${i + 2} / 1`),
      ];

/** What of the energy model was fitted to published figures, which then confirm nothing about it. */
function fittedNote(): string {
  const fitted = Object.entries<Constant>(constants).filter(([, { basis }]) => basis === 'fitted');
  return fitted
    .map(([name, { source }]) =>
      escaped(
        `The energy model's constant ${name} is fitted (${source}): power and energy near that figure do not confirm it.`,
      ),
    )
    .join(' ');
}

/** Published figures of the networks that ran, with those of the runs. */
function published(reports: readonly RunReport[]): string {
  const row = (report: RunReport, figure: PublishedFigure, i: number): string[] => {
    const [name, of] = quantities[figure.quantity];
    const ours = of(report.bill);
    return [
      `${reports.length > 1 ? `${i + 1}: ` : ''}${name}`,
      figure.basis,
      figure.source,
      short(figure.value),
      short(ours),
      `${short(ours / figure.value)}×`,
    ];
  };
  const rows = reports.flatMap((report, i) =>
    report.complete
      ? publishedOf(report.network, accelerated(report)).map((figure) => row(report, figure, i))
      : [],
  );
  if (rows.length === 0) return '';
  return `<h2>Beside the published figures</h2>
<p class="soft">Of arXiv 2408.02473 at 0.65 V in 22 nm FD-SOI. <b>verbatim</b>: read in the abstract. <b>derived</b>: follows from those.
<b>recalled</b>: from memory of the paper, not confirmed by any source; nothing is accepted or rejected by it. The published
machine is the preset snitch-ita's; cycles are comparable in cluster timing only. ${fittedNote()}</p>
<div class="scroll">${htmlTable([['', 'known', 'where', 'published', 'here', 'ratio'], ...rows], 3)}</div>`;
}
