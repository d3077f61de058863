/** Addresses at which harts halt before the instruction there; guest memory is never patched. */
import type { CodeCache } from '../hart/code-cache.ts';

export type BreakpointType = 'software' | 'hardware';

/**
 * What is set, and what is marked in the code caches. GDB clears and sets all breakpoints at each stop, and marking
 * costs translations, so the marks follow only when harts are to run on: see `mark`.
 */
export class Breakpoints {
  readonly #set = new Map<number, Set<BreakpointType>>();
  readonly #marked = new Set<number>();
  readonly #lifted = new Set<number>();

  set(address: number, type: BreakpointType): void {
    const types = this.#set.get(address | 0) ?? new Set();
    this.#set.set(address | 0, types.add(type));
  }

  clear(address: number, type: BreakpointType): void {
    const types = this.#set.get(address | 0);
    types?.delete(type);
    if (types?.size === 0) this.#set.delete(address | 0);
  }

  clearAll(): void {
    this.#set.clear();
  }

  /** How the breakpoint at `pc` was set, undefined where there is none. */
  at(pc: number): BreakpointType | undefined {
    const types = this.#set.get(pc | 0);
    return types && (types.has('software') ? 'software' : 'hardware');
  }

  /** Marks what is set; what is no longer set keeps its mark, at which harts then do not halt, while `keep` holds. */
  mark(caches: readonly CodeCache[], keep: boolean): void {
    this.rearm(caches);
    for (const pc of this.#marked) {
      if (keep || this.#set.has(pc)) continue;
      for (const cache of caches) cache.mark(pc, false);
      this.#marked.delete(pc);
    }
    for (const pc of this.#set.keys()) {
      for (const cache of caches) cache.mark(pc, true);
      this.#marked.add(pc);
    }
  }

  /** The marked instruction at `pc` is being executed: its mark sleeps until `rearm`. */
  lifted(pc: number): void {
    this.#lifted.add(pc);
  }

  rearm(caches: readonly CodeCache[]): void {
    for (const pc of this.#lifted) for (const cache of caches) cache.rearm(pc);
    this.#lifted.clear();
  }

  /** The machine is a new one: nothing is marked in its caches. */
  forgetMarks(): void {
    this.#marked.clear();
    this.#lifted.clear();
  }
}
