/**
 * Snapshots along the way to the present, each with what memory held where it has changed since (see Journal). They lie
 * close together near the present and ever further apart in the past, and the oldest go when memory is short.
 */
import type { Machine } from '../cluster/machine.ts';
import { type MachineState, restoreState, snapshotState } from '../cluster/snapshot.ts';
import { join, Journal, type Pages } from './journal.ts';
import type { Passed } from './outside.ts';

/** A state of the machine in the past, or the one from which the present comes. */
export interface Mark {
  /** See Cluster: names the state. */
  readonly moment: number;
  /** Instructions retired by all harts. */
  readonly position: number;
  readonly state: MachineState;
  readonly passed: Passed;
  /** Inputs from outside that had been given. */
  readonly inputs: number;
  /** Pages that changed between this mark and the next. */
  readonly pages: Pages;
}

/** What a mark takes besides pages, about: 8 harts, and the accelerator's buffers where they have changed. */
const MARK_BYTES = 40_000;
const PAGE_BYTES = 4200; // with its place in the map
/** Marks may be as far apart as these parts of the way from there to the present; the later ones where memory is short. */
const SPACINGS = [1 / 8, 1 / 4, 1 / 2, 1];

export class Timeline {
  readonly #machine: Machine;
  readonly #journal: Journal;
  #marks: Mark[] = [];
  /** Pages of all marks. */
  #pages = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#journal = new Journal(machine);
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** Bytes that marks take, about. */
  get bytes(): number {
    return this.#marks.length * MARK_BYTES + this.#pages * PAGE_BYTES + this.#journal.bytes;
  }

  /** Marks the present state. */
  mark(passed: Passed, inputs: number): void {
    const { cluster } = this.#machine;
    const ended = this.#journal.next();
    const last = this.#marks.at(-1);
    if (last) {
      for (const [address, page] of ended) last.pages.set(address, page);
      this.#pages += ended.size;
    }
    this.#marks.push({
      moment: cluster.moment,
      position: cluster.instret,
      state: snapshotState(this.#machine),
      passed,
      inputs,
      pages: new Map(),
    });
  }

  /** Puts the machine back to a mark, which becomes the last one. Open files of the host stay as they are. */
  restore(index: number): Mark {
    const mark = this.#marks[index];
    this.#journal.undo(this.#marks.slice(index).map(({ pages }) => pages));
    const { files } = this.#machine.snapshotHost().semihosting;
    const { host } = mark.state;
    const semihosting = { ...host.semihosting, files };
    restoreState(this.#machine, { ...mark.state, host: { ...host, semihosting } });
    for (const { pages } of this.#marks.slice(index)) this.#pages -= pages.size;
    mark.pages.clear();
    this.#marks.length = index + 1;
    return mark;
  }

  /** Drops marks that lie closer together than their distance to the present asks for, then the oldest, down to a size. */
  thin(limitBytes: number): void {
    for (const spacing of SPACINGS) {
      this.#space(spacing);
      if (this.bytes <= limitBytes) return;
    }
    while (this.bytes > limitBytes && this.#marks.length > 2) {
      const dropped = this.#marks.shift();
      this.#pages -= dropped?.pages.size ?? 0;
    }
  }

  close(): void {
    this.#journal.close();
  }

  #space(spacing: number): void {
    const now = this.#machine.cluster.moment;
    for (let i = this.#marks.length - 2; i > 0; i--) {
      const [before, mark, after] = this.#marks.slice(i - 1, i + 2);
      if (after.moment - before.moment > (now - after.moment) * spacing) continue;
      const pages = before.pages.size + mark.pages.size;
      join(before.pages, mark.pages);
      this.#pages += before.pages.size - pages;
      this.#marks.splice(i, 1);
    }
  }
}
