/** The counts of a run as a table. */
import type { Machine } from '../cluster/machine.ts';
import { bytesText, grouped, table } from './text.ts';

/** Instructions, cycles and sleep per hart, then devices and speed. `wallSeconds` is host time. */
export function printStatistics({ statistics, translators }: Machine, wallSeconds: number): string {
  const { harts, dma, ita, instructions, cycles } = statistics;
  const rows = harts.map((h) => [
    `hart ${h.hart}`,
    grouped(h.instructions),
    grouped(h.cycles),
    grouped(h.sleepCycles),
  ]);
  const lines = [
    table([
      ['', 'instructions', 'cycles', 'asleep'],
      ...rows,
      ['all', grouped(instructions), grouped(cycles), ''],
    ]),
    `ITA: ${grouped(ita.jobs)} jobs, ${grouped(ita.macs)} MAC, busy ${grouped(ita.busyCycles)} cycles`,
    `DMA: ${grouped(dma.transfers)} transfers, ${bytesText(dma.bytes)}, busy ${grouped(dma.busyCycles)} cycles`,
    ...translators.map(
      ({ statistics: t }) =>
        `translated: ${grouped(t.regions)} regions, ${grouped(t.instructions)} instructions, ${bytesText(t.bytes)} of WebAssembly, ${t.milliseconds.toFixed(1)} ms`,
    ),
    `wall: ${wallSeconds.toFixed(3)} s, ${(instructions / wallSeconds / 1e6).toFixed(1)} million instructions per second`,
  ];
  return `${lines.join('\n')}\n`;
}
