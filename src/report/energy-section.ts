/** Energy by component with the range in which each is known. */
import type { EnergyReport } from '../energy/energy.ts';
import { constants } from '../energy/constants.ts';
import { bars, type Bar } from './charts.ts';
import { htmlTable, percent, ranged, short } from './text.ts';

export function energySection({ components, millijoules }: EnergyReport): string {
  const used = components.filter((component) => component.millijoules.high > 0);
  const share = (value: number): number => (millijoules.nominal > 0 ? value / millijoules.nominal : 0);
  const rows = used.map(({ name, millijoules: part }): Bar => ({
    name,
    parts: [{ value: part.nominal, className: 'energy', tooltip: `${name}: ${ranged(part)} mJ` }],
    range: [part.low, part.high],
    note: `${short(part.nominal)} mJ, ${percent(share(part.nominal))}`,
  }));
  const table = [
    ['component', 'event', 'known', 'events', 'mJ'],
    ...used.flatMap(({ name, items }) =>
      items
        .filter(({ events }) => events > 0)
        .map(({ constant, events, millijoules: part }) => [
          name,
          constant,
          constants[constant].basis,
          short(events),
          ranged(part),
        ]),
    ),
  ];
  const most = Math.max(...used.map((component) => component.millijoules.high), 0);
  return `<p class="soft">${ranged(millijoules)} mJ in all; bars are nominal, whiskers the range in which the model's constants are known.</p>
<figure>${bars('energy by component', rows, most)}</figure>
<details><summary>by event</summary><div class="scroll">${htmlTable(table, 3)}</div></details>`;
}
