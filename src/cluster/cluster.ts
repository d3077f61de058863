/** The harts of a machine and the deterministic order in which they run (design §1.4). */
import type { Clock } from '../device/clock.ts';
import type { HartLines } from '../device/device.ts';
import { MachineError } from '../errors.ts';
import type { Hart } from '../hart/hart.ts';

/**
 * Cycles of a slice when one hart is awake: long enough that slices cost nothing, short enough that translated code
 * returns now and then, so that V8 can replace it by its optimised form.
 */
const LONE_SLICE = 5_000_000;

/** Why a run ended without the guest's doing. */
export type Stop = 'budget' | 'stopped';

/**
 * Runs harts round robin in quanta of machine time.
 *
 * A slice reaches from the earliest awake hart to the next quantum or deadline, whichever comes first, and every
 * awake hart runs up to its end, in order of index. A hart that is alone awake gets long slices, which end a quantum
 * after it wakes another. A deadline set inside a slice shortens it for the harts that
 * follow; who has run ahead waits for the others. Nothing else decides the order, so runs repeat exactly.
 */
export class Cluster implements HartLines {
  readonly harts: readonly Hart[];
  readonly clock: Clock;
  readonly #quantum: number;
  #stopped = false;
  /** The round at work: whose turn it is (all had theirs at first), and the time the slice reaches. */
  #turn: number;
  #end = 0;
  /** Called when no hart can ever run again; says what each waits for. */
  readonly #explainDeadlock: () => string;

  constructor(harts: readonly Hart[], clock: Clock, quantum: number, explainDeadlock: () => string) {
    this.harts = harts;
    this.clock = clock;
    this.#quantum = quantum;
    this.#turn = harts.length;
    this.#explainDeadlock = explainDeadlock;
  }

  get count(): number {
    return this.harts.length;
  }

  wake(hart: number): void {
    this.#waking(hart, (h) => h.wake(this.clock.now));
  }

  setPending(hart: number, mask: number, level: boolean): void {
    this.#waking(hart, (h) => h.setPending(mask, level));
  }

  /** Who wakes up inside the long slice of a lone hart is behind it by a quantum at most. */
  #waking(index: number, act: (hart: Hart) => void): void {
    const hart = this.harts[index];
    const slept = hart.asleep;
    act(hart);
    if (!slept || hart.asleep || this.#turn === this.harts.length) return;
    this.#end = Math.min(this.#end, this.clock.now + this.#quantum);
    this.harts[this.#turn].shorten(this.#end);
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
   * Runs until stopped or until `instructions` more have retired over all harts, and can go on from there: where a
   * run is cut makes no difference to what the guest does.
   * @throws MachineError when every hart sleeps and no deadline is set
   */
  run(instructions: number): Stop {
    let budget = instructions;
    this.#stopped = false;
    for (;;) {
      if (this.#stopped) return 'stopped';
      if (budget <= 0) return 'budget';
      if (this.#turn === this.harts.length) {
        this.#startRound();
        continue;
      }
      const hart = this.harts[this.#turn];
      while (!hart.asleep && hart.cycle < this.#end && budget > 0 && !this.#stopped) {
        const before = hart.instret;
        hart.run(Math.min(this.#end, hart.cycle + budget));
        budget -= hart.instret - before;
        this.#end = Math.min(this.#end, this.clock.next);
      }
      if (hart.asleep || hart.cycle >= this.#end) this.#turn++;
    }
  }

  /** Fires the deadlines that no awake hart may overtake, then opens the next slice. */
  #startRound(): void {
    let start = Infinity;
    let awake = 0;
    for (const hart of this.harts) {
      if (hart.asleep) continue;
      awake++;
      if (hart.cycle < start) start = hart.cycle;
    }
    if (this.clock.next <= start) {
      if (this.clock.next === Infinity) throw new MachineError(this.#explainDeadlock());
      this.clock.advance(this.clock.next);
      return;
    }
    this.#end = Math.min(start + (awake === 1 ? LONE_SLICE : this.#quantum), this.clock.next);
    this.#turn = 0;
  }
}
