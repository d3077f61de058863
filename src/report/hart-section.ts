/** What each hart did with its cycles: work, stalls by cause, sleep. */
import { bars, type Bar, legend } from './charts.ts';
import type { RunReport } from './report.ts';
import { htmlTable, percent, short, whole } from './text.ts';

/** Causes of stalls, with their colours and what each means. */
const causes = [
  ['pipeline', 'pipeline: results awaited, taken branches, long instructions'],
  ['fetch', 'instruction cache misses'],
  ['tcdm', 'TCDM bank conflicts'],
  ['dram', 'main memory'],
  ['device', 'device registers'],
] as const;

/** Bars of the cycles of each hart, and the counts behind them. */
export function hartSection({ statistics }: RunReport): string {
  const { harts, cycles, ita } = statistics;
  const counted = harts.some(({ events }) => events !== undefined);
  const rows = harts.map(({ hart, cycles: own, sleepCycles, events }): Bar => {
    const stalls = causes.map(([cause]) => events?.stalls[cause] ?? 0);
    const stalled = stalls.reduce((sum, part) => sum + part, 0);
    // The hart's own time ends before the run's where others went on.
    const asleep = cycles - own + sleepCycles;
    const working = Math.max(0, cycles - asleep - stalled);
    const part = (value: number, className: string, name: string) => ({
      value,
      className,
      tooltip: `hart ${hart}, ${name}: ${whole(value)} cycles, ${percent(value / Math.max(1, cycles))}`,
    });
    return {
      name: `hart ${hart}`,
      parts: [
        part(working, 'harts', 'working'),
        ...causes.map(([cause, meaning], i) => part(stalls[i], cause, meaning)),
        part(asleep, 'asleep', 'asleep'),
      ],
      note: `${percent(working / Math.max(1, cycles))} working`,
    };
  });
  const colours = [
    ['harts', 'working'],
    ...(counted ? causes.map(([cause, meaning]) => [cause, meaning] as const) : []),
    ['asleep', 'asleep'],
  ] as const;
  const head = ['', 'instructions', 'asleep'];
  const more = [
    'cycles per instruction',
    ...causes.map(([cause]) => `stalls: ${cause}`),
    'TCDM accesses',
    'I-cache misses',
  ];
  const table = [
    counted ? [...head, ...more] : head,
    ...harts.map(({ hart, instructions, cycles: own, sleepCycles, events }) => [
      `hart ${hart}`,
      whole(instructions),
      whole(sleepCycles),
      ...(events
        ? [
            instructions > 0 ? short((own - sleepCycles) / instructions) : '',
            ...causes.map(([cause]) => whole(events.stalls[cause])),
            whole(events.tcdmAccesses),
            whole(events.icacheMisses),
          ]
        : []),
    ]),
  ];
  const note = counted
    ? `The accelerator was busy ${whole(ita.stallCycles)} cycles longer than with its memory port to itself.`
    : 'Instruction timing counts no stalls: every instruction takes one cycle (--timing cluster).';
  return `${legend(colours)}
<figure>${bars('cycles of each hart', rows, cycles)}</figure>
<p class="soft">${note}</p>
<details><summary>as a table</summary><div class="scroll">${htmlTable(table)}</div></details>`;
}
