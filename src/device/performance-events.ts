/**
 * What can be counted, in one table: from it derive the selectors of `mhpmevent` and of the cluster peripherals'
 * counters (the same numbers), the constants of the C header, and the table in docs/machine.md.
 */

import { alignedTable } from '../markdown.ts';

export interface PerformanceEventRow {
  /** The value of `mhpmevent` and PERF_ENABLE; 0 counts nothing. */
  readonly code: number;
  /** Whether each hart has its own count, or the cluster one. */
  readonly scope: 'hart' | 'cluster';
  /** Counted in cluster timing only; in instruction timing the count stays 0. */
  readonly clusterTiming?: true;
  readonly doc: string;
}

const hart = (code: number, doc: string): PerformanceEventRow => ({ code, scope: 'hart', doc });
const timed = (code: number, doc: string): PerformanceEventRow => ({
  ...hart(code, doc),
  clusterTiming: true,
});
const cluster = (code: number, doc: string): PerformanceEventRow => ({ code, scope: 'cluster', doc });

export const performanceEvents = {
  CYCLES: cluster(1, 'Cycles since reset.'),
  INSTRUCTIONS: hart(2, 'Instructions retired by the hart.'),
  SLEEP_CYCLES: hart(3, 'Cycles the hart slept (wfi, barrier, event unit).'),
  DMA_TRANSFERS: cluster(8, 'DMA transfers finished, cluster-wide.'),
  DMA_BYTES: cluster(9, 'Bytes moved by the DMA, cluster-wide.'),
  DMA_BUSY_CYCLES: cluster(10, 'Cycles in which the DMA was busy, over finished transfers.'),
  DMA_BEATS: cluster(11, 'Beats of the DMA on the wide bus, over finished transfers.'),
  ITA_JOBS: cluster(16, 'Accelerator jobs finished.'),
  ITA_BUSY_CYCLES: cluster(17, 'Cycles in which the accelerator was busy, over finished jobs.'),
  ITA_MACS: cluster(18, 'Multiply-accumulates done by the accelerator, over finished jobs.'),
  ITA_STALL_CYCLES: cluster(
    19,
    'Busy cycles of the accelerator that refused requests cost, over finished jobs.',
  ),
  ITA_WORDS: cluster(20, 'Words of 128 bytes between accelerator and TCDM, over finished jobs.'),
  MEMORY_ACCESSES: timed(32, 'Accesses of the hart to memories and devices.'),
  TCDM_ACCESSES: timed(33, 'Accesses of the hart to the TCDM.'),
  DRAM_ACCESSES: timed(34, 'Accesses of the hart to main memory, boot ROM and zero memory.'),
  MULTIPLIES: timed(35, 'Multiplications and dot products of the hart.'),
  DIVISIONS: timed(36, 'Divisions and remainders of the hart.'),
  FETCHES: timed(37, "Lines that the hart's own instruction cache fetched."),
  ICACHE_MISSES: timed(38, 'Lines of these that the shared instruction cache did not hold.'),
  STALL_PIPELINE: timed(40, 'Cycles lost to hazards, long instructions, taken branches and jumps.'),
  STALL_FETCH: timed(41, 'Cycles lost to instruction fetch.'),
  STALL_TCDM: timed(42, 'Cycles lost to bank conflicts.'),
  STALL_DRAM: timed(43, 'Cycles lost to main memory.'),
  STALL_DEVICE: timed(44, 'Cycles lost to device registers.'),
} as const satisfies Readonly<Record<string, PerformanceEventRow>>;

export type PerformanceEvent = keyof typeof performanceEvents;

const names = Object.keys(performanceEvents) as PerformanceEvent[];

/** Events by their number. */
export const eventOfCode: ReadonlyMap<number, PerformanceEvent> = new Map(
  names.map((name) => [performanceEvents[name].code, name]),
);

/** The table as docs/machine.md shows it, columns aligned. */
export function eventsForPage(): string {
  const rows = Object.entries<PerformanceEventRow>(performanceEvents).map(([name, row]) => {
    const { code, scope, doc, clusterTiming } = row;
    return [String(code), `\`${name}\``, scope, clusterTiming ? 'cluster' : 'both', doc];
  });
  const head = ['code', 'event', 'of the', 'timing', 'counts'];
  return alignedTable([head, ...rows]);
}
