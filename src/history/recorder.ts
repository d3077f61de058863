/** Records a machine while it runs, and runs it again from what it recorded. */
import type { Cluster } from '../cluster/cluster.ts';
import type { Machine } from '../cluster/machine.ts';
import type { Stop } from '../debug/target.ts';
import { Inputs, type Place } from './inputs.ts';
import type { Outside } from './outside.ts';
import { Pace } from './pace.ts';
import { type Mark, Timeline } from './timeline.ts';

/** The machine as its history runs it: src/debug/execution.ts. */
export interface Player {
  readonly machine: Machine;
  /** Executes live; returns why it halted. */
  advance(instructions: number, moments: number): Stop | undefined;
  /** Executes again; nothing halts. */
  replay(moments: number, instructions?: number): void;
  /** Executes again up to the first breakpoint or watched access, perhaps but for the one that is right here. */
  seek(moments: number, passing: boolean): Stop | undefined;
  prepareToSeek(): void;
  /** Executes the least again; the watched access found in it, where one is sought. */
  inch(seeking: boolean): Stop | undefined;
  /** The machine was put into another state. */
  forget(): void;
}

export interface RecorderOptions {
  /** Most bytes that history takes, about. */
  readonly limitBytes: number;
  /** Fewest moments between snapshots while the machine runs. */
  readonly interval?: number;
}

const INTERVAL = 1_000_000;
/**
 * Milliseconds between snapshots: so few that the way back to the last one is short, so many that they cost little.
 * Fast code makes the interval longer, up to so many times.
 */
const PACE = { least: 10, most: 30 } as const;
const LONGEST = 16;
/** Moments to go below which execution again leaves no more snapshots on its way. */
const SHORT = 100;

/**
 * The way to the present: marks on it, the inputs of outside, and how far it is known. The machine may stand before
 * its known end; then what it does is what it did, until something else comes from outside.
 */
export class Recorder {
  readonly player: Player;
  readonly inputs: Inputs;
  readonly limitBytes: number;
  readonly #outside: Outside;
  readonly #interval: number;
  /** The present interval is so many times `interval`, and began then. */
  #times = 1;
  #began = performance.now();
  readonly #timeline: Timeline;
  readonly #pace = new Pace();
  /** The furthest state known. */
  #end = { moment: 0, position: 0 };
  /** The harts that are to run beyond what is known. */
  #wanted: string;
  /** Whether hits are sought on the way to the next input, and the last one found there. */
  #seeking = false;
  #found: Stop | undefined;
  /** Files that the guest had open when recording began. */
  readonly #files;

  /** History begins at the present state. */
  constructor(player: Player, outside: Outside, { limitBytes, interval = INTERVAL }: RecorderOptions) {
    const { machine } = player;
    this.player = player;
    this.limitBytes = limitBytes;
    this.#outside = outside;
    this.#interval = interval;
    this.inputs = new Inputs(
      () => this.cluster,
      () => {
        this.#found = player.inch(this.#seeking) ?? this.#found;
      },
    );
    this.#wanted = String(this.cluster.thawed);
    this.#files = machine.snapshotHost().semihosting.files;
    this.#timeline = new Timeline(machine);
    machine.recordCalls(outside);
    outside.cut();
    this.mark();
    this.#reach();
  }

  get cluster(): Cluster {
    return this.player.machine.cluster;
  }
  get moment(): number {
    return this.cluster.moment;
  }
  get marks(): readonly Mark[] {
    return this.#timeline.marks;
  }
  /** The furthest state known. */
  get end(): { readonly moment: number; readonly position: number } {
    return this.#end;
  }
  /** Bytes taken, about. */
  get bytes(): number {
    return this.#timeline.bytes + this.#outside.bytes;
  }

  /** Makes a change to the machine, which is halted, from outside; what was known to come is cut off. */
  change(apply: () => void): void {
    this.#cut();
    this.inputs.add(apply);
    apply();
  }

  /** Freezes all harts but these from now on. Where that was done here before, what is known to come stays. */
  thaw(harts: ReadonlySet<number>): void {
    this.#wanted = String([...harts].sort((a, b) => a - b));
    const { next } = this.inputs;
    const here = next?.moment === this.moment ? next.thawed : undefined;
    if (here === this.#wanted) this.inputs.give();
    else if (here !== undefined || this.#frozenOtherwise) this.#thaw();
  }

  /** Executes forward, through what is known and beyond. */
  advance(instructions: number): Stop | undefined {
    this.inputs.giveAll();
    if (this.moment >= this.#end.moment && this.#frozenOtherwise) this.#thaw();
    const due = this.marks[this.marks.length - 1].moment + this.#interval * this.#times;
    const stop = this.player.advance(instructions, Math.min(due, this.inputs.moment) - this.moment);
    this.#reach();
    if (this.moment >= due) {
      this.mark();
      const milliseconds = performance.now() - this.#began;
      this.#began += milliseconds;
      if (milliseconds < PACE.least) this.#times = Math.min(2 * this.#times, LONGEST);
      else if (milliseconds > PACE.most) this.#times = Math.max(this.#times / 2, 1);
    }
    this.inputs.giveChanges();
    return stop;
  }

  /** Leaves a snapshot of the present state. */
  mark(): void {
    this.#timeline.mark(this.#outside.passed, this.inputs.given);
    this.#timeline.thin(this.limitBytes - this.#outside.bytes);
    const [{ passed, inputs }] = this.marks;
    this.#outside.forget(passed);
    this.inputs.forget(inputs);
  }

  /** Puts the machine back to a mark; those behind it are forgotten. */
  restore(index: number): void {
    const { inputs, passed } = this.#timeline.restore(index);
    this.inputs.given = inputs;
    this.#outside.rewind(passed);
    this.player.forget();
  }

  /**
   * Executes again up to a moment or position.
   * @param leaves whether to leave marks at half of the way, of the rest, and so on: whoever goes back goes on going
   *   back
   */
  *replay(moment: number, position = Infinity, leaves = true): Generator<void, void> {
    const halfway = (): number => {
      const way = Math.min(moment - this.moment, position - this.cluster.instret);
      return leaves && way > SHORT ? this.moment + Math.ceil(way / 2) : Infinity;
    };
    this.#pace.start();
    for (let half = halfway(); this.moment < moment && this.cluster.instret < position;) {
      this.inputs.giveAll();
      const { moment: now } = this;
      const limit = Math.min(moment, this.inputs.moment, half, now + this.#pace.moments);
      this.player.replay(limit - now, position - this.cluster.instret);
      if (this.moment === now) throw new Error(`history does not repeat itself at moment ${now}`);
      if (this.moment === half) {
        this.mark();
        half = halfway();
      }
      if (this.#pace.passed(this.moment - now)) {
        yield;
        this.#pace.heard();
      }
    }
    if (leaves) this.inputs.giveChanges();
  }

  /**
   * The last breakpoint or watched access on the way from here to the moment `high`.
   * @param place where the way ends among the states of that moment, the first of which it is otherwise
   */
  *lastHit(
    high: number,
    place?: Place,
  ): Generator<void, { readonly moment: number; readonly stop: Stop } | undefined> {
    let hit: { readonly moment: number; readonly stop: Stop } | undefined;
    let passing = false;
    this.#pace.start();
    while (this.moment < high) {
      const { moment: before } = this;
      const met = this.#metWhile(() => this.inputs.giveAll());
      if (met) hit = { moment: before, stop: met };
      const stop = this.player.seek(
        Math.min(high, this.inputs.moment, before + this.#pace.moments) - before,
        passing,
      );
      if (!stop && this.moment === before)
        throw new Error(`history does not repeat itself at moment ${before}`);
      if (stop && this.moment < high) hit = { moment: this.moment, stop };
      passing = stop !== undefined;
      if (!this.#pace.passed(this.moment - before)) continue;
      yield;
      this.#pace.heard();
    }
    const met = place && this.#metWhile(() => this.inputs.approach(place));
    return met ? { moment: high, stop: met } : hit;
  }

  /** Ends the recording. */
  close(): void {
    this.#timeline.close();
    this.player.machine.recordCalls(undefined);
  }

  /** The last hit that is met while inputs are given. */
  #metWhile(give: () => void): Stop | undefined {
    this.#found = undefined;
    this.#seeking = true;
    give();
    this.#seeking = false;
    return this.#found;
  }

  get #frozenOtherwise(): boolean {
    return String(this.cluster.thawed) !== this.#wanted;
  }

  #thaw(): void {
    const harts = new Set(this.#wanted === '' ? [] : this.#wanted.split(',').map(Number));
    const apply = (): void => this.cluster.thaw(harts);
    this.#cut();
    this.inputs.add(apply, this.#wanted);
    apply();
  }

  #reach(): void {
    const { moment } = this;
    if (moment >= this.#end.moment) this.#end = { moment, position: this.cluster.instret };
  }

  /** What was known to come will not come. */
  #cut(): void {
    const { machine } = this.player;
    const { exit, semihosting } = machine.snapshotHost();
    machine.restoreHost({ exit, semihosting: { ...semihosting, files: this.#outside.files ?? this.#files } });
    this.inputs.cut();
    this.#outside.cut();
    this.#end = { moment: this.moment, position: this.cluster.instret };
  }
}
