/**
 * What memory held before it changed, interval by interval: enough to go back to the beginning of any of them.
 *
 * Main memory is guarded: the bus tells of the first store to a page in an interval, and the page is copied then. A
 * small memory (the TCDM), of which most pages change all the time and to which the accelerator writes past the bus,
 * is compared with its last copy at the end of each interval instead.
 */
import { PAGE_BYTES, restorePage } from '../cluster/snapshot.ts';
import type { Machine } from '../cluster/machine.ts';
import { firstDifference } from '../memory/compare.ts';

/** Memories up to this size are compared. */
const SMALL_BYTES = 256 << 10;

/** By guest address, pages as they were at the beginning of an interval, of those that changed within. */
export type Pages = Map<number, Uint8Array>;

export class Journal {
  readonly #machine: Machine;
  /** The interval that is open now. */
  #present: Pages = new Map();
  /** Small memories as they were at the beginning of the present interval. */
  readonly #copies: Pages = new Map();

  /** Begins the first interval. */
  constructor(machine: Machine) {
    this.#machine = machine;
    const { bus, memory } = machine;
    bus.unguard();
    for (const { base, bytes, writable } of memory.windows) {
      if (!writable) continue;
      for (let at = base; at < base + bytes; at += PAGE_BYTES) {
        if (bytes <= SMALL_BYTES) this.#copies.set(at, this.#page(at).slice());
        else bus.guard(at);
      }
    }
    bus.onFirstStore((address) => this.#present.set(address, this.#page(address).slice()));
  }

  /** Bytes that the present interval holds so far. */
  get bytes(): number {
    return this.#present.size * PAGE_BYTES;
  }

  /** Ends the present interval and begins the next; the one that has ended is the caller's. */
  next(): Pages {
    const ended = this.#present;
    for (const address of ended.keys()) this.#machine.bus.guard(address);
    for (const [address, copy] of this.#copies) {
      const page = this.#page(address);
      if (firstDifference(page, copy) === PAGE_BYTES) continue;
      ended.set(address, copy);
      this.#copies.set(address, page.slice());
    }
    this.#present = new Map();
    return ended;
  }

  /** Puts memory back to the beginning of the first of these intervals, which lie before the present one, and goes on from there. */
  undo(intervals: readonly Pages[]): void {
    const { bus } = this.#machine;
    const wanted: Pages = new Map();
    for (const interval of intervals) {
      for (const [address, page] of interval) if (!wanted.has(address)) wanted.set(address, page);
    }
    for (const pages of [this.#present, this.#copies]) {
      for (const [address, page] of pages) if (!wanted.has(address)) wanted.set(address, page);
    }
    for (const [address, page] of wanted) restorePage(this.#machine, address, page);
    for (const [address, page] of wanted) {
      if (this.#copies.has(address)) this.#copies.set(address, page);
      else bus.guard(address);
    }
    this.#present = new Map();
  }

  /** Gives the bus back. */
  close(): void {
    this.#machine.bus.onFirstStore(undefined);
    this.#machine.bus.unguard();
  }

  #page(address: number): Uint8Array {
    return this.#machine.bus.bytes(address, PAGE_BYTES);
  }
}

/** Joins two intervals that follow each other into the first: what was there before both. */
export function join(first: Pages, second: Pages): void {
  for (const [address, page] of second) if (!first.has(address)) first.set(address, page);
}
