/**
 * Proof that a stream's list is right, made from the list alone: whatever the DMA and the accelerator have done by then,
 * within what the waits of the list guarantee, every job finds its tiles in TCDM, and nothing that is still needed is
 * overwritten. It knows nothing of how tiles were placed.
 *
 * The DMA finishes its transfers in order, the accelerator its jobs. A job reads all through its life, and fetches
 * the first weights of the next job late in it; so what a slot holds must be certain from submission to the end.
 */
import { ANY, type ListedEntry, type Page } from './pages.ts';
import type { Tile, TileJob } from './tiles.ts';

/** Who has last written a slot, or may still read it. */
interface SlotState {
  tile?: Tile;
  /** Number of the transfer, or of the job, that brings the tile; -1 where it is not one. */
  byTransfer: number;
  byJob: number;
  /** The last transfer and the last job that read it. */
  readByTransfer: number;
  readByJob: number;
}

/** @throws Error naming the job or transfer and what is wrong: our mistake, never the user's */
export function checkStream(jobs: readonly TileJob[], pages: readonly Page[], slots: number): void {
  new Checker(jobs, slots).run(pages);
}

class Checker {
  readonly #jobs: readonly TileJob[];
  readonly #slots: SlotState[];
  /** Transfers started, and those certainly finished; page fetches count as in the firmware. */
  #started = 2;
  #arrived = 1;
  /** Jobs submitted, and those certainly finished. */
  #submitted = 0;
  #finished = 0;
  /** Tiles whose home is up to date, or will be by the transfer of that number. */
  readonly #stored = new Set<Tile>();
  readonly #produced = new Set<Tile>();
  #fetched: number | undefined;

  constructor(jobs: readonly TileJob[], slots: number) {
    this.#jobs = jobs;
    this.#slots = Array.from({ length: slots }, () => ({
      byTransfer: 0,
      byJob: -1,
      readByTransfer: 0,
      readByJob: -1,
    }));
    for (const { output } of jobs) if (output) this.#produced.add(output);
  }

  run(pages: readonly Page[]): void {
    let nextPage = 2;
    pages.forEach((page, p) => {
      for (const entry of page.entries) this.#entry(entry);
      if (p === pages.length - 1) return;
      this.#wait(page.pending);
      this.#require(this.#arrived >= nextPage, `page ${p + 1} of the list may not have arrived`);
      nextPage = ++this.#started;
    });
    this.#require(this.#submitted === this.#jobs.length, `only ${this.#submitted} jobs are submitted`);
    this.#require(this.#finished === this.#submitted, 'the last jobs may not have finished');
    for (const { output } of this.#jobs)
      if (output?.kept) this.#require(this.#stored.has(output), `${output.name} is never stored`);
  }

  #require(holds: boolean, problem: string): void {
    if (!holds) throw new Error(`the schedule is wrong before job ${this.#submitted}: ${problem}`);
  }

  #wait(pending: number): void {
    if (pending !== ANY) this.#arrived = Math.max(this.#arrived, this.#started - pending);
  }

  #entry({ unfinished, transfers, pending, placed }: ListedEntry): void {
    this.#finished = Math.max(this.#finished, this.#submitted - unfinished);
    for (const { kind, tile, slot } of transfers) {
      const state = this.#slot(slot);
      this.#started++;
      if (kind === 'load') this.#load(tile, state, slot);
      else this.#store(tile, state, slot);
    }
    this.#wait(pending);
    if (!placed) return;
    const { job, input, weight, output, next, preload } = placed;
    this.#require(job === this.#jobs[this.#submitted], 'another job comes next');
    this.#read(input, job.input);
    this.#read(weight, job.weight);
    this.#require(
      preload || this.#fetched === weight,
      'its first weights were not fetched by the job before',
    );
    this.#require(!preload || this.#fetched === undefined, 'its first weights were fetched in vain');
    this.#fetched = next;
    if (job.output) {
      this.#require(output !== undefined, 'its output has no slot');
      this.#write(output ?? -1, job.output);
    }
    if (next !== undefined) {
      const following = this.#jobs[this.#submitted + 1] as TileJob | undefined;
      this.#require(following !== undefined && next !== output, 'it fetches weights that are not there');
      if (following) this.#read(next, following.weight);
    }
    this.#submitted++;
  }

  #slot(slot: number): SlotState {
    this.#require(slot >= 0 && slot < this.#slots.length, `there is no slot ${slot}`);
    return this.#slots[slot];
  }

  #load(tile: Tile, state: SlotState, slot: number): void {
    this.#require(tile.home !== undefined, `${tile.name} has no home`);
    this.#require(!this.#produced.has(tile) || this.#stored.has(tile), `${tile.name} is not in its home`);
    this.#require(
      state.readByJob < this.#finished && state.byJob < this.#finished,
      `${tile.name} may overwrite what a job uses in slot ${slot}`,
    );
    this.#lost(state, tile);
    state.tile = tile;
    state.byTransfer = this.#started;
    state.byJob = -1;
  }

  /** Reads the slot; transfers before and behind it are in order by themselves. */
  #store(tile: Tile, state: SlotState, slot: number): void {
    this.#require(state.tile === tile && tile.home !== undefined, `${tile.name} is not in slot ${slot}`);
    this.#require(state.byJob < this.#finished, `${tile.name} may not be computed yet`);
    this.#stored.add(tile);
    state.readByTransfer = this.#started;
  }

  #read(slot: number, tile: Tile): void {
    const state = this.#slot(slot);
    this.#require(
      state.tile === tile,
      `slot ${slot} holds ${state.tile?.name ?? 'nothing'}, not ${tile.name}`,
    );
    this.#require(state.byTransfer <= this.#arrived, `${tile.name} may not have arrived in slot ${slot}`);
    state.readByJob = this.#submitted;
  }

  /** Jobs before it are over when a job begins; transfers are not. */
  #write(slot: number, tile: Tile): void {
    const state = this.#slot(slot);
    this.#require(
      state.byTransfer <= this.#arrived && state.readByTransfer <= this.#arrived,
      `${tile.name} may meet a transfer in slot ${slot}`,
    );
    const { input, weight } = this.#jobs[this.#submitted];
    this.#require(
      state.tile !== input && state.tile !== weight,
      `${tile.name} overwrites what its job reads`,
    );
    this.#lost(state, tile);
    state.tile = tile;
    state.byTransfer = 0;
    state.byJob = this.#submitted;
    state.readByJob = this.#submitted;
  }

  /** What is overwritten must not be wanted in its home later without being there; loads find out, kept tiles here. */
  #lost({ tile }: SlotState, by: Tile): void {
    if (!tile?.kept || !this.#produced.has(tile)) return;
    this.#require(this.#stored.has(tile), `${by.name} overwrites ${tile.name}, which is not stored`);
  }
}
