/** A machine under the control of a debugger; see target.ts for what can be asked of it. */
import type { Machine } from '../cluster/machine.ts';
import { UsageError } from '../errors.ts';
import { CaptureConsole, type HostConsole } from '../host/console.ts';
import type { BreakpointType } from './breakpoints.ts';
import { DebugConsole } from './console.ts';
import { Execution, StopConditions } from './execution.ts';
import { View } from './hart-view.ts';
import { peekBytes, pokeBytes, regionsOf } from './memory.ts';
import type { Action, FaultKind, HartView, MemoryRegion, Stop, Target, Watch } from './target.ts';

/** Host milliseconds after which a run looks at the time. */
const SLICE_MILLISECONDS = 2;
const FIRST_SLICE = 20_000;
const MOST = 50_000_000;

const afterReset: Stop = { kind: 'step', hart: 0 };

export class Debugger implements Target {
  readonly harts: readonly HartView[];
  readonly #create: (console: HostConsole) => Machine;
  readonly #console: DebugConsole;
  readonly #conditions = new StopConditions();
  #execution: Execution;
  #stopped: Stop = afterReset;
  /** Instructions that take about SLICE_MILLISECONDS. */
  #slice = FIRST_SLICE;

  /**
   * @param create makes a machine in its reset state with the program loaded, printing to the console given
   * @param console where the guest's output goes besides `onOutput`, and its input comes from
   */
  constructor(create: (console: HostConsole) => Machine, console: HostConsole = new CaptureConsole()) {
    this.#create = create;
    this.#console = new DebugConsole(console);
    this.#execution = new Execution(create(this.#console), this.#conditions);
    this.harts = this.machine.cluster.harts.map(({ index }) => new View(index, () => this.machine));
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
    return pokeBytes(this.machine.bus, address >>> 0, data);
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
    this.#execution.resume(actions);
    this.machine.cluster.thaw(new Set(actions.keys()));
  }

  run(milliseconds: number): Stop | undefined {
    const start = performance.now();
    for (let now = start; ;) {
      const before = this.position;
      const stop = this.#execution.advance(this.#slice);
      if (stop) return (this.#stopped = stop);
      const then = performance.now();
      const executed = this.position - before;
      if (executed < this.#slice || then - start >= milliseconds) {
        this.#adapt(executed, then - now);
        return undefined;
      }
      this.#adapt(executed, then - now);
      now = then;
    }
  }

  /** Like `run`, for so many instructions over all harts at most. */
  advance(instructions: number): Stop | undefined {
    const stop = this.#execution.advance(instructions);
    if (stop) this.#stopped = stop;
    return stop;
  }

  interrupt(hart: number): Stop {
    return (this.#stopped = { kind: 'interrupted', hart });
  }

  reset(): void {
    this.#execution = new Execution(this.#create(this.#console), this.#conditions);
    this.#stopped = afterReset;
  }

  resumeBackwards(): void {
    throw noHistory();
  }
  goto(): boolean {
    return false;
  }
  get history(): Target['history'] {
    return { first: this.position, last: this.position, bytes: 0, limit: 0 };
  }
  save(): Uint8Array {
    throw noHistory();
  }
  restore(): void {
    throw noHistory();
  }

  /** Follows the speed of execution, a factor of two at a time. */
  #adapt(executed: number, milliseconds: number): void {
    if (executed === 0) return;
    const fitting = (executed * SLICE_MILLISECONDS) / Math.max(milliseconds, 0.01);
    this.#slice = Math.round(Math.min(Math.max(fitting, this.#slice / 2, 1000), this.#slice * 2, MOST));
  }
}

const noHistory = (): UsageError => new UsageError('this machine keeps no history');
