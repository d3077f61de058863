/**
 * Which tile lies in which slot of the TCDM when: the TCDM is a file of tile registers, a stream's jobs are its
 * instructions, and what does not fit is spilled to DRAM. The slot that gives way is the one whose tile is needed last
 * (Belady's rule); everything is known beforehand, so addresses, transfers and waits are all constants of the firmware.
 */
import type { Tile, TileJob } from './tiles.ts';

/** A tile on its way between its home in DRAM and a slot. */
export interface Transfer {
  readonly kind: 'load' | 'store';
  readonly tile: Tile;
  readonly slot: number;
}

/** A job with everything in its place. */
export interface PlacedJob {
  readonly job: TileJob;
  readonly input: number;
  readonly weight: number;
  readonly output?: number;
  /** Slot of the next job's weights, whose first quarter this job fetches; absent where the chain breaks. */
  readonly next?: number;
  /** The job before has not fetched the first quarter of its weights. */
  readonly preload: boolean;
}

/**
 * What the driving hart does for one job: waits until at most `unfinished` jobs are, starts the transfers, waits until the
 * stream's first `needed` transfers have finished, and submits the job.
 */
export interface Entry {
  readonly unfinished: number;
  readonly transfers: readonly Transfer[];
  readonly needed: number;
  /** Absent behind the last job, where results are still stored. */
  readonly placed?: PlacedJob;
}

export interface ResidencyOptions {
  readonly slots: number;
  /** Jobs whose tiles are fetched ahead of the one that is submitted. */
  readonly lookahead: number;
  /** Jobs that may be unfinished when the next one is prepared: the accelerator's contexts less 2, at least 1. */
  readonly queued: number;
}

/** Transfers started for one job beyond which those of later jobs wait: each takes a third of a job. */
const BURST = 2;

interface Slot {
  /** What it holds, or will hold when a load or the running jobs are done. */
  tile?: Tile;
  /** The output that follows when job `from` is submitted, which no job before needs the slot for. */
  successor?: { readonly tile: Tile; readonly from: number };
  /** Number of the last transfer that touches it, from 1; 0: none has. */
  transfer: number;
}

/** The first job that finds no room for its tiles. */
export class NoRoom extends Error {
  readonly job: TileJob;
  constructor(job: TileJob) {
    super('a job finds no room for its tiles');
    this.job = job;
  }
}

/** @throws NoRoom where the slots cannot hold what one job reads and writes */
export function place(jobs: readonly TileJob[], options: ResidencyOptions): Entry[] {
  return new Placement(jobs, options).run();
}

class Placement {
  readonly #jobs: readonly TileJob[];
  readonly #options: ResidencyOptions;
  readonly #slots: Slot[];
  readonly #reads = new Map<Tile, number[]>();
  readonly #producer = new Map<Tile, number>();
  readonly #slotOf = new Map<Tile, number>();
  /** Number of the transfer that brings a resident tile. */
  readonly #loaded = new Map<Tile, number>();
  /** Tiles whose home does not hold them. */
  readonly #dirty = new Set<Tile>();
  /** Kept outputs that wait for their store, oldest first. */
  #unstored: Tile[] = [];
  #transfers: Transfer[] = [];
  #started = 0;
  /** The job to be submitted, the last one that has certainly finished, and the first without places. */
  #now = 0;
  #finished = -1;
  #ahead = 0;

  constructor(jobs: readonly TileJob[], options: ResidencyOptions) {
    this.#jobs = jobs;
    this.#options = options;
    this.#slots = Array.from({ length: options.slots }, () => ({ transfer: 0 }));
    jobs.forEach(({ input, weight, output }, j) => {
      for (const tile of new Set([input, weight])) {
        const reads = this.#reads.get(tile);
        if (reads) reads.push(j);
        else this.#reads.set(tile, [j]);
      }
      if (output) this.#producer.set(output, j);
    });
  }

  run(): Entry[] {
    const entries: Entry[] = [];
    let chained = false;
    for (let i = 0; i < this.#jobs.length; i++) {
      this.#now = i;
      const first = this.#started;
      let unfinished = this.#options.queued;
      this.#prepare(unfinished);
      if (this.#ahead <= i) {
        unfinished = 0;
        this.#prepare(unfinished);
        if (this.#ahead <= i) throw new NoRoom(this.#jobs[i]);
      }
      const placed = this.#submit(i, chained, first);
      chained = placed.next !== undefined;
      entries.push({ unfinished, transfers: this.#take(), needed: this.#needs(placed), placed });
    }
    this.#now = this.#jobs.length;
    this.#prepare(0);
    entries.push({ unfinished: 0, transfers: this.#take(), needed: this.#started });
    return entries;
  }

  #take(): Transfer[] {
    const taken = this.#transfers;
    this.#transfers = [];
    return taken;
  }

  /** Stores what is finished and fetches what comes, as far as the lookahead and the slots allow. */
  #prepare(unfinished: number): void {
    this.#finished = this.#now - 1 - unfinished;
    // While the accelerator writes an output its requests fill the time: what can wait does not come in between.
    const running = this.#jobs[this.#finished + 1] as TileJob | undefined;
    const lookahead = running?.output && this.#finished + 1 < this.#now ? 1 : this.#options.lookahead;
    this.#unstored = this.#unstored.filter((tile) => {
      if ((this.#producer.get(tile) ?? 0) > this.#finished) return true;
      this.#store(tile);
      return false;
    });
    const end = Math.min(this.#jobs.length, this.#now + lookahead + 1);
    while (
      this.#ahead < end &&
      (this.#ahead <= this.#now + 1 || this.#transfers.length < BURST) &&
      this.#room(this.#ahead)
    )
      this.#ahead++;
  }

  /** Finds places for all tiles of a job; what it has found before it fails stays. */
  #room(j: number): boolean {
    const { weight, input, output } = this.#jobs[j];
    return (
      this.#fetch(weight, j) &&
      this.#fetch(input, j) &&
      (output === undefined || this.#slotOf.has(output) || this.#reserve(output, j))
    );
  }

  #fetch(tile: Tile, j: number): boolean {
    if (this.#slotOf.has(tile)) return true;
    if (!tile.home) throw new Error(`${tile.name} is lost before job ${j}`);
    const slot = this.#free(j);
    if (slot === undefined) return false;
    this.#slots[slot].tile = tile;
    this.#slotOf.set(tile, slot);
    this.#transfer('load', tile, slot);
    this.#loaded.set(tile, this.#started);
    return true;
  }

  /** A slot for an output: best the one that jobs before it still read and then nobody does. */
  #reserve(output: Tile, j: number): boolean {
    let best: number | undefined;
    let latest = -2;
    this.#slots.forEach(({ tile, successor }, slot) => {
      if (successor) return;
      if (
        tile &&
        (this.#nextRead(tile, j) !== Infinity || this.#producedFrom(tile, j) || this.#mustStore(tile))
      )
        return;
      const touched = tile ? this.#lastTouch(tile, j) : -1;
      if (touched > latest) [best, latest] = [slot, touched];
    });
    const slot = best ?? this.#free(j);
    if (slot === undefined) return false;
    this.#slots[slot].successor = { tile: output, from: j };
    this.#slotOf.set(output, slot);
    return true;
  }

  /** Frees a slot that no job in flight touches and no job up to j needs. */
  #free(j: number): number | undefined {
    let best: number | undefined;
    let farthest = -1;
    this.#slots.forEach(({ tile, successor }, slot) => {
      if (successor) return;
      let distance = Infinity;
      if (tile) {
        const next = this.#nextRead(tile, this.#now);
        if (
          next <= j ||
          this.#lastTouch(tile, this.#now) > this.#finished ||
          this.#producedFrom(tile, this.#now)
        )
          return;
        if (next !== Infinity) {
          if (!tile.home) return;
          // A tile that must be stored first costs two transfers instead of one.
          distance = this.#dirty.has(tile) ? (next - j) / 2 : next - j;
        } else if (this.#mustStore(tile)) return;
      }
      if (distance > farthest) [best, farthest] = [slot, distance];
    });
    if (best === undefined) return undefined;
    const { tile } = this.#slots[best];
    if (tile) {
      if (this.#dirty.has(tile) && this.#nextRead(tile, this.#now) !== Infinity) this.#store(tile);
      this.#leave(tile);
      this.#slots[best].tile = undefined;
    }
    return best;
  }

  #leave(tile: Tile): void {
    this.#slotOf.delete(tile);
    this.#loaded.delete(tile);
    this.#dirty.delete(tile);
  }

  #store(tile: Tile): void {
    if (!this.#dirty.delete(tile)) return;
    this.#transfer('store', tile, this.#at(tile));
  }

  #transfer(kind: Transfer['kind'], tile: Tile, slot: number): void {
    this.#transfers.push({ kind, tile, slot });
    this.#started++;
    this.#slots[slot].transfer = this.#started;
  }

  #submit(i: number, chained: boolean, first: number): PlacedJob {
    const job = this.#jobs[i];
    const { input, weight, output } = job;
    const placed = { job, input: this.#at(input), weight: this.#at(weight), preload: !chained };
    if (output) {
      const slot = this.#slots[this.#at(output)];
      if (slot.tile) this.#leave(slot.tile);
      slot.tile = output;
      slot.successor = undefined;
      this.#dirty.add(output);
      if (output.kept) this.#unstored.push(output);
    }
    const following = this.#ahead > i + 1 ? this.#jobs[i + 1].weight : undefined;
    // Weights that this job computes are not there yet, those just sent for would hold it up.
    const next =
      following && following !== output && (this.#loaded.get(following) ?? 0) <= first
        ? this.#at(following)
        : undefined;
    return {
      ...placed,
      ...(output && { output: this.#at(output) }),
      ...(next !== undefined && { next }),
    };
  }

  /** How many of the transfers a job must not overtake. */
  #needs({ job, output, next }: PlacedJob): number {
    const following = next === undefined ? undefined : this.#slots[next].tile;
    return Math.max(
      this.#loaded.get(job.input) ?? 0,
      this.#loaded.get(job.weight) ?? 0,
      following ? (this.#loaded.get(following) ?? 0) : 0,
      output === undefined ? 0 : this.#slots[output].transfer,
    );
  }

  #at(tile: Tile): number {
    const slot = this.#slotOf.get(tile);
    if (slot === undefined) throw new Error(`${tile.name} is in no slot`);
    return slot;
  }

  /** Whether a tile is kept and not in its home yet. */
  #mustStore(tile: Tile): boolean {
    return tile.kept && (this.#dirty.has(tile) || this.#producedFrom(tile, this.#now));
  }

  /** Whether job j or a later one produces the tile. */
  #producedFrom(tile: Tile, j: number): boolean {
    return (this.#producer.get(tile) ?? -1) >= j;
  }

  /** The first job from j on that reads the tile. */
  #nextRead(tile: Tile, j: number): number {
    const reads = this.#reads.get(tile) ?? [];
    return reads[below(reads, j)] ?? Infinity;
  }

  /** The last job before j that reads or writes the tile; -1: none. */
  #lastTouch(tile: Tile, j: number): number {
    const reads = this.#reads.get(tile) ?? [];
    const producer = this.#producer.get(tile) ?? -1;
    return Math.max(reads[below(reads, j) - 1] ?? -1, producer < j ? producer : -1);
  }
}

/** How many of the ascending numbers are below `limit`. */
function below(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
