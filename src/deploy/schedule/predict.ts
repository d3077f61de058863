/**
 * How long a stream takes: the driving hart, the DMA and the accelerator, each in order, waiting for one another as the
 * entries say. Jobs take what accelerator specification §11 gives, longer where transfers refuse its requests (§11.2).
 */
import { jobLength, type JobTiming } from '../../device/ita/timing.ts';
import { STREAM } from '../../device/ita/registers.ts';
import { isContiguous, type Tile, type TileJob } from './tiles.ts';
import type { Entry, PlacedJob } from './residency.ts';

/** What the driving hart takes for an entry, a transfer, a job, the registers of a layer, and to wake up: cycles, measured in cluster timing. */
const HART = { entry: 40, transfer: 60, job: 90, layer: 80, wake: 30 } as const;
/** A transfer's start, and the beats of a tile (src/device/dma.ts). */
const DMA = { start: 16, tile: 64 } as const;
/** Transfers of one hart that may be unfinished. */
const DMA_QUEUE = 8;
/** Jobs that write the registers of a new layer. */
const LAYER_JOBS = 4;
/** Part of the accelerator's requests that a beat of the DMA refuses: it takes 8 banks of the half they go to. */
const REFUSED = 0.5;

export interface Prediction {
  readonly cycles: number;
  /** The accelerator computes, of that requests are repeated; the DMA moves bytes. */
  readonly accelerator: number;
  readonly refused: number;
  readonly dma: number;
  /** Cycles the accelerator waits for tiles, and for the driving hart. */
  readonly waitsForTiles: number;
  readonly waitsForHart: number;
  /** Cycles from the end of the step before to the end of each step, by index of the step; without refused requests. */
  readonly steps: ReadonlyMap<number, number>;
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

/** Follows the entries through time. */
export function predict(entries: readonly Entry[], timing: JobTiming): Prediction {
  const forecast = new Forecast(timing);
  for (const { unfinished, transfers, needed, placed } of entries) {
    forecast.begin(unfinished);
    for (const { tile } of transfers) forecast.transfer(tile);
    forecast.await(needed);
    if (placed) forecast.submit(placed);
  }
  return forecast.prediction();
}

class Forecast {
  readonly #timing: JobTiming;
  readonly #jobEnds: number[] = [];
  readonly #transferEnds: number[] = [];
  readonly #beats: [begin: number, end: number][] = [];
  readonly #steps = new Map<number, number>();
  /** When the driving hart has done what was asked so far, and since when it has waited for tiles. */
  #hart = 0;
  #ready = 0;
  #layer: TileJob['layer'] | undefined;
  #newLayer = 0;
  #accelerator = 0;
  /** Beginnings and ends of jobs whose requests fill their time: those that write an output. */
  readonly #bound: [begin: number, end: number][] = [];
  #dma = 0;
  #waitsForTiles = 0;
  #waitsForHart = 0;

  constructor(timing: JobTiming) {
    this.#timing = timing;
  }

  #sleep(until: number): void {
    if (until > this.#hart) this.#hart = until + HART.wake;
  }

  begin(unfinished: number): void {
    this.#hart += HART.entry;
    this.#sleep(this.#jobEnds[this.#jobEnds.length - 1 - unfinished] ?? 0);
  }

  transfer({ home, bytes }: Tile): void {
    const ends = this.#transferEnds;
    this.#hart += HART.transfer;
    this.#sleep(ends[ends.length - DMA_QUEUE] ?? 0);
    const beats = home && isContiguous(home) ? Math.ceil(bytes / DMA.tile) : DMA.tile;
    this.#dma += DMA.start + beats;
    const end = Math.max(ends.at(-1) ?? 0, this.#hart) + DMA.start + beats;
    this.#beats.push([end - beats, end]);
    ends.push(end);
  }

  await(needed: number): void {
    this.#ready = this.#hart;
    this.#sleep(this.#transferEnds[needed - 1] ?? 0);
  }

  submit(placed: PlacedJob): void {
    const { layer, step } = placed.job;
    this.#newLayer = layer === this.#layer ? Math.max(0, this.#newLayer - 1) : LAYER_JOBS;
    this.#layer = layer;
    const waited = this.#hart - this.#ready;
    this.#hart += HART.job + (this.#newLayer > 0 ? HART.layer : 0);
    const last = this.#jobEnds.at(-1) ?? 0;
    const idle = Math.max(0, this.#hart - last - 1);
    this.#waitsForTiles += Math.min(idle, waited);
    this.#waitsForHart += Math.max(0, idle - waited);
    const { cycles } = jobLength(this.#timing, streamFlags(placed), false);
    this.#accelerator += cycles;
    const end = last + 1 + idle + cycles;
    if (placed.job.output) this.#bound.push([end - cycles, end]);
    this.#steps.set(step, (this.#steps.get(step) ?? 0) + end - last);
    this.#jobEnds.push(end);
  }

  /** Cycles in which beats meet jobs that cannot wait. */
  #meeting(): number {
    let [cycles, t] = [0, 0];
    for (const [begin, end] of this.#bound) {
      while (t < this.#beats.length && this.#beats[t][1] <= begin) t++;
      for (let u = t; u < this.#beats.length && this.#beats[u][0] < end; u++)
        cycles += Math.min(end, this.#beats[u][1]) - Math.max(begin, this.#beats[u][0]);
    }
    return cycles;
  }

  prediction(): Prediction {
    const refused = Math.round(REFUSED * this.#meeting());
    return {
      cycles: this.#hart + refused,
      accelerator: this.#accelerator + refused,
      refused,
      dma: this.#dma,
      waitsForTiles: this.#waitsForTiles,
      waitsForHart: this.#waitsForHart,
      steps: this.#steps,
    };
  }
}
