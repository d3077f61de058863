/** What an exploration keeps of a run: the figures of its bill, named with their units. */
import type { Bill } from '../energy/bill.ts';

export interface Figure {
  readonly name: string;
  /** Which direction is better. */
  readonly better: 'more' | 'less';
  readonly doc: string;
  of(bill: Bill): number;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** In the order of columns. */
export const figures = [
  { name: 'cycles', better: 'less', doc: 'cycles of an inference', of: (b) => b.cycles },
  { name: 'infPerSecond', better: 'more', doc: 'inferences per second', of: (b) => b.infPerSecond },
  { name: 'gopPerSecond', better: 'more', doc: 'GOp/s', of: (b) => b.gopPerSecond },
  { name: 'milliwatts', better: 'less', doc: 'power, mW', of: (b) => b.milliwatts.nominal },
  {
    name: 'millijoules',
    better: 'less',
    doc: 'energy per inference, mJ',
    of: (b) => b.millijoulePerInference.nominal,
  },
  { name: 'gopPerJoule', better: 'more', doc: 'GOp/J', of: (b) => b.gopPerJoule.nominal },
  {
    name: 'itaBusy',
    better: 'more',
    doc: 'share of time the accelerator is busy',
    of: (b) => b.utilisation.itaBusy,
  },
  {
    name: 'itaPeak',
    better: 'more',
    doc: "share of the accelerator's peak",
    of: (b) => b.utilisation.itaPeak,
  },
  { name: 'dmaBusy', better: 'more', doc: 'share of time the DMA is busy', of: (b) => b.utilisation.dmaBusy },
  {
    name: 'hartsAwake',
    better: 'more',
    doc: 'share of time a hart is awake, mean over the harts',
    of: (b) => mean(b.utilisation.harts),
  },
] as const satisfies readonly Figure[];

export type FigureName = (typeof figures)[number]['name'];
export type Figures = Readonly<Record<FigureName, number>>;

/** Counts as they are, the rest with six significant digits: what a model of this kind can be read to. */
export const figuresOf = (bill: Bill): Figures =>
  Object.fromEntries(
    figures.map(({ name, of }) => {
      const value = of(bill);
      return [name, Number.isInteger(value) ? value : Number(value.toPrecision(6))];
    }),
  ) as Figures;

export const figureNames = figures.map(({ name }) => name);

export const figureNamed = (name: FigureName): Figure => figures.find((f) => f.name === name) as Figure;
