/** What the interpreter counts for the translator: jumps to each address, and where computed jumps lead. */
import { seen } from '../hart/interpret.ts';
import { PageTable } from '../memory/page-table.ts';
import type { Profile } from './blocks.ts';

const PAGE = 4096;
/** Targets that are remembered of one computed jump. */
const MAX_TARGETS = 8;

/**
 * Counters by address, one page of the guest at a time. At even index: how often control jumped there, or, negative,
 * −1 − the number of the translation that begins there. At odd index: what was `seen` there.
 */
export class Counts implements Profile {
  readonly #pages = new PageTable<Int32Array>();
  readonly #targets = new Map<number, Set<number>>();
  readonly #loopEnd: (pc: number) => boolean;

  constructor(loopEnd: (pc: number) => boolean) {
    this.#loopEnd = loopEnd;
  }

  /** The counters of the page that holds `pc`. */
  page(pc: number): Int32Array {
    const number = pc >>> 12;
    let page = this.#pages.get(number);
    if (!page) this.#pages.set(number, (page = new Int32Array(PAGE)));
    return page;
  }

  /** Called by the interpreter for each computed jump. */
  jumped(pc: number, target: number): void {
    let targets = this.#targets.get(pc);
    if (!targets) this.#targets.set(pc, (targets = new Set()));
    if (targets.size < MAX_TARGETS) targets.add(target);
  }

  /** Number of the translation that begins at `pc`, or -1. */
  translation(pc: number): number {
    const page = this.#pages.get(pc >>> 12);
    const value = page === undefined ? 0 : page[pc & (PAGE - 1)];
    return value < 0 ? -1 - value : -1;
  }

  setTranslation(pc: number, number: number): void {
    this.page(pc)[pc & (PAGE - 1)] = -1 - number;
  }

  /** Forgets the translation and starts to count again. */
  clear(pc: number): void {
    this.page(pc)[pc & (PAGE - 1)] = 0;
  }

  heat(pc: number): number {
    const value = this.#pages.get(pc >>> 12)?.[pc & (PAGE - 1)] ?? 0;
    return value < 0 ? Infinity : value;
  }

  indirectTarget(pc: number): boolean {
    return this.#saw(pc, seen.jumpedTo);
  }

  /** Whether the instruction at `pc` accessed other things than main memory. */
  wanders(pc: number): boolean {
    return this.#saw(pc, seen.wandering);
  }

  /** Notes that it does. */
  setWandering(pc: number): void {
    this.page(pc)[(pc & (PAGE - 1)) + 1] |= seen.wandering;
  }

  #saw(pc: number, bit: number): boolean {
    return ((this.#pages.get(pc >>> 12)?.[(pc & (PAGE - 1)) + 1] ?? 0) & bit) !== 0;
  }

  targetsOf(pc: number): Iterable<number> {
    return this.#targets.get(pc) ?? [];
  }

  loopEnd(pc: number): boolean {
    return this.#loopEnd(pc);
  }
}
