/**
 * The history of a machine: the way to its present state can be gone back and again, exactly, from snapshots and the
 * inputs that came from outside. What is to come is a function of the state (design §1.4), so nothing else is kept.
 *
 * A position is the number of instructions retired by all harts. Within, states are named by moments (see Cluster),
 * which count traps as well. Going back puts a snapshot back and executes again from there; the snapshots behind are
 * forgotten then, and made anew when the way is gone again.
 */
import type { Stop } from '../debug/target.ts';
import type { Place } from './inputs.ts';
import type { Outside } from './outside.ts';
import { type Player, Recorder, type RecorderOptions } from './recorder.ts';

/** A way through history, gone in pieces: each `next` takes some milliseconds. It may be left anywhere. */
export type Travel = Generator<void, Stop>;

export class History {
  readonly #recorder: Recorder;

  /** History begins at the present state. */
  constructor(player: Player, outside: Outside, options: RecorderOptions) {
    this.#recorder = new Recorder(player, outside, options);
  }

  /** The first position that can be gone to. */
  get first(): number {
    return this.#recorder.marks[0].position;
  }
  /** The furthest position known. */
  get last(): number {
    return this.#recorder.end.position;
  }
  /** Bytes taken, about. */
  get bytes(): number {
    return this.#recorder.bytes;
  }
  get limit(): number {
    return this.#recorder.limitBytes;
  }
  /** Positions of the snapshots, ascending. */
  get snapshots(): number[] {
    return this.#recorder.marks.map(({ position }) => position);
  }

  /** Makes a change to the machine, which is halted, from outside; what was known to come is cut off. */
  change(apply: () => void): void {
    this.#recorder.change(apply);
  }

  /** Freezes all harts but these from now on. Where that was done here before, what is known to come stays. */
  thaw(harts: ReadonlySet<number>): void {
    this.#recorder.thaw(harts);
  }

  /** Executes forward, through what is known and beyond. */
  advance(instructions: number): Stop | undefined {
    return this.#recorder.advance(instructions);
  }

  /** Goes to a position, or to the end of what is known nearest to it: then the stop is of kind `history`. */
  *goTo(position: number): Travel {
    const recorder = this.#recorder;
    if (position < this.first) return this.#begin(0);
    if (position < recorder.cluster.instret)
      recorder.restore(recorder.marks.findLastIndex((mark) => mark.position <= position));
    const stop: Stop = { kind: 'step', hart: recorder.cluster.present };
    if (position >= this.last) {
      yield* recorder.replay(recorder.end.moment);
      return position === this.last ? stop : { kind: 'history', hart: stop.hart, at: 'end' };
    }
    yield* recorder.replay(recorder.end.moment, position);
    return stop;
  }

  /** Goes back to before the last instruction that the hart retired. */
  *stepBack(index: number): Travel {
    const recorder = this.#recorder;
    const { marks } = recorder;
    const hart = recorder.cluster.harts[index];
    const { instret } = hart;
    const before = marks.findLastIndex((mark) => mark.state.harts[index].instret < instret);
    if (before < 0) return this.#begin(index);
    // The hart retires it between `low`, where the machine is, and `high`.
    let high = marks.at(before + 1)?.moment ?? recorder.moment;
    recorder.restore(before);
    for (let low = recorder.moment; high - low > 1;) {
      const middle = low + Math.floor((high - low) / 2);
      yield* recorder.replay(middle, Infinity, false);
      if (hart.instret < instret) {
        low = middle;
        recorder.mark();
      } else {
        high = middle;
        recorder.restore(marks.length - 1);
      }
    }
    recorder.inputs.giveChanges();
    return { kind: 'step', hart: index };
  }

  /** Goes back to the latest state in which a hart is at a breakpoint or about to make a watched access. */
  *continueBack(): Travel {
    const recorder = this.#recorder;
    const { marks } = recorder;
    recorder.player.prepareToSeek();
    let high = recorder.moment;
    let place: Place | undefined = recorder.inputs.place;
    for (let n = marks.length - 1; n >= 0; n--) {
      if (marks[n].moment >= high) continue;
      recorder.restore(n);
      const hit = yield* recorder.lastHit(high, place);
      place = undefined;
      recorder.restore(n);
      if (hit) {
        yield* recorder.replay(hit.moment);
        return hit.stop;
      }
      high = recorder.moment;
    }
    return this.#begin(0);
  }

  /** Ends the recording. */
  close(): void {
    this.#recorder.close();
  }

  #begin(hart: number): Stop {
    this.#recorder.restore(0);
    this.#recorder.inputs.giveChanges();
    return { kind: 'history', hart, at: 'begin' };
  }
}
