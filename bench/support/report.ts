/** Measurements as tables: Markdown, for people at a terminal and for docs/performance.md alike. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { format, resolveConfig } from 'prettier';
import type { Measurement } from './compare.ts';
import { type EngineName, engineNames, engines } from './engines.ts';
import type { Hello } from './hello.ts';
import type { MobileBert } from './mobilebert.ts';
import { geometricMean } from './process.ts';

/** The machine that figures hold for. */
export interface Host {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly platform: string;
}

export const host = (): Host => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cpus: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${process.platform} ${process.arch}`,
});

export interface Figures {
  readonly date: string;
  readonly node: string;
  readonly host: Host;
  readonly runs: number;
  /** Load of the machine in the minute before: other work makes wall times longer. */
  readonly load: readonly [before: number, after: number];
  readonly integer: readonly Measurement[];
  /** The same with a quarter of the work: start and translation weigh four times as much. */
  readonly short: readonly Measurement[];
  readonly other: readonly Measurement[];
  readonly mobilebert: MobileBert | null;
  readonly hello: Hello;
}

export type Clock = 'wall' | 'cpu';
type Peer = Exclude<EngineName, 'octet'>;
const peers = engineNames.filter((name): name is Peer => name !== 'octet');

/** octet's speed over each peer's: the geometric mean over the workloads; null for a peer that is not installed. */
export const geometricMeans = (rows: readonly Measurement[], clock: Clock): Record<Peer, number | null> =>
  Object.fromEntries(
    peers.map((peer) => {
      const ratios = rows.map((row) => row.ratio[clock][peer]);
      return [peer, ratios.every((r) => r !== undefined) && ratios.length > 0 ? geometricMean(ratios) : null];
    }),
  ) as Record<Peer, number | null>;

/** A Markdown table with aligned columns, so that it also reads well unrendered. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join(' | ')} |`;
  const rule = `| ${widths.map((w, c) => (c === 0 ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`)).join(' | ')} |`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}

const whole = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value.toFixed(0);
const times = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : `${value.toFixed(2)} ×`;

function speedTable(rows: readonly Measurement[], clock: Clock): string {
  const shown = engineNames.filter((name) => rows.some((row) => row[clock][name] !== null));
  const means = geometricMeans(rows, clock);
  const over = peers.filter((name) => shown.includes(name));
  return table([
    [
      'workload',
      ...shown.map((name) => engines[name].label),
      ...over.map((name) => `/ ${engines[name].label}`),
    ],
    ...rows.map((row) => [
      row.name,
      ...shown.map((name) => whole(row[clock][name])),
      ...over.map((name) => times(row.ratio[clock][name])),
    ]),
    ['geometric mean', ...shown.map(() => ''), ...over.map((name) => times(means[name]))],
  ]);
}

const detailTable = (rows: readonly Measurement[]): string =>
  table([
    ['workload', 'instructions', 'checksum', 'in process', 'checksum also by', 'count also by'],
    ...rows.map((row) => [
      row.name,
      row.instructions.toLocaleString('en-US'),
      row.checksum,
      whole(row.inProcess),
      row.checkedBy.checksum.join(', ') || '–',
      row.checkedBy.count.join(', ') || '–',
    ]),
  ]);

function otherTable(rows: readonly Measurement[]): string {
  const shown = engineNames.filter((name) => rows.some((row) => row.wall[name] !== null));
  return table([
    ['workload', 'harts', 'instructions', ...shown.map((name) => engines[name].label), 'octet in process'],
    ...rows.map((row) => [
      row.name,
      String(row.harts),
      row.instructions.toLocaleString('en-US'),
      ...shown.map((name) => whole(row.wall[name])),
      whole(row.inProcess),
    ]),
  ]);
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** MobileBERT: the times, then where they go. */
export function mobilebertText({
  layers,
  seconds,
  command,
  inferences,
  memoryRatio,
  cpuSeconds,
}: MobileBert): string {
  const { parts } = inferences;
  const named: Readonly<Record<string, string>> = { ita: 'ITA', dma: 'DMA' };
  const devices = Object.entries(parts.devices).sort(([, a], [, b]) => b - a);
  const others = devices.filter(([name]) => !(name in named)).reduce((sum, [, ms]) => sum + ms, 0);
  const row = (what: string, milliseconds: number): string[] => [
    what,
    milliseconds.toFixed(1),
    `${((100 * milliseconds) / parts.whole).toFixed(1)} %`,
  ];
  return [
    `${layers} layers, S=128, every inference equal to the integer reference:`,
    '',
    table([
      ['seconds', 'wall', 'processor'],
      ['warm, in one process', seconds.warm.toFixed(3), cpuSeconds.warm.toFixed(3)],
      ['first in the process', seconds.first.toFixed(3), inferences.cpuSeconds[0].toFixed(3)],
      ['`octet infer`, whole process', seconds.commandLine.toFixed(3), cpuSeconds.commandLine.toFixed(3)],
      ['– of this preparing: network, plan, ELF file', command.build.toFixed(3), ''],
      ['– of this the run', command.run.toFixed(3), ''],
      ["– of this Node's start and the report", command.node.toFixed(3), ''],
    ]),
    '',
    'Where one warm inference spends its time (with devices timed):',
    '',
    table([
      ['part', 'ms', 'share'],
      row('harts', parts.harts),
      row('translation', parts.translation),
      ...Object.entries(named).map(([name, label]) => row(label, parts.devices[name] ?? 0)),
      row('other devices', others),
      row('machine and load', parts.machine),
      row('all', parts.whole),
    ]),
    '',
    `The harts retire ${(inferences.instructions / 1e6).toFixed(1)} million instructions; the ITA makes ` +
      `${(inferences.macs / 1e9).toFixed(2)} × 10⁹ multiply-accumulates, ` +
      `${(inferences.macs / 1e6 / (parts.devices['ita'] ?? Infinity)).toFixed(1)} GMAC/s.`,
    '',
    `Memory after ${inferences.seconds.length} inferences in one process: peak ${mebibytes(inferences.peakBytes[1])}, ` +
      `${memoryRatio.toFixed(2)} × that after the first (${mebibytes(inferences.peakBytes[0])}).`,
  ].join('\n');
}

const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(0)} ms`;

export const helloText = ({ octet, node, cpu }: Hello): string =>
  `\`octet run\` of hello world: ${milliseconds(octet)} wall, ${milliseconds(cpu.octet)} processor; ` +
  `\`node -e 0\`: ${milliseconds(node)}, ${milliseconds(cpu.node)}.`;

/** The whole report. */
export function report(figures: Figures): string {
  const { host: machine, integer, other, mobilebert } = figures;
  return [
    `${figures.date}, Node ${figures.node}, ${machine.cpus} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.platform}; ` +
      `load ${figures.load.map((l) => l.toFixed(1)).join(' to ')}; medians of ${figures.runs}.`,
    '',
    'Whole processes by the wall clock, MIPS:',
    '',
    speedTable(integer, 'wall'),
    '',
    'Whole processes by processor time of all threads, MIPS:',
    '',
    speedTable(integer, 'cpu'),
    '',
    'The same by the wall clock with a quarter of the work, where start and translation weigh four times as much:',
    '',
    speedTable(figures.short, 'wall'),
    '',
    'Instructions of a run, and MIPS of octet without the start of Node:',
    '',
    detailTable(integer),
    '',
    ...(other.length > 0
      ? ['Other workloads, MIPS over all harts, wall clock:', '', otherTable(other), '']
      : []),
    ...(mobilebert ? ['MobileBERT:', '', mobilebertText(mobilebert), ''] : []),
    'Start-up:',
    '',
    helloText(figures.hello),
  ].join('\n');
}

const BEGIN = '<!-- measured -->';
const END = '<!-- /measured -->';

/** Replaces what stands between the two marks of a page. @throws Error where they are missing */
export async function writeInto(file: string, text: string): Promise<void> {
  const page = readFileSync(file, 'utf8');
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${file}: expected the marks ${BEGIN} and ${END}`);
  const replaced = `${page.slice(0, from + BEGIN.length)}\n\n${text}\n\n${page.slice(to)}`;
  writeFileSync(file, await format(replaced, { ...(await resolveConfig(file)), filepath: file }));
}
