/** Who has which bank of the TCDM in which cycle (docs/machine.md, cluster timing): a ring of bits, one for each bank and cycle. */
import type { Memory } from './memory.ts';

/** Cycles that the ring holds; a power of two. */
export const RING_CYCLES = 1 << 14;

/** Cycles of them that have passed: the accelerator asks afterwards who was there. */
export const KEPT_CYCLES = 1 << 12;

/** Bytes of a bank's word: neighbouring words lie in neighbouring banks. */
const WORD_BITS = 3;

/** The ring as plain data. */
export interface BanksState {
  /** First cycle of the ring. */
  readonly start: number;
  /** Of each cycle in which a bank is taken: its distance from the start, banks 0 to 31, banks 32 to 63. */
  readonly taken: readonly number[];
}

/**
 * The banks of a TCDM. Each serves one access in a cycle. Whoever accesses a bank takes its first free cycle, and so
 * stalls for as long as others have taken it before him.
 *
 * Harts do not run in step, and who asks first in a slice is served first. Every request is served, and none waits while
 * its bank is free, so the sum of all stalls is that of an arbiter that decides in each cycle; which of two requesters
 * waits is not (harts are taken in another order in each round for that reason). Cycles that the ring does not hold are
 * taken to be free: those more than `KEPT_CYCLES` before the slowest hart, and those further ahead than the rest.
 */
export class Banks {
  /** A power of two up to 64. */
  readonly count: number;
  /** Linear offset of the ring: for each cycle a word with a bit for each bank, or two words for more than 32 banks. */
  readonly ring: number;
  /** Linear offset of the word that holds the low 32 bits of the first cycle of the ring. */
  readonly start: number;
  readonly #base: number;
  readonly #words: Int32Array;
  readonly #start: Int32Array;
  /** Words for each cycle. */
  readonly #width: 1 | 2;
  /** First cycle that the ring holds; negative at first. */
  #first = -KEPT_CYCLES;
  // The banks of the present request.
  #low = 0;
  #high = 0;

  /** @param base guest address of the TCDM, a multiple of 8 × count @param count banks */
  constructor(memory: Memory, base: number, count: number) {
    this.count = count;
    this.#base = base;
    this.#width = count > 32 ? 2 : 1;
    this.ring = memory.reserve(4 * this.#width * RING_CYCLES);
    this.start = memory.reserve(4);
    this.#words = new Int32Array(memory.wasm.buffer, this.ring, this.#width * RING_CYCLES);
    this.#start = new Int32Array(memory.wasm.buffer, this.start, 1);
    this.#start[0] = this.#first;
  }

  /** Number of the bank that holds the byte at a guest address. */
  bankOf(address: number): number {
    return ((address - this.#base) >>> WORD_BITS) & (this.count - 1);
  }

  /** Takes the bank of the byte at `address` in the first cycle from `cycle` on in which it is free. @returns cycles to wait */
  take(address: number, cycle: number): number {
    return this.takeAll(address, 1, cycle);
  }

  /**
   * Takes all banks that the bytes lie in, in the first cycle from `cycle` on in which all of them are free: a request
   * of the accelerator, which is refused as a whole.
   * @param bytes from 1 to 8 × count @returns cycles to wait
   */
  takeAll(address: number, bytes: number, cycle: number): number {
    this.#select(address, bytes);
    for (let at = cycle; ; at++) {
      if (!this.#holds(at)) return at - cycle;
      if (this.#isFree(at)) {
        this.#set(at);
        return at - cycle;
      }
    }
  }

  /** Whether all banks that the bytes lie in are free in the cycle. */
  free(address: number, bytes: number, cycle: number): boolean {
    this.#select(address, bytes);
    return !this.#holds(cycle) || this.#isFree(cycle);
  }

  /** Takes the banks that the bytes lie in, whoever has them in that cycle: an initiator with priority, as the DMA is. */
  occupy(address: number, bytes: number, cycle: number): void {
    this.#select(address, bytes);
    if (this.#holds(cycle)) this.#set(cycle);
  }

  /** The same for one beat of `bytes` after the other at ascending addresses, in each cycle from `cycle` on. */
  occupyBeats(address: number, bytes: number, beats: number, cycle: number): void {
    for (let beat = 0; beat < beats; beat++) this.occupy(address + beat * bytes, bytes, cycle + beat);
  }

  /** Whether one of `count` banks from number `first` on is taken in the cycle, which may have passed. */
  busy(first: number, count: number, cycle: number): boolean {
    return !this.free(this.#base + (first << WORD_BITS), count << WORD_BITS, cycle);
  }

  /** The slowest hart has come to `cycle`. */
  advance(now: number): void {
    const cycle = now - KEPT_CYCLES;
    const passed = cycle - this.#first;
    if (passed <= 0) return;
    this.#first = cycle;
    this.#start[0] = cycle | 0;
    const width = this.#width;
    if (passed >= RING_CYCLES) {
      this.#words.fill(0);
      return;
    }
    const to = cycle & (RING_CYCLES - 1);
    const from = (cycle - passed) & (RING_CYCLES - 1);
    if (from < to) this.#words.fill(0, from * width, to * width);
    else {
      this.#words.fill(0, from * width);
      this.#words.fill(0, 0, to * width);
    }
  }

  snapshot(): BanksState {
    const taken: number[] = [];
    for (let ahead = 0; ahead < RING_CYCLES; ahead++) {
      const at = this.#at(this.#first + ahead);
      const high = this.#width === 2 ? this.#words[at + 1] : 0;
      if (this.#words[at] !== 0 || high !== 0) taken.push(ahead, this.#words[at], high);
    }
    return { start: this.#first, taken };
  }

  restore({ start, taken }: BanksState): void {
    this.#words.fill(0);
    this.#first = start;
    this.#start[0] = start | 0;
    for (let i = 0; i < taken.length; i += 3) {
      const at = this.#at(start + taken[i]);
      this.#words[at] = taken[i + 1];
      if (this.#width === 2) this.#words[at + 1] = taken[i + 2];
    }
  }

  /** Nothing is taken, at cycle 0. */
  reset(): void {
    this.restore({ start: -KEPT_CYCLES, taken: [] });
  }

  #at(cycle: number): number {
    return (cycle & (RING_CYCLES - 1)) * this.#width;
  }

  #holds(cycle: number): boolean {
    return cycle >= this.#first && cycle < this.#first + RING_CYCLES;
  }

  #isFree(cycle: number): boolean {
    const at = this.#at(cycle);
    return (
      (this.#words[at] & this.#low) === 0 && (this.#width === 1 || (this.#words[at + 1] & this.#high) === 0)
    );
  }

  #set(cycle: number): void {
    const at = this.#at(cycle);
    this.#words[at] |= this.#low;
    if (this.#width === 2) this.#words[at + 1] |= this.#high;
  }

  /** Notes the banks that the bytes lie in. */
  #select(address: number, bytes: number): void {
    this.#low = 0;
    this.#high = 0;
    const first = (address - this.#base) >>> WORD_BITS;
    const last = (address - this.#base + bytes - 1) >>> WORD_BITS;
    for (let word = first; word <= last; word++) {
      const bank = word & (this.count - 1);
      if (bank < 32) this.#low |= 1 << bank;
      else this.#high |= 1 << bank;
    }
  }
}
