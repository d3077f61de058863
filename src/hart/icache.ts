/**
 * The instruction caches of cluster timing: a small one for each hart (L0) and a shared one behind (L1), as in the Snitch
 * cluster (specs: 8 KiB, 2 ways, lines of 256 bits). They hold no code, only which lines would be there.
 *
 * Every instruction looks its line up in the L0. A hit changes nothing, in either cache: translated code asks only where
 * the line may be another one than that of the instruction before.
 */
import type { Memory } from '../memory/memory.ts';
import { word } from './words.ts';

export interface IcacheConfig {
  /** Size of the L1. */
  readonly bytes: number;
  readonly ways: number;
  /** Bytes of a line, in both. */
  readonly lineBytes: number;
  /** Lines of each hart's L0, direct-mapped. */
  readonly l0Lines: number;
  /** Cycles that an L0 miss takes when the line is in the L1 (assumption). */
  readonly l0MissCycles: number;
  /** The same when the L0 holds the line before: it was prefetched meanwhile. */
  readonly l0PrefetchedCycles: number;
  /** Cycles added by an L1 miss: the way to main memory over the wide bus and back (assumption). */
  readonly refillCycles: number;
}

/** An entry of a cache that holds nothing: no line has this number. */
const EMPTY = -1;

/** What the L1 holds. */
export interface IcacheState {
  readonly lines: Int32Array;
  readonly next: Int32Array;
}

/** The shared cache, and what a miss in a hart's own costs. Replacement is first in, first out. */
export class Icache {
  readonly config: IcacheConfig;
  /** log2 of the bytes of a line. */
  readonly lineBits: number;
  /** L1 sets − 1. */
  readonly setMask: number;
  /** Linear offset of the line numbers, [sets][ways], and behind them of the way that each set fills next. */
  readonly lines: number;
  readonly next: number;
  readonly #lines: Int32Array;
  readonly #next: Int32Array;

  constructor(memory: Memory, config: IcacheConfig) {
    this.config = config;
    this.lineBits = Math.log2(config.lineBytes);
    const count = config.bytes / config.lineBytes;
    const sets = count / config.ways;
    this.setMask = sets - 1;
    this.lines = memory.reserve(4 * count);
    this.next = memory.reserve(4 * sets);
    this.#lines = new Int32Array(memory.wasm.buffer, this.lines, count).fill(EMPTY);
    this.#next = new Int32Array(memory.wasm.buffer, this.next, sets);
  }

  /** Empties the L0 in a hart's words. */
  clear(words: Int32Array): void {
    words.fill(EMPTY, word.l0, word.l0 + this.config.l0Lines);
  }

  /**
   * Brings a line that is not there into the L0 of the hart with these words, and charges the hart.
   * @param line address / lineBytes
   */
  fetch(words: Int32Array, line: number): void {
    const { ways, l0Lines, l0MissCycles, l0PrefetchedCycles, refillCycles } = this.config;
    const l0Mask = l0Lines - 1;
    const prefetched = words[word.l0 + ((line - 1) & l0Mask)] === line - 1;
    let stall = prefetched ? l0PrefetchedCycles : l0MissCycles;
    words[word.l0 + (line & l0Mask)] = line;
    const set = line & this.setMask;
    const from = set * ways;
    const at = this.#lines.indexOf(line, from);
    if (at < 0 || at >= from + ways) {
      this.#lines[from + this.#next[set]] = line;
      this.#next[set] = (this.#next[set] + 1) % ways;
      stall += refillCycles;
      words[word.icacheMisses]++;
    }
    words[word.fetches]++;
    words[word.fetchStall] += stall;
    words[word.stall] += stall;
  }

  snapshot(): IcacheState {
    return { lines: this.#lines.slice(), next: this.#next.slice() };
  }

  restore({ lines, next }: IcacheState): void {
    this.#lines.set(lines);
    this.#next.set(next);
  }
}
