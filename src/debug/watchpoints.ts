/** Ranges of bytes whose accesses are reported, and the pages that must therefore leave the fast path. */
import type { Bus } from '../memory/bus.ts';
import type { Access, Watch } from './target.ts';

const PAGE = 4096;

/** A watched byte is about to be accessed: the first one, and how its watch was set. */
export interface Hit {
  readonly access: Access;
  readonly address: number;
}

const same = (a: Watch, b: Watch): boolean =>
  a.access === b.access && a.address === b.address && a.bytes === b.bytes;

const pagesOf = (watches: readonly Watch[]): Set<number> => {
  const pages = new Set<number>();
  for (const { address, bytes } of watches) {
    for (let page = Math.floor(address / PAGE); page * PAGE < address + bytes; page++) pages.add(page);
  }
  return pages;
};

export class Watchpoints {
  #watches: readonly Watch[] = [];
  #observed: readonly Watch[] = [];

  set(watch: Watch): void {
    if (watch.bytes > 0 && !this.#watches.some((w) => same(w, watch)))
      this.#watches = [...this.#watches, watch];
  }

  clear(watch: Watch): void {
    this.#watches = this.#watches.filter((w) => !same(w, watch));
  }

  clearAll(): void {
    this.#watches = [];
  }

  /** The first watch that an access of `bytes` bytes at `address` (unsigned) touches. */
  hit(loads: boolean, stores: boolean, address: number, bytes: number): Hit | undefined {
    for (const w of this.#watches) {
      if (address >= w.address + w.bytes || w.address >= address + bytes) continue;
      if (w.access === 'access' || (w.access === 'write' ? stores : loads))
        return { access: w.access, address: Math.max(address, w.address) };
    }
    return undefined;
  }

  /**
   * Makes the bus send what is watched through the harts. What is no longer watched stays there while `keep` holds:
   * GDB clears watches for each single step, and watched loads cost translations.
   */
  observe(bus: Bus, keep: boolean): void {
    const kept = keep ? this.#observed.filter((o) => !this.#watches.some((w) => same(o, w))) : [];
    const wanted = [...this.#watches, ...kept];
    if (wanted.length === this.#observed.length && wanted.every((w) => this.#observed.includes(w))) return;
    this.#observed = wanted;
    bus.observe(
      pagesOf(wanted.filter((w) => w.access !== 'write')),
      pagesOf(wanted.filter((w) => w.access === 'write')),
    );
  }

  /** The machine is a new one: its bus observes nothing. */
  forgetObserved(): void {
    this.#observed = [];
  }
}
