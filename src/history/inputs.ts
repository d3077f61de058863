/** What came from outside while a machine ran, each at its place, to be given again when the machine runs again. */
import type { Cluster } from '../cluster/cluster.ts';
import { MachineError } from '../errors.ts';
import { Log } from './log.ts';

/** Something that changed what the machine does from a moment on. */
export interface Input {
  readonly moment: number;
  /** The state in which it came, among those of the moment: see `stageOf`. */
  readonly stage: string;
  /** The harts that run from here on, where that is what changed. */
  readonly thawed?: string;
  apply(): void;
}

/** One state, among those of its moment. */
export interface Place {
  readonly moment: number;
  readonly stage: string;
  /** Inputs given before. */
  readonly given: number;
}

/** What can change while no instruction retires: turns, sleepers, deadlines that have fired. */
const stageOf = (cluster: Cluster): string =>
  JSON.stringify([cluster.snapshot(), cluster.harts.map(({ asleep, cycle }) => [asleep, cycle])]);

/** Steps without an instruction after which a state that was there does not come any more. */
const MOST_INCHES = 10_000;

export class Inputs {
  readonly #cluster: () => Cluster;
  readonly #inch: () => void;
  readonly #log = new Log<Input>();
  /** How many have been given up to the present state. */
  given = 0;

  /** @param inch executes the least that can be executed */
  constructor(cluster: () => Cluster, inch: () => void) {
    this.#cluster = cluster;
    this.#inch = inch;
  }

  /** The next one on the way that is known. */
  get next(): Input | undefined {
    return this.#log.get(this.given);
  }

  /** The moment of the next one; Infinity where none is known. */
  get moment(): number {
    return this.next?.moment ?? Infinity;
  }

  /** The present state. */
  get place(): Place {
    const cluster = this.#cluster();
    return { moment: cluster.moment, stage: stageOf(cluster), given: this.given };
  }

  /** From an earlier state of its moment to a place, or as near to it as can be come where the machine broke there. */
  approach({ moment, stage, given }: Place): void {
    const cluster = this.#cluster();
    while (this.given < given && this.moment === moment) this.give();
    try {
      for (let inches = 0; inches < MOST_INCHES; inches++) {
        if (cluster.moment !== moment || stageOf(cluster) === stage) return;
        this.#inch();
      }
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
    }
  }

  /** Enters what happens now, at the end of what is known. */
  add(apply: () => void, thawed?: string): void {
    const cluster = this.#cluster();
    const { moment } = cluster;
    this.#log.push({ moment, stage: stageOf(cluster), apply, ...(thawed === undefined ? {} : { thawed }) });
    this.given++;
  }

  /** Gives what came at the present moment. */
  giveAll(): void {
    while (this.moment === this.#cluster().moment) this.give();
  }

  /** Gives what came at the present moment but for changes of the harts that run, after which nothing else came. */
  giveChanges(): void {
    const { moment } = this.#cluster();
    let end = this.given;
    for (let n = end; this.#log.get(n)?.moment === moment; n++)
      if (this.#log.get(n)?.thawed === undefined) end = n + 1;
    while (this.given < end) this.give();
  }

  /** Gives the next one; the machine is at its moment. */
  give(): void {
    const { next } = this;
    if (!next) return;
    this.#comeTo(next);
    next.apply();
    this.given++;
  }

  #comeTo({ moment, stage }: Input): void {
    const cluster = this.#cluster();
    for (let inches = 0; stageOf(cluster) !== stage; inches++) {
      if (cluster.moment !== moment || inches > MOST_INCHES)
        throw new Error(`history does not repeat itself at moment ${moment}`);
      this.#inch();
    }
  }

  /** Forgets what lies ahead. */
  cut(): void {
    this.#log.cut(this.given);
  }

  /** Forgets those before this number. */
  forget(number: number): void {
    this.#log.forget(number);
  }
}
