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

/**
 * Why a run ended without the guest's doing; `idle`: the harts that may run sleep, and only one that is frozen could
 * wake them.
 */
export type Stop = 'budget' | 'stopped' | 'idle';

/** Harts taking turns: whose it is (all had theirs at first), and the time the slice reaches. */
interface Round {
  readonly harts: readonly Hart[];
  turn: number;
  end: number;
}

/** Who makes harts run one instruction at a time. */
export interface Stepper {
  /** Whether the next turn of the hart is to be one cycle. */
  steps(hart: number): boolean;
  /** Such a turn is over. */
  stepped(hart: Hart): void;
}

/** Where the harts stand in a round; the harts' own states are theirs. */
export interface ClusterState {
  readonly turn: number;
  readonly end: number;
  /** Time of the last deadline that fired. */
  readonly fired: number;
  /** While others are frozen: the harts that run, and their round. */
  readonly thawed?: { readonly harts: readonly number[]; readonly turn: number; readonly end: number };
}

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
  /** The round of all harts. */
  readonly #all: Round;
  /** The round at work: that of all, or one of those that are not frozen. */
  #round: Round;
  /** Time of the last deadline that fired. */
  #fired = 0;
  stepper: Stepper | undefined;
  /** Told when a hart's sleep in [from, to) is over. */
  onSlept: ((hart: number, from: number, to: number) => void) | undefined;
  /** Called when no hart can ever run again; says what each waits for. */
  readonly #explainDeadlock: () => string;

  constructor(harts: readonly Hart[], clock: Clock, quantum: number, explainDeadlock: () => string) {
    this.harts = harts;
    this.clock = clock;
    this.#quantum = quantum;
    this.#round = this.#all = { harts, turn: harts.length, end: 0 };
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
    const { asleep: slept, cycle } = hart;
    act(hart);
    if (!slept || hart.asleep) return;
    this.onSlept?.(index, cycle, hart.cycle);
    const round = this.#round;
    if (round.turn === round.harts.length) return;
    round.end = Math.min(round.end, this.clock.now + this.#quantum);
    round.harts[round.turn].shorten(round.end);
  }

  /**
   * Freezes all harts but these. The frozen ones retire nothing while time and devices go on with the others; the
   * round of all stays as it is and goes on when nobody is frozen any more. A hart that has been frozen over a
   * deadline goes on at its time, as one that slept.
   */
  thaw(indices: ReadonlySet<number>): void {
    const all = this.harts.every((h) => indices.has(h.index));
    const harts = all ? this.#all.harts : this.harts.filter((h) => indices.has(h.index));
    const now = this.#round.harts;
    if (harts.length === now.length && harts.every((h, i) => h === now[i])) return;
    for (const hart of harts) if (!now.includes(hart)) hart.skipTo(this.#fired);
    this.#round = all ? this.#all : { harts, turn: harts.length, end: 0 };
  }

  /** Ends the sleep of a hart whatever it waits for. */
  rouse(index: number): void {
    const awake = this.harts.filter((h) => !h.asleep).map((h) => h.cycle);
    const hart = this.harts[index];
    const { asleep, cycle } = hart;
    hart.wake(Math.max(this.#fired, awake.length > 0 ? Math.min(...awake) : 0));
    if (asleep) this.onSlept?.(index, cycle, hart.cycle);
  }

  /** Indices of the harts that are not frozen. */
  get thawed(): number[] {
    return this.#round.harts.map((h) => h.index);
  }

  /** The hart that runs next when none is frozen, if the round of all has one left. */
  get next(): Hart | undefined {
    const { harts, turn } = this.#all;
    const end = this.#endOf(this.#all);
    return harts.find((h, i) => i >= turn && !h.asleep && h.cycle < end);
  }

  /** The hart whose turn it is or was last. */
  get present(): number {
    const { harts, turn } = this.#round;
    return harts.length === 0 ? 0 : harts[Math.min(turn, harts.length - 1)].index;
  }

  /** Ends `run` after the present instruction. */
  stop(): void {
    this.#stopped = true;
    for (const hart of this.harts) hart.stop();
  }

  snapshot(): ClusterState {
    const { harts, turn, end } = this.#round;
    return {
      turn: this.#all.turn,
      end: this.#all.end,
      fired: this.#fired,
      ...(this.#round === this.#all ? {} : { thawed: { harts: harts.map((h) => h.index), turn, end } }),
    };
  }

  restore({ turn, end, fired, thawed }: ClusterState): void {
    this.#all.turn = turn;
    this.#all.end = end;
    this.#fired = fired;
    this.#round = thawed
      ? { harts: thawed.harts.map((i) => this.harts[i]), turn: thawed.turn, end: thawed.end }
      : this.#all;
  }

  /**
   * Cycles in which harts were active: each retired an instruction or took a trap. With the fixed order of harts the
   * number names a state of the machine, finer than the count of retired instructions does.
   */
  get moment(): number {
    return this.harts.reduce((sum, hart) => sum + hart.cycle - hart.sleepCycles, 0);
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
   * Runs until stopped, until `instructions` more have retired over all harts or until `moments` have passed, and can
   * go on from there: where a run is cut makes no difference to what the guest does.
   * @throws MachineError when every hart sleeps and no deadline is set
   */
  run(instructions: number, moments = Infinity): Stop {
    let budget = instructions;
    let time = moments;
    this.#stopped = false;
    for (;;) {
      if (this.#stopped) return 'stopped';
      if (budget <= 0 || time <= 0) return 'budget';
      const round = this.#round;
      if (round.turn === round.harts.length) {
        if (!this.#startRound(round)) return 'idle';
        continue;
      }
      const hart = round.harts[round.turn];
      while (!hart.asleep && hart.cycle < this.#endOf(round) && budget > 0 && time > 0 && !this.#stopped) {
        const { instret, cycle } = hart;
        const steps = this.stepper?.steps(hart.index) === true;
        hart.run(Math.min(this.#endOf(round), hart.cycle + (steps ? 1 : Math.min(budget, time))));
        budget -= hart.instret - instret;
        time -= hart.cycle - cycle;
        if (steps) this.stepper?.stepped(hart);
      }
      if (hart.asleep || hart.cycle >= this.#endOf(round)) round.turn++;
    }
  }

  /**
   * The least that `run` does: a cycle of a hart, which may pass without a moment where the hart falls asleep, the end
   * of a turn, a deadline or the start of a round.
   */
  inch(): void {
    const round = this.#round;
    const hart = round.harts.at(round.turn);
    if (!hart) this.#startRound(round);
    else if (hart.asleep || hart.cycle >= this.#endOf(round)) round.turn++;
    else hart.run(hart.cycle + 1);
  }

  /**
   * Up to where the harts of a round run at present: a deadline ends their turns, but one that is cancelled before it
   * fires leaves no trace, be the run cut between or not.
   */
  #endOf(round: Round): number {
    return Math.min(round.end, this.clock.next);
  }

  /** Fires the deadlines that no awake hart may overtake, or else opens the next slice; false where neither can be. */
  #startRound(round: Round): boolean {
    let start = Infinity;
    let awake = 0;
    for (const hart of round.harts) {
      if (hart.asleep) continue;
      awake++;
      if (hart.cycle < start) start = hart.cycle;
    }
    if (this.clock.next <= start) {
      if (this.clock.next === Infinity) {
        if (this.harts.some((h) => !h.asleep)) return false;
        throw new MachineError(this.#explainDeadlock());
      }
      this.#fired = this.clock.next;
      this.clock.advance(this.clock.next);
      return true;
    }
    round.end = start + (awake === 1 ? LONE_SLICE : this.#quantum);
    round.turn = 0;
    return true;
  }
}
