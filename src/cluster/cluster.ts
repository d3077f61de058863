/** The harts of a machine and the deterministic order in which they run (design §1.4). */
import type { Clock } from '../device/clock.ts';
import type { HartLines } from '../device/device.ts';
import { MachineError } from '../errors.ts';
import type { Hart } from '../hart/hart.ts';
import type { Banks } from '../memory/banks.ts';

/**
 * Cycles of a slice when one hart is awake: long enough that slices cost nothing, short enough that translated code
 * returns now and then, so that V8 can replace it by its optimised form.
 */
const LONE_SLICE = 5_000_000;
/** The same in cluster timing, where a slice must fit into the banks' ring. */
const TIMED_LONE_SLICE = 32_768;

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
  /** Who has the first turn: another hart in each round of cluster timing, so that all meet free banks alike. */
  first: number;
}

/** The hart whose turn number `turn` is. */
const hartAt = ({ harts, first }: Round, turn: number): Hart =>
  harts[first + turn < harts.length ? first + turn : first + turn - harts.length];

/** Part of a state: who has the first turn. */
const rotated = (first: number): { first?: number } => (first === 0 ? {} : { first });

/** Cycles in which a hart was active. */
const activeCycles = (hart: Hart): number => hart.cycle - hart.sleepCycles - hart.stallCycles;

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
  /** Who has the first turn, where that is not hart 0. */
  readonly first?: number;
  /** While others are frozen: the harts that run, and their round. */
  readonly thawed?: {
    readonly harts: readonly number[];
    readonly turn: number;
    readonly end: number;
    readonly first?: number;
  };
}

/**
 * Runs harts round robin in quanta of machine time.
 *
 * A slice reaches from the earliest awake hart to the next quantum or deadline, whichever comes first, and every
 * awake hart runs up to its end, in order of index. A hart that is alone awake gets long slices, which end a quantum
 * after it wakes another. A deadline set inside a slice shortens it for the harts that
 * follow; who has run ahead waits for the others. Nothing else decides the order, so runs repeat exactly.
 *
 * In cluster timing each instruction is one cycle of its slice all the same. What it costs beyond is settled when the
 * hart's turn is over, or when it meets a device: it has then run ahead, and waits.
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

  /** In cluster timing: the banks that harts meet at. */
  readonly #timing: { readonly banks: Banks | undefined } | undefined;

  constructor(
    harts: readonly Hart[],
    clock: Clock,
    quantum: number,
    explainDeadlock: () => string,
    timing?: { readonly banks: Banks | undefined },
  ) {
    this.harts = harts;
    this.clock = clock;
    this.#quantum = quantum;
    this.#round = this.#all = { harts, turn: harts.length, end: 0, first: 0 };
    this.#explainDeadlock = explainDeadlock;
    this.#timing = timing;
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
    const { asleep: slept, sleepCycles } = hart;
    act(hart);
    if (!slept || hart.asleep) return;
    this.#tellSleep(hart, sleepCycles);
    const round = this.#round;
    if (round.turn === round.harts.length) return;
    round.end = Math.min(round.end, this.clock.now + this.#quantum);
    hartAt(round, round.turn).shorten(round.end);
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
    this.#round = all ? this.#all : { harts, turn: harts.length, end: 0, first: 0 };
  }

  /** Ends the sleep of a hart whatever it waits for. */
  rouse(index: number): void {
    const awake = this.harts.filter((h) => !h.asleep).map((h) => h.cycle);
    const hart = this.harts[index];
    const { asleep, sleepCycles } = hart;
    hart.wake(Math.max(this.#fired, awake.length > 0 ? Math.min(...awake) : 0));
    if (asleep) this.#tellSleep(hart, sleepCycles);
  }

  /** @param before cycles asleep before the sleep that is over now */
  #tellSleep({ index, cycle, sleepCycles }: Hart, before: number): void {
    this.onSlept?.(index, cycle - (sleepCycles - before), cycle);
  }

  /** Indices of the harts that are not frozen. */
  get thawed(): number[] {
    return this.#round.harts.map((h) => h.index);
  }

  /** The hart that runs next when none is frozen, if the round of all has one left. */
  get next(): Hart | undefined {
    const all = this.#all;
    const end = this.#endOf(all);
    for (let { turn } = all; turn < all.harts.length; turn++) {
      const hart = hartAt(all, turn);
      if (!hart.asleep && hart.cycle < end) return hart;
    }
    return undefined;
  }

  /** The hart whose turn it is or was last. */
  get present(): number {
    const round = this.#round;
    const { length } = round.harts;
    return length === 0 ? 0 : hartAt(round, Math.min(round.turn, length - 1)).index;
  }

  /** Ends `run` after the present instruction. */
  stop(): void {
    this.#stopped = true;
    for (const hart of this.harts) hart.stop();
  }

  snapshot(): ClusterState {
    const { harts, turn, end, first } = this.#round;
    return {
      turn: this.#all.turn,
      end: this.#all.end,
      fired: this.#fired,
      ...rotated(this.#all.first),
      ...(this.#round === this.#all
        ? {}
        : { thawed: { harts: harts.map((h) => h.index), turn, end, ...rotated(first) } }),
    };
  }

  restore({ turn, end, fired, first = 0, thawed }: ClusterState): void {
    Object.assign(this.#all, { turn, end, first });
    this.#fired = fired;
    this.#round = thawed
      ? {
          harts: thawed.harts.map((i) => this.harts[i]),
          turn: thawed.turn,
          end: thawed.end,
          first: thawed.first ?? 0,
        }
      : this.#all;
  }

  /**
   * Cycles in which harts were active: each retired an instruction or took a trap. With the fixed order of harts the
   * number names a state of the machine, finer than the count of retired instructions does.
   */
  get moment(): number {
    return this.harts.reduce((sum, hart) => sum + activeCycles(hart), 0);
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
      const hart = hartAt(round, round.turn);
      while (!hart.asleep && hart.cycle < this.#endOf(round) && budget > 0 && time > 0 && !this.#stopped) {
        const { instret } = hart;
        const active = time === Infinity ? 0 : activeCycles(hart);
        const steps = this.stepper?.steps(hart.index) === true;
        hart.run(Math.min(this.#endOf(round), hart.cycle + (steps ? 1 : Math.min(budget, time))));
        budget -= hart.instret - instret;
        if (time !== Infinity) time -= activeCycles(hart) - active;
        if (steps) this.stepper?.stepped(hart);
      }
      if (hart.asleep || hart.cycle >= this.#endOf(round)) this.#endTurn(round, hart);
    }
  }

  /**
   * The least that `run` does: a cycle of a hart, which may pass without a moment where the hart falls asleep, the end
   * of a turn, a deadline or the start of a round.
   */
  inch(): void {
    const round = this.#round;
    if (round.turn === round.harts.length) {
      this.#startRound(round);
      return;
    }
    const hart = hartAt(round, round.turn);
    if (hart.asleep || hart.cycle >= this.#endOf(round)) this.#endTurn(round, hart);
    else hart.run(hart.cycle + 1);
  }

  #endTurn(round: Round, hart: Hart): void {
    if (this.#timing) hart.settle();
    round.turn++;
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
    if (this.#timing) {
      round.first = (round.first + 1) % round.harts.length;
      this.#timing.banks?.advance(start);
    }
    const lone = this.#timing ? TIMED_LONE_SLICE : LONE_SLICE;
    round.end = start + (awake === 1 ? Math.max(lone, this.#quantum) : this.#quantum);
    round.turn = 0;
    return true;
  }
}
