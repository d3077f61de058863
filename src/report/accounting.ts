/** Every cycle of a run under one heading, so that the difference of two runs says where cycles were gained. */
import type { RunReport, StepTime } from './report.ts';

export interface Item {
  readonly name: string;
  readonly cycles: number;
}

/** Items that add up to the cycles of the run. */
export function accountsOf({ statistics: { cycles, ita }, steps }: RunReport): Item[] {
  const idle = (engine: StepTime['engine']): number =>
    steps.reduce((sum, step) => (step.engine === engine ? sum + step.cycles - step.ita : sum), 0);
  const items = [
    { name: 'accelerator at work', cycles: ita.busyCycles - ita.stallCycles },
    { name: 'accelerator refused at the banks', cycles: ita.stallCycles },
    { name: 'accelerator idle in its own steps: control, transfers', cycles: idle('ita') },
    { name: 'accelerator idle while harts compute', cycles: idle('harts') },
  ].map(({ name, cycles: taken }) => ({ name, cycles: Math.round(taken) }));
  const rest = items.reduce((left, item) => left - item.cycles, cycles);
  return [...items, { name: 'between steps', cycles: rest }];
}
