/** The parameters of cluster timing, the cycle-approximate model (docs/machine.md), and their validation. */
import { type CoreName, coreNames, type CoreTiming, coreTimings } from '../hart/core-timing.ts';
import type { IcacheConfig } from '../hart/icache.ts';

export const timingModes = ['instruction', 'cluster'] as const;

/** `instruction`: every retired instruction is one cycle. `cluster`: stalls, bank conflicts and fetches cost cycles. */
export type TimingMode = (typeof timingModes)[number];

/** Register files that harts access over the cluster's crossbars. */
export const registerFiles = ['ita', 'dma', 'events', 'cluster', 'clint', 'uart'] as const;
export type RegisterFile = (typeof registerFiles)[number];

/** Everything cluster timing depends on. In cycles where nothing else is said. */
export interface TimingConfig {
  readonly mode: TimingMode;
  /** Whose pipeline the harts have. */
  readonly core: CoreName;
  readonly cores: Readonly<Record<CoreName, CoreTiming>>;
  /** From a load from the TCDM to the first instruction that can use its data, without conflicts. Both cores: 2. */
  readonly tcdmCycles: number;
  /**
   * The same for main memory. Snitch cluster documentation, "Trace Analysis": a load from 0x80004ce8 writes back 10
   * cycles after it is issued.
   */
  readonly dramLoadCycles: number;
  /** A store to main memory is posted; the narrow bus takes one every so many cycles (assumption). */
  readonly dramStoreCycles: number;
  readonly icache: IcacheConfig;
  /**
   * From a load to the first use, for each register file. Accelerator specification §11.3: the loop that polls HWPE_BUSY
   * (load, test, branch) takes 10 cycles, so `cluster` is 8; the accelerator lies behind a converter (assumption: 2
   * more), CLINT and UART outside the cluster as main memory does.
   */
  readonly registerLoadCycles: Readonly<Record<RegisterFile, number>>;
  /** Posted stores, as for main memory (assumption); the converter makes two of one for the accelerator. */
  readonly registerStoreCycles: Readonly<Record<RegisterFile, number>>;
  /** From what ends a sleep to the first instruction (assumption: the clock is gated, the pipeline empty). */
  readonly wakeCycles: number;
  /** From the last arrival at a barrier to its release (assumption: a register on the way there and back). */
  readonly barrierCycles: number;
}

const same = <T>(value: T): Record<RegisterFile, T> =>
  Object.fromEntries(registerFiles.map((file) => [file, value])) as Record<RegisterFile, T>;

/** Instruction timing, and what cluster timing is with a core. */
export const timingOf = (core: CoreName): TimingConfig => ({
  mode: 'instruction',
  core,
  cores: coreTimings,
  tcdmCycles: 2,
  dramLoadCycles: 11,
  dramStoreCycles: 2,
  icache: {
    bytes: 8192,
    ways: 2,
    lineBytes: 32,
    l0Lines: 8,
    l0MissCycles: 3,
    l0PrefetchedCycles: 0,
    refillCycles: 14,
  },
  registerLoadCycles: { ...same(8), ita: 10, clint: 11, uart: 11 },
  registerStoreCycles: { ...same(2), ita: 3 },
  wakeCycles: 4,
  barrierCycles: 2,
});

/** A predicate over a field, by its path within the configuration, and what is expected in words. */
type Check = readonly [field: string, holds: (timing: TimingConfig) => boolean, expected: string];

const whole = (value: unknown, low: number, high: number): boolean =>
  Number.isInteger(value) && (value as number) >= low && (value as number) <= high;

const powerOfTwo = (value: number, low: number, high: number): boolean =>
  whole(value, low, high) && (value & (value - 1)) === 0;

const cycles = (field: string, low: number, high: number, value: (timing: TimingConfig) => number): Check => [
  `timing.${field}`,
  (t) => whole(value(t), low, high),
  `a whole number from ${low} to ${high}`,
];

/** Cycles that every number of a core lies within. */
const CORE_CYCLES = 100;

const coreChecks = coreNames.flatMap((name): Check[] => [
  [`timing.cores.${name}.scoreboard`, (t) => typeof t.cores[name].scoreboard === 'boolean', 'true or false'],
  ...(Object.keys(coreTimings[name]) as (keyof CoreTiming)[])
    .filter((field) => field !== 'scoreboard')
    .map((field) => {
      const low = field === 'misalignedCycles' || field === 'atomicCycles' ? 0 : 1;
      return cycles(`cores.${name}.${field}`, low, CORE_CYCLES, (t) => t.cores[name][field]);
    }),
]);

/** What every machine's timing satisfies. */
export const timingChecks: readonly Check[] = [
  ['timing.mode', (t) => timingModes.includes(t.mode), timingModes.map((m) => `'${m}'`).join(' or ')],
  ['timing.core', (t) => coreNames.includes(t.core), coreNames.map((c) => `'${c}'`).join(' or ')],
  ...coreChecks,
  cycles('tcdmCycles', 1, 100, (t) => t.tcdmCycles),
  cycles('dramLoadCycles', 1, 250, (t) => t.dramLoadCycles),
  cycles('dramStoreCycles', 1, 250, (t) => t.dramStoreCycles),
  [
    'timing.icache.lineBytes',
    (t) => powerOfTwo(t.icache.lineBytes, 8, 4096),
    'a power of two from 8 to 4096',
  ],
  ['timing.icache.l0Lines', (t) => powerOfTwo(t.icache.l0Lines, 1, 64), 'a power of two from 1 to 64'],
  ['timing.icache.ways', (t) => whole(t.icache.ways, 1, 16), 'a whole number from 1 to 16'],
  [
    'timing.icache.bytes',
    ({ icache: { bytes, ways, lineBytes } }) => powerOfTwo(bytes / ways / lineBytes, 1, 1 << 14),
    'a power of two of sets, each of ways × lineBytes bytes',
  ],
  cycles('icache.l0MissCycles', 0, 1000, (t) => t.icache.l0MissCycles),
  cycles('icache.l0PrefetchedCycles', 0, 1000, (t) => t.icache.l0PrefetchedCycles),
  cycles('icache.refillCycles', 0, 1000, (t) => t.icache.refillCycles),
  ...registerFiles.flatMap((file) => [
    cycles(`registerLoadCycles.${file}`, 1, 1000, (t) => t.registerLoadCycles[file]),
    cycles(`registerStoreCycles.${file}`, 1, 1000, (t) => t.registerStoreCycles[file]),
  ]),
  cycles('wakeCycles', 0, 1000, (t) => t.wakeCycles),
  cycles('barrierCycles', 1, 1000, (t) => t.barrierCycles),
];
