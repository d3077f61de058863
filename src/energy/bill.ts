/** What one inference takes: time, rate, power and energy, with the operations of the network for figures of merit. */
import { type EnergyConfig, energyOf, type EnergyReport } from './energy.ts';
import { type Estimate, inverse, times } from './estimate.ts';
import { awakeOf, type RunStatistics } from './events.ts';

export interface Bill {
  readonly cycles: number;
  readonly infPerSecond: number;
  /** Of one inference: two for each multiply-add of the network itself, padding not counted. */
  readonly operations: number;
  readonly gopPerSecond: number;
  readonly gopPerJoule: Estimate;
  readonly milliwatts: Estimate;
  readonly millijoulePerInference: Estimate;
  readonly utilisation: Utilisation;
  readonly energy: EnergyReport;
}

/** Shares of the run, 0 to 1. */
export interface Utilisation {
  /** Cycles in which the accelerator is busy, and its multiply-accumulates against the most it could do. */
  readonly itaBusy: number;
  readonly itaPeak: number;
  readonly dmaBusy: number;
  /** Cycles in which each hart is awake. */
  readonly harts: readonly number[];
}

/** Length of a dot product of the accelerator (accelerator specification §1). */
const DOT_PRODUCT = 64;

/** The share of its multipliers that an accelerator used, 0 to 1; 0 on a machine without one. */
export const peakShare = (
  { ita }: Pick<EnergyConfig, 'ita'>,
  { cycles, ita: { macs } }: Pick<RunStatistics, 'cycles' | 'ita'>,
): number => (ita && cycles > 0 ? macs / (ita.units * DOT_PRODUCT) / cycles : 0);

/**
 * The bill of a run that made one inference.
 * @param operations of the network, see `operationsOf`
 */
export function bill(config: EnergyConfig, statistics: RunStatistics, operations: number): Bill {
  const { cycles, ita, dma, harts } = statistics;
  const energy = energyOf(config, statistics);
  const infPerSecond = energy.seconds > 0 ? 1 / energy.seconds : 0;
  const share = (part: number): number => (cycles > 0 ? part / cycles : 0);
  return {
    cycles,
    infPerSecond,
    operations,
    gopPerSecond: (operations * infPerSecond) / 1e9,
    // 1 GOp/J is 1e6 operations per millijoule.
    gopPerJoule: times(inverse(energy.millijoules), operations / 1e6),
    milliwatts: energy.milliwatts,
    millijoulePerInference: energy.millijoules,
    utilisation: {
      itaBusy: share(ita.busyCycles),
      itaPeak: peakShare(config, statistics),
      dmaBusy: share(dma.busyCycles),
      harts: harts.map((h) => share(awakeOf(h))),
    },
    energy,
  };
}
