/** The counts of a run as tables. */
import type { HartStatistics, Machine, Statistics } from '../cluster/machine.ts';
import { peakShare } from '../energy/bill.ts';
import { energyOf } from '../energy/energy.ts';
import type { TranslatorStatistics } from '../jit/translator.ts';
import { rangeText } from './bill.ts';
import { bytesText, grouped, table } from './text.ts';

/** What was translated for a machine, over all its instruction sets; undefined where nothing was. */
export function translationOf({ translators }: Machine): TranslatorStatistics | undefined {
  const sum = { regions: 0, instructions: 0, bytes: 0, milliseconds: 0 };
  for (const { statistics } of translators) {
    sum.regions += statistics.regions;
    sum.instructions += statistics.instructions;
    sum.bytes += statistics.bytes;
    sum.milliseconds += statistics.milliseconds;
  }
  return sum.regions > 0 ? sum : undefined;
}

/**
 * Instructions, cycles and sleep per hart; in cluster timing also cycles per instruction and where cycles and accesses
 * went; then devices, energy and speed. `wallSeconds` is host time.
 */
export function printStatistics(machine: Machine, wallSeconds: number): string {
  const { statistics, config } = machine;
  const translation = translationOf(machine);
  const { harts, dma, ita, instructions, cycles } = statistics;
  const energy = energyOf(config, statistics);
  const { volts, megahertz } = energy.operatingPoint;
  const lines = [
    hartTable(statistics),
    ...(harts.some((h) => h.events) ? ['', eventTable(harts), ''] : []),
    `ITA: ${grouped(ita.jobs)} jobs, ${grouped(ita.macs)} MAC, busy ${grouped(ita.busyCycles)} cycles (${percent(ita.busyCycles, cycles)}), ` +
      `${grouped(ita.stallCycles)} of them refused at the banks, multipliers used ${percent(peakShare(config, statistics), 1)}`,
    `DMA: ${grouped(dma.transfers)} transfers, ${bytesText(dma.bytes)}, busy ${grouped(dma.busyCycles)} cycles (${percent(dma.busyCycles, cycles)})`,
    `energy: ${rangeText(energy.millijoules)} mJ, ${rangeText(energy.milliwatts)} mW at ${volts} V, ${megahertz} MHz`,
    ...(translation ? [translationText(translation)] : []),
    `wall: ${wallSeconds.toFixed(3)} s, ${(instructions / wallSeconds / 1e6).toFixed(1)} million instructions per second`,
  ];
  return `${lines.join('\n')}\n`;
}

const percent = (part: number, whole: number): string =>
  `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;

const perInstruction = (h: HartStatistics): string =>
  h.instructions > 0 ? ((h.cycles - h.sleepCycles) / h.instructions).toFixed(2) : '-';

/** Cycles per instruction make sense where instructions take more than one. */
function hartTable({ harts, instructions, cycles }: Statistics): string {
  const timed = harts.some((h) => h.events);
  return table([
    ['', 'instructions', 'cycles', 'asleep', ...(timed ? ['CPI'] : [])],
    ...harts.map((h) => [
      `hart ${h.hart}`,
      grouped(h.instructions),
      grouped(h.cycles),
      grouped(h.sleepCycles),
      ...(timed ? [perInstruction(h)] : []),
    ]),
    ['all', grouped(instructions), grouped(cycles), '', ...(timed ? [''] : [])],
  ]);
}

type Column = readonly [title: string, count: (events: NonNullable<HartStatistics['events']>) => number];

/** Stall cycles by cause, then accesses and instruction fetches. */
const COLUMNS: readonly Column[] = [
  ['pipeline', (e) => e.stalls.pipeline],
  ['fetch', (e) => e.stalls.fetch],
  ['bank conflicts', (e) => e.stalls.tcdm],
  ['DRAM', (e) => e.stalls.dram],
  ['devices', (e) => e.stalls.device],
  ['TCDM accesses', (e) => e.tcdmAccesses],
  ['DRAM accesses', (e) => e.dramAccesses],
  ['L0 misses', (e) => e.fetches],
  ['I-cache misses', (e) => e.icacheMisses],
];

const eventTable = (harts: readonly HartStatistics[]): string =>
  table([
    ['stalled by', ...COLUMNS.map(([title]) => title)],
    ...harts.map(({ hart, events }) => [
      `hart ${hart}`,
      ...COLUMNS.map(([, count]) => (events ? grouped(count(events)) : '')),
    ]),
  ]);

const translationText = ({ regions, instructions, bytes, milliseconds }: TranslatorStatistics): string =>
  `translated: ${grouped(regions)} regions, ${grouped(instructions)} instructions, ${bytesText(bytes)} of WebAssembly, ${milliseconds.toFixed(1)} ms`;
