/** The energy of a run: its events times what each costs, and power times time (docs/energy.md). */
import type { MachineConfig } from '../cluster/config.ts';
import type { TimingConfig } from '../cluster/timing.ts';
import { type ConstantName, type ConstantValues, valuesOf } from './constants.ts';
import { type Estimate, sumOf, times } from './estimate.ts';
import { eventsOf, type RunStatistics } from './events.ts';
import { dynamicScale, leakageScale, type OperatingPoint } from './operating-point.ts';

/** Parts of the cluster that energy is reported by. */
export const componentNames = [
  'harts',
  'instruction cache',
  'TCDM accesses',
  'narrow bus',
  'DMA',
  'ITA',
  'ITA port',
  'clock tree',
  'leakage',
] as const;
export type ComponentName = (typeof componentNames)[number];

/** What one constant of the table contributes. */
export interface EnergyItem {
  readonly constant: ConstantName;
  /** How often; for leakage, seconds. */
  readonly events: number;
  readonly millijoules: Estimate;
}

export interface EnergyComponent {
  readonly name: ComponentName;
  readonly millijoules: Estimate;
  readonly items: readonly EnergyItem[];
}

export interface EnergyReport {
  readonly operatingPoint: OperatingPoint;
  /** Time of the run at that clock. */
  readonly seconds: number;
  readonly millijoules: Estimate;
  /** Mean over the run. */
  readonly milliwatts: Estimate;
  /** In the order of `componentNames`; their energies add up, their ranges as errors independent of each other. */
  readonly components: readonly EnergyComponent[];
  /** What the figures leave out or estimate, in sentences. */
  readonly notes: readonly string[];
}

/** What of a machine decides on energy. */
export type EnergyConfig = Pick<
  MachineConfig,
  'harts' | 'tcdmBytes' | 'tcdmBanks' | 'ita' | 'operatingPoint' | 'energy'
> & { readonly timing: Pick<TimingConfig, 'core'> };

/**
 * Shares of the clock tree and of leakage by what a machine has, 1 for the published instance: 9 harts, 128 KiB of TCDM
 * in 32 banks, one accelerator. Assumed from areas: the accelerator takes 0.17 mm² (arXiv 2307.03493) of about 1 mm².
 */
const SHARE = { harts: 0.25, tcdm: 0.4, ita: 0.2, rest: 0.15 } as const;
const PUBLISHED = { harts: 9, tcdmBytes: 128 * 1024, tcdmBanks: 32 } as const;

const sizeOf = ({ harts, ita }: EnergyConfig, tcdm: number): number =>
  SHARE.rest + SHARE.harts * (harts / PUBLISHED.harts) + SHARE.tcdm * tcdm + (ita ? SHARE.ita : 0);

/** 1e9 pJ are a millijoule. */
const PICOJOULES = 1e9;

/**
 * Energy and power of a run at the machine's operating point.
 *
 * The border is that of the cluster: main memory, its controller and the pads are outside. Without the events of
 * cluster timing, accesses and fetches are estimated from instructions, and `notes` says so.
 */
export function energyOf(config: EnergyConfig, statistics: RunStatistics): EnergyReport {
  const { operatingPoint } = config;
  const events = eventsOf(statistics);
  const values = valuesOf(config.energy);
  const seconds = statistics.cycles / (operatingPoint.megahertz * 1e6);
  const dynamic = dynamicScale(operatingPoint) / PICOJOULES;
  const item = (constant: ConstantName, count: number): EnergyItem => ({
    constant,
    events: count,
    millijoules: times(values[constant], count * dynamic),
  });
  const { core } = config.timing;
  const clock = sizeOf(config, config.tcdmBytes === 0 ? 0 : config.tcdmBanks / PUBLISHED.tcdmBanks);
  const items: Readonly<Record<ComponentName, readonly EnergyItem[]>> = {
    harts: [
      item(`${core}Instruction`, events.instructions),
      item(`${core}Cycle`, events.awakeCycles),
      item('sleepCycle', events.sleepCycles),
      item(`${core}Multiply`, events.multiplies),
      item('division', events.divisions),
    ],
    'instruction cache': [item('fetch', events.fetches), item('icacheMiss', events.icacheMisses)],
    'TCDM accesses': [item('tcdmAccess', events.tcdmAccesses)],
    'narrow bus': [item('dramAccess', events.dramAccesses)],
    DMA: [item('dmaByte', statistics.dma.bytes)],
    ITA: [item('itaMacCycle', events.itaMacCycles), item('itaStallCycle', events.itaStallCycles)],
    'ITA port': [item('itaWord', events.itaWords)],
    'clock tree': [item('clusterCycle', statistics.cycles * clock)],
    leakage: [leakageOf(config, values, seconds)],
  };
  const components = componentNames.map((name) => ({
    name,
    millijoules: sumOf(items[name].map((i) => i.millijoules)),
    items: items[name],
  }));
  const millijoules = sumOf(components.map((c) => c.millijoules));
  return {
    operatingPoint,
    seconds,
    millijoules,
    milliwatts: times(millijoules, seconds > 0 ? 1 / seconds : 0),
    components,
    notes: events.notes,
  };
}

/** 1 mW for 1 s is 1 mJ. */
function leakageOf(config: EnergyConfig, values: ConstantValues, seconds: number): EnergyItem {
  const size = sizeOf(config, config.tcdmBytes / PUBLISHED.tcdmBytes);
  return {
    constant: 'leakage',
    events: seconds,
    millijoules: times(values.leakage, size * leakageScale(config.operatingPoint) * seconds),
  };
}
