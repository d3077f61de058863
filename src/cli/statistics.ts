/** The counts of a run as a table. */
import type { Machine } from '../cluster/machine.ts';
import type { TranslatorStatistics } from '../jit/translator.ts';
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

/** Instructions, cycles and sleep per hart, then devices and speed. `wallSeconds` is host time. */
export function printStatistics(machine: Machine, wallSeconds: number): string {
  const { statistics } = machine;
  const translation = translationOf(machine);
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
    ...(translation ? [translationText(translation)] : []),
    `wall: ${wallSeconds.toFixed(3)} s, ${(instructions / wallSeconds / 1e6).toFixed(1)} million instructions per second`,
  ];
  return `${lines.join('\n')}\n`;
}

const translationText = ({ regions, instructions, bytes, milliseconds }: TranslatorStatistics): string =>
  `translated: ${grouped(regions)} regions, ${grouped(instructions)} instructions, ${bytesText(bytes)} of WebAssembly, ${milliseconds.toFixed(1)} ms`;
