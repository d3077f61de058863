/**
 * How long a stream takes: the driving hart, the DMA and the accelerator, each in order, waiting for one another as the
 * entries say. Jobs take what accelerator specification §11 gives, longer where transfers refuse its requests (§11.2).
 */
import { jobLength, type JobTiming } from '../../device/ita/timing.ts';
import { STREAM } from '../../device/ita/registers.ts';
import { isContiguous } from './tiles.ts';
import type { Entry, PlacedJob } from './residency.ts';

/** What the driving hart takes for an entry, a transfer, a job, and constants of a layer, cycles. */
const HART = { entry: 30, transfer: 45, job: 60, constants: 60, wake: 30 } as const;
/** A transfer's start, and the beats of a tile (src/device/dma.ts). */
const DMA = { start: 16, tile: 64 } as const;
/** Transfers of one hart that may be unfinished. */
const DMA_QUEUE = 8;

export interface Prediction {
  readonly cycles: number;
  /** The accelerator computes, or the DMA moves bytes. */
  readonly accelerator: number;
  readonly dma: number;
  /** Cycles the accelerator waits for tiles, and for the driving hart. */
  readonly waitsForTiles: number;
  readonly waitsForHart: number;
}

/** Value of CTRL_STREAM for a job (accelerator specification §3.2); biases are only fetched where they are added. */
export function streamFlags({ job, next, preload }: PlacedJob): number {
  return (
    (preload ? STREAM.preload : 0) |
    (next === undefined ? 0 : STREAM.nextload) |
    (job.output && job.bias ? 0 : STREAM.biasDisable) |
    (job.bias === 'input' ? STREAM.biasByRow : 0) |
    (job.output ? 0 : STREAM.outputDisable)
  );
}

export function predict(entries: readonly Entry[], timing: JobTiming): Prediction {
  const jobEnds: number[] = [];
  const transferEnds: number[] = [];
  let hart = 0;
  let accelerator = 0;
  let dma = 0;
  let waitsForTiles = 0;
  let waitsForHart = 0;
  let layer: unknown;
  let stale = 0;
  const sleep = (until: number): void => {
    if (until > hart) hart = until + HART.wake;
  };
  for (const { unfinished, transfers, needed, placed } of entries) {
    hart += HART.entry;
    sleep(jobEnds[jobEnds.length - 1 - unfinished] ?? 0);
    for (const { tile } of transfers) {
      hart += HART.transfer;
      sleep(transferEnds[transferEnds.length - DMA_QUEUE] ?? 0);
      const contiguous = tile.home !== undefined && isContiguous(tile.home);
      const cycles = DMA.start + (contiguous ? Math.ceil(tile.bytes / DMA.tile) : DMA.tile);
      dma += cycles;
      transferEnds.push(Math.max(transferEnds.at(-1) ?? 0, hart) + cycles);
    }
    const ready = hart;
    sleep(transferEnds[needed - 1] ?? 0);
    if (!placed) continue;
    stale = placed.job.layer === layer ? Math.max(0, stale - 1) : 4;
    ({ layer } = placed.job);
    hart += HART.job + (stale > 0 ? HART.constants : 0);
    const before = (jobEnds.at(-1) ?? 0) + 1;
    if (hart > before) {
      const waited = hart - before;
      const forTiles = Math.min(waited, hart - ready - HART.job);
      waitsForTiles += forTiles;
      waitsForHart += waited - forTiles;
    }
    const cycles = jobLength(timing, streamFlags(placed), false).cycles;
    accelerator += cycles;
    jobEnds.push(Math.max(before, hart + 2) + cycles);
  }
  return { cycles: hart, accelerator, dma, waitsForTiles, waitsForHart };
}
