/** A machine under the control of a debugger; see target.ts for what can be asked of it. */
import type { Machine } from '../cluster/machine.ts';
import { encodeSnapshot, restoreSnapshot } from '../cluster/snapshot-file.ts';
import { History, type Travel } from '../history/history.ts';
import { Outside } from '../history/outside.ts';
import type { RecorderOptions } from '../history/recorder.ts';
import { CaptureConsole, type HostConsole } from '../host/console.ts';
import type { BreakpointType } from './breakpoints.ts';
import { DebugConsole } from './console.ts';
import { Execution, StopConditions } from './execution.ts';
import { View } from './hart-view.ts';
import { canPoke, peekBytes, regionsOf } from './memory.ts';
import type { Action, FaultKind, HartView, MemoryRegion, Stop, Target, Watch } from './target.ts';

/** Host milliseconds after which a run looks at the time. */
const SLICE_MILLISECONDS = 4;
const FIRST_SLICE = 20_000;
/** Bounds how late an interrupt is noticed when execution suddenly slows down. */
const LONGEST_SLICE = 4_000_000;

const afterReset: Stop = { kind: 'step', hart: 0 };

const HISTORY: RecorderOptions = { limitBytes: 256 << 20 };

/** A way that ends where it begins. */
function* stay(hart: number): Travel {
  yield;
  return { kind: 'step', hart };
}

export class Debugger implements Target {
  readonly harts: readonly HartView[];
  readonly #create: (console: HostConsole) => Machine;
  readonly #console: DebugConsole;
  readonly #conditions = new StopConditions();
  readonly #historyOptions: RecorderOptions;
  #outside: Outside;
  #execution: Execution;
  #history: History;
  /** The way through history that the machine is on, if it is. */
  #travel: Travel | undefined;
  #stopped: Stop = afterReset;
  /** Whether `stopped` was met on a way back. */
  #cameBack = false;
  /** Instructions that take about SLICE_MILLISECONDS. */
  #slice = FIRST_SLICE;

  /**
   * @param create makes a machine in its reset state with the program loaded, printing to the console given
   * @param console where the guest's output goes besides `onOutput`, and its input comes from
   * @param history how much of the past is kept
   */
  constructor(
    create: (console: HostConsole) => Machine,
    console: HostConsole = new CaptureConsole(),
    history: RecorderOptions = HISTORY,
  ) {
    this.#create = create;
    this.#console = new DebugConsole(console);
    this.#historyOptions = history;
    [this.#outside, this.#execution, this.#history] = this.#begin();
    this.harts = this.machine.cluster.harts.map(
      ({ index }) =>
        new View(
          index,
          () => this.machine,
          (apply) => this.#history.change(apply),
        ),
    );
  }

  /** The present one: `reset` makes another. */
  get machine(): Machine {
    return this.#execution.machine;
  }

  get regions(): readonly MemoryRegion[] {
    return regionsOf(this.machine.bus);
  }
  get position(): number {
    return this.#execution.position;
  }
  get cycles(): number {
    return this.machine.statistics.cycles;
  }
  get stopped(): Stop {
    return this.#stopped;
  }

  read(address: number, bytes: number): Uint8Array {
    const hart = 'hart' in this.#stopped ? this.#stopped.hart : 0;
    return peekBytes(this.machine.bus, address >>> 0, bytes, hart).slice();
  }
  write(address: number, data: Uint8Array): boolean {
    const { bus } = this.machine;
    if (data.length === 0) return true;
    if (data.length === 0) return true;
    if (!canPoke(bus, address >>> 0, data.length)) return false;
    const written = data.slice();
    this.#history.change(() => bus.poke(address >>> 0, written));
    return true;
  }

  setBreakpoint(address: number, type: BreakpointType): void {
    this.#conditions.breakpoints.set(address, type);
  }
  clearBreakpoint(address: number, type: BreakpointType): void {
    this.#conditions.breakpoints.clear(address, type);
  }
  setWatch(watch: Watch): void {
    this.#conditions.watchpoints.set(watch);
  }
  clearWatch(watch: Watch): void {
    this.#conditions.watchpoints.clear(watch);
  }
  clearAll(): void {
    this.#conditions.breakpoints.clearAll();
    this.#conditions.watchpoints.clearAll();
  }

  get watchDevices(): boolean {
    return this.#conditions.watchDevices;
  }
  set watchDevices(on: boolean) {
    this.#conditions.watchDevices = on;
  }
  get catchFaults(): ReadonlySet<FaultKind> {
    return this.#conditions.catchFaults;
  }
  set catchFaults(kinds: ReadonlySet<FaultKind>) {
    this.#conditions.catchFaults = kinds;
  }
  get stepInterrupts(): boolean {
    return this.#conditions.stepInterrupts;
  }
  set stepInterrupts(on: boolean) {
    this.#conditions.stepInterrupts = on;
  }
  get stopsAtEbreak(): boolean {
    return this.#conditions.stopsAtEbreak;
  }
  set stopsAtEbreak(on: boolean) {
    this.#conditions.stopsAtEbreak = on;
  }
  get onOutput(): ((bytes: Uint8Array) => void) | undefined {
    return this.#console.onOutput;
  }
  set onOutput(take: ((bytes: Uint8Array) => void) | undefined) {
    this.#console.onOutput = take;
  }

  resume(actions: ReadonlyMap<number, Action>): void {
    this.#travel = undefined;
    this.#cameBack = false;
    this.#execution.resume(actions);
    this.#history.thaw(new Set(actions.keys()));
  }

  run(milliseconds: number): Stop | undefined {
    const start = performance.now();
    for (let now = start; ;) {
      const before = this.position;
      this.#cameBack = this.#travel !== undefined;
      const stop = this.#travel ? this.#go(this.#travel) : this.advance(this.#slice);
      if (stop) return (this.#stopped = stop);
      const then = performance.now();
      const executed = this.position - before;
      if (!this.#travel) this.#adapt(executed, then - now);
      if ((executed === 0 && !this.#travel) || then - start >= milliseconds) return undefined;
      now = then;
    }
  }

  /** Like `run`, for so many instructions over all harts at most. */
  advance(instructions: number): Stop | undefined {
    const stop = this.#history.advance(instructions);
    if (stop) this.#stopped = stop;
    return stop;
  }

  interrupt(hart: number): Stop {
    this.#travel = undefined;
    return (this.#stopped = { kind: 'interrupted', hart });
  }

  reset(): void {
    [this.#outside, this.#execution, this.#history] = this.#begin();
    this.#stopped = afterReset;
    this.#travel = undefined;
  }

  /**
   * Back to a watched access, the machine stands before it. GDB steps the hart back from there all the same, as it does
   * forward to get the access done: that step has been made.
   */
  resumeBackwards(hart?: number): void {
    const { kind } = this.#stopped;
    const undone = this.#cameBack && kind === 'watchpoint' && hart === this.#stopped.hart;
    if (undone) this.#travel = stay(hart);
    else this.#travel = hart === undefined ? this.#history.continueBack() : this.#history.stepBack(hart);
  }
  goto(position: number): boolean {
    const { first, last } = this.#history;
    if (position < first || position > last) return false;
    const travel = this.#history.goTo(position);
    for (let stop = this.#go(travel); ; stop = this.#go(travel)) {
      if (!stop) continue;
      this.#stopped = stop;
      this.#travel = undefined;
      return true;
    }
  }
  get history(): Target['history'] {
    const { first, last, bytes, limit } = this.#history;
    return { first, last, bytes, limit };
  }
  save(): Uint8Array {
    return encodeSnapshot(this.machine);
  }
  /** History begins anew with the state that is put back. */
  restore(snapshot: Uint8Array): void {
    restoreSnapshot(this.machine, snapshot, 'the snapshot');
    this.#history.close();
    this.#execution.forget();
    this.#history = new History(this.#execution, this.#outside, this.#historyOptions);
    this.#stopped = afterReset;
    this.#travel = undefined;
  }

  /** A machine in its reset state, and its history from there on. */
  #begin(): [Outside, Execution, History] {
    const outside = new Outside(this.#console);
    const execution = new Execution(this.#create(outside), this.#conditions);
    return [outside, execution, new History(execution, outside, this.#historyOptions)];
  }

  /** Goes a piece of a way through history. */
  #go(travel: Travel): Stop | undefined {
    const { done, value } = travel.next();
    if (done !== true) return undefined;
    this.#travel = undefined;
    return value;
  }

  /** Follows the speed of execution, upwards by a factor of two at a time. */
  #adapt(executed: number, milliseconds: number): void {
    if (executed === 0) return;
    const fitting = (executed * SLICE_MILLISECONDS) / Math.max(milliseconds, 0.01);
    this.#slice = Math.round(Math.min(Math.max(fitting, 1000), this.#slice * 2, LONGEST_SLICE));
  }
}
