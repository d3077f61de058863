/** The harts of a machine and the deterministic order in which they run (design §1.4). */
import type { Clock } from '../device/clock.ts';
import type { HartLines } from '../device/device.ts';
import { MachineError } from '../errors.ts';
import type { Hart } from '../hart/hart.ts';

/** Why a run ended without the guest's doing. */
export type Stop = 'budget' | 'stopped';

/**
 * Runs harts round robin in quanta of machine time.
 *
 * A slice reaches from the earliest awake hart to the next quantum or deadline, whichever comes first, and every
 * awake hart runs up to its end, in order of index. A deadline set inside a slice shortens it for the harts that
 * follow; who has run ahead waits for the others. Nothing else decides the order, so runs repeat exactly.
 */
export class Cluster implements HartLines {
  readonly harts: readonly Hart[];
  readonly clock: Clock;
  readonly #quantum: number;
  #stopped = false;
  /** Called when no hart can ever run again; says what each waits for. */
  readonly #explainDeadlock: () => string;

  constructor(harts: readonly Hart[], clock: Clock, quantum: number, explainDeadlock: () => string) {
    this.harts = harts;
    this.clock = clock;
    this.#quantum = quantum;
    this.#explainDeadlock = explainDeadlock;
  }

  get count(): number {
    return this.harts.length;
  }

  wake(hart: number): void {
    this.harts[hart].wake(this.clock.now);
  }

  setPending(hart: number, mask: number, level: boolean): void {
    this.harts[hart].setPending(mask, level);
  }

  /** Ends `run` after the present instruction. */
  stop(): void {
    this.#stopped = true;
    for (const hart of this.harts) hart.stop();
  }

  /** Instructions retired by all harts. */
  get instret(): number {
    return this.harts.reduce((sum, hart) => sum + hart.instret, 0);
  }

  /** Time of the hart that is furthest behind, sleepers aside; the clock's when all sleep. */
  get cycle(): number {
    const awake = this.harts.filter((h) => !h.asleep);
    return awake.length > 0 ? Math.min(...awake.map((h) => h.cycle)) : this.clock.now;
  }

  /**
   * Runs until stopped or until `instructions` more have retired over all harts.
   * @throws MachineError when every hart sleeps and no deadline is set
   */
  run(instructions: number): Stop {
    let budget = instructions;
    this.#stopped = false;
    while (!this.#stopped) {
      if (budget <= 0) return 'budget';
      let start = Infinity;
      for (const hart of this.harts) if (!hart.asleep && hart.cycle < start) start = hart.cycle;
      if (this.clock.next <= start) {
        if (start === Infinity && this.clock.next === Infinity)
          throw new MachineError(this.#explainDeadlock());
        this.clock.advance(this.clock.next);
        continue;
      }
      let end = Math.min(start + this.#quantum, this.clock.next);
      for (const hart of this.harts) {
        if (hart.asleep || hart.cycle >= end) continue;
        const before = hart.instret;
        hart.run(Math.min(end, hart.cycle + budget));
        budget -= hart.instret - before;
        end = Math.min(end, this.clock.next);
        if (this.#stopped || budget <= 0) break;
      }
    }
    return 'stopped';
  }
}
