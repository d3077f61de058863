/** The model beside published figures: the fit of its one free constant, and what it makes of the others (docs/energy.md). */
import { alignedTable } from '../markdown.ts';
import { constants, type EnergyOverrides } from './constants.ts';
import { type ComponentName, type EnergyConfig, energyOf, type EnergyReport } from './energy.ts';
import { type Estimate, estimate, inverse, sumOf, threeDigits, times } from './estimate.ts';
import type { RunStatistics } from './events.ts';
import { operatingPoints } from './operating-point.ts';
import { type FigureName, published, type PublishedFigure } from './published.ts';

/** A run whose counts are kept, so that the fit can be done again without it. */
export interface RecordedRun {
  /** What ran, and on what. */
  readonly about: string;
  readonly config: EnergyConfig;
  readonly statistics: RunStatistics;
}

/** The runs that figures are compared with, by the names of their files in fixtures/energy. */
export const recordedRuns = ['mobilebert', 'product32', 'product8', 'attention'] as const;
export type RecordedRuns = Readonly<Record<(typeof recordedRuns)[number], RecordedRun>>;

/** Inferences of MobileBERT a second at 425 MHz (arXiv 2408.02473v1, abstract). */
const PUBLISHED_RATE = 32.5;

/** Multiply-accumulates of firmware/apps/product32.c and product8.c: rounds times 64³. */
const PRODUCT32_MACS = 8 * 64 ** 3;
const PRODUCT8_MACS = 16 * 64 ** 3;

/**
 * The energy of a cluster cycle, pJ at 0.8 V, with which a run that made one inference takes the published power at the
 * published rate. The work is that of the run; the time is the published one, as an emulated schedule is not the
 * published one to the cycle. Power is a straight line over the constant. The range is what the other constants leave
 * when they are all at their high, or low, end.
 */
export function fittedClusterCycle(
  { config, statistics: counted }: RecordedRun,
  milliwatts: number,
  infPerSecond: number,
): Estimate {
  const statistics = { ...counted, cycles: (config.operatingPoint.megahertz * 1e6) / infPerSecond };
  const power = (clusterCycle: number): Estimate =>
    energyOf({ ...config, energy: { ...config.energy, clusterCycle } }, statistics).milliwatts;
  const without = power(0);
  const slope = power(1).nominal - without.nominal;
  const fit = (others: number): number => Math.max(0, (milliwatts - others) / slope);
  return estimate(fit(without.high), fit(without.nominal), fit(without.low));
}

/** A published figure and the model's. */
export interface Comparison extends PublishedFigure {
  readonly model: Estimate;
}

/** What a tile of harts has of a cluster; no wide bus, DMA or accelerator. */
const TILE: ReadonlySet<ComponentName> = new Set(['harts', 'instruction cache', 'TCDM accesses']);

const report = ({ config, statistics }: RecordedRun): EnergyReport => energyOf(config, statistics);

/** Of one multiply-accumulate. */
const picojoules = (millijoules: Estimate, macs: number): Estimate => times(millijoules, 1e9 / macs);

/** Operations per picojoule, TOp/J, where so many operations take an energy in pJ. */
const perPicojoule = (energy: Estimate, operations: number): Estimate => times(inverse(energy), operations);

/** The model's value for every figure. */
export function comparisons(runs: RecordedRuns): readonly Comparison[] {
  const { mobilebert, product32, product8, attention } = runs;
  const at08 = { ...product32.config, operatingPoint: operatingPoints['0.8V'] };
  const tile = report({ ...product32, config: at08 }).components.filter(({ name }) => TILE.has(name));
  const mac32 = picojoules(sumOf(tile.map((c) => c.millijoules)), PRODUCT32_MACS);
  const macs = attention.statistics.ita.macs;
  const model: Readonly<Record<FigureName, Estimate>> = {
    itaAlone: perPicojoule(constants.itaMacCycle.value, 2048),
    mobileBertPower: report(mobilebert).milliwatts,
    mobileBertEnergy: report(mobilebert).millijoules,
    snitchMac: mac32,
    memPoolMac: mac32,
    vegaBytes: times(perPicojoule(picojoules(report(product8).millijoules, PRODUCT8_MACS), 2), 1e3),
    hartsOnly: report(product32).milliwatts,
    attentionHead: perPicojoule(picojoules(report(attention).millijoules, macs), 2),
  };
  return (Object.keys(published) as FigureName[]).map((name) => ({ ...published[name], model: model[name] }));
}

/** The fit to MobileBERT's published power and rate, with other energies than the table's where they are given. */
export const fitOf = ({ mobilebert }: RecordedRuns, energy: EnergyOverrides = {}): Estimate =>
  fittedClusterCycle(
    { ...mobilebert, config: { ...mobilebert.config, energy } },
    published.mobileBertPower.value,
    PUBLISHED_RATE,
  );

/** The comparison as docs/energy.md shows it. */
export function calibrationForPage(runs: RecordedRuns): string {
  const fit = fitOf(runs);
  const { high } = constants.itaWord.value;
  const other = fitOf(runs, { itaWord: high });
  const rows = comparisons(runs).map(({ what, value, unit, tag, use, model }) => [
    what,
    `${value} ${unit}`,
    tag,
    use,
    threeDigits(model.nominal),
    `${threeDigits(model.low)} to ${threeDigits(model.high)}`,
    `${((model.nominal / value - 1) * 100).toFixed(0)} %`,
  ]);
  const head = ['figure', 'published', 'known', 'used for', 'model', 'range', 'deviation'];
  return [
    `The fit: a cluster cycle takes ${threeDigits(fit.nominal)} pJ (${threeDigits(fit.low)} to ${threeDigits(fit.high)}) at 0.8 V; ${threeDigits(other.nominal)} pJ if a word at the accelerator's port took ${high} pJ.`,
    '',
    alignedTable([head, ...rows]),
  ].join('\n');
}
