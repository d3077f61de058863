/** Machine time: one counter of cycles and the deadlines that devices set on it. */

/** One pending deadline of a device; setting it again replaces the old deadline. */
export interface Timer {
  readonly name: string;
  /** Absolute cycle at which the action runs, or Infinity when not set. */
  readonly deadline: number;
  /** Runs the action `cycles` from now (at least 1). */
  after(cycles: number): void;
  /** Runs the action at absolute cycle `cycle`, or at once at the next advance if that has passed. */
  at(cycle: number): void;
  cancel(): void;
}

interface Entry extends Timer {
  deadline: number;
  readonly action: () => void;
}

/**
 * The clock of one machine. `now` is the time of whoever acts: of the hart that executes, or of the deadline that
 * fires; harts may run ahead of each other by a quantum, so it can step back between actors. Deadlines fire in order of time, and of creation where times are equal, so runs repeat exactly.
 */
export class Clock {
  /** Cycles since reset. */
  now = 0;
  /** The earliest deadline, or Infinity. */
  next = Infinity;
  readonly #timers: Entry[] = [];

  /** Registers a named timer; names are unique and identify the timer in snapshots. */
  timer(name: string, action: () => void): Timer {
    if (this.#timers.some((t) => t.name === name)) throw new Error(`timer ${name} exists already`);
    const set = (deadline: number): void => {
      entry.deadline = deadline;
      this.#refresh();
    };
    const entry: Entry = {
      name,
      action,
      deadline: Infinity,
      after: (cycles) => set(this.now + Math.max(1, cycles)),
      at: (cycle) => set(cycle),
      cancel: () => set(Infinity),
    };
    this.#timers.push(entry);
    return entry;
  }

  /** Moves to `cycle` and fires every deadline up to and including it, each with `now` at its own deadline. */
  advance(cycle: number): void {
    while (this.next <= cycle) {
      const due = this.#timers.reduce((first, t) => (t.deadline < first.deadline ? t : first));
      this.now = due.deadline;
      due.deadline = Infinity;
      this.#refresh();
      due.action();
    }
    this.now = cycle;
  }

  /** Pending deadlines by timer name, relative to now. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(
      this.#timers.filter((t) => t.deadline !== Infinity).map((t) => [t.name, t.deadline - this.now]),
    );
  }

  restore(now: number, pending: Record<string, number>): void {
    this.now = now;
    for (const t of this.#timers) t.deadline = t.name in pending ? now + pending[t.name] : Infinity;
    this.#refresh();
  }

  #refresh(): void {
    this.next = this.#timers.reduce((least, t) => Math.min(least, t.deadline), Infinity);
  }
}
