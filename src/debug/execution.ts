/** Execution forward under a debugger's eyes: what each hart does, and the first thing that halts the machine. */
import type { Machine } from '../cluster/machine.ts';
import type { Stepper } from '../cluster/cluster.ts';
import { MachineError } from '../errors.ts';
import type { Hart } from '../hart/hart.ts';
import { HALT, type HartObserver } from '../hart/observer.ts';
import { access } from '../hart/privilege.ts';
import type { DeviceObserver } from '../memory/bus.ts';
import type { Fault } from '../hart/trap.ts';
import { Breakpoints } from './breakpoints.ts';
import { faultKindOf } from './faults.ts';
import type { Action, FaultKind, Stop } from './target.ts';
import { Watchpoints } from './watchpoints.ts';

/** What a debugger stops at; it outlives the machine. */
export class StopConditions {
  readonly breakpoints = new Breakpoints();
  readonly watchpoints = new Watchpoints();
  watchDevices = true;
  catchFaults: ReadonlySet<FaultKind> = new Set();
  stepInterrupts = false;
  stopsAtEbreak = true;
}

/** A moment of a hart: so many instructions it had retired. */
interface Moment {
  readonly hart: number;
  readonly pc: number;
  readonly retired: number;
}

const momentOf = ({ index, pc, retired }: Hart): Moment => ({ hart: index, pc, retired });
const isAt = (moment: Moment | undefined, { index, pc, retired }: Hart): boolean =>
  moment?.hart === index && moment.pc === pc && moment.retired === retired;

/**
 * Runs one machine. Where it stops and what is watched changes nothing of what the guest does: harts are halted
 * before the instruction, and the order of harts is that of an undisturbed run unless some are frozen.
 */
export class Execution implements HartObserver, Stepper {
  readonly machine: Machine;
  readonly #conditions: StopConditions;
  #actions: ReadonlyMap<number, Action> = new Map();
  #stop: Stop | undefined;
  /** The machine broke: it stops here for ever. */
  #broken: Stop | undefined;
  /** Instructions each stepping hart had retired before its turn. */
  readonly #before = new Map<number, number>();
  /** For harts whose step was interrupted: traps to return from until it goes on. */
  readonly #handlers = new Map<number, number>();
  /** Where a step alone ended asleep: the load is repeated when the hart wakes, and has been reported before. */
  readonly #stalled = new Map<number, Moment>();
  /** The hart that was resumed for a step that ends where it begins; see `#stayOf`. */
  #staying: number | undefined;
  /** The hart that was reported last for the access of a device, until something executes. */
  #bystander: number | undefined;
  /** A fault has been reported here and is taken now. */
  #reported: Moment | undefined;
  /** Nothing halts the instruction here. */
  #passing: Moment | undefined;

  constructor(machine: Machine, conditions: StopConditions) {
    this.machine = machine;
    this.#conditions = conditions;
    conditions.breakpoints.forgetMarks();
    conditions.watchpoints.forgetObserved();
    for (const hart of machine.cluster.harts) hart.observer = this;
    machine.cluster.stepper = this;
    machine.bus.deviceObserver = this.#deviceObserver;
  }

  /** Instructions retired by all harts. */
  get position(): number {
    return this.machine.cluster.instret;
  }

  /** Chooses what each hart does from now on; who has no action is to be frozen by `thaw`. */
  resume(actions: ReadonlyMap<number, Action>): void {
    const { codeCaches, bus } = this.machine;
    const { breakpoints, watchpoints } = this.#conditions;
    this.#actions = actions;
    this.#handlers.clear();
    this.#staying = this.#stayOf();
    this.#bystander = undefined;
    const brief = [...actions.values()].every(({ kind }) => kind === 'step');
    breakpoints.mark(codeCaches, brief);
    watchpoints.observe(bus, brief);
  }

  /**
   * Executes up to `instructions` instructions over all harts, and up to `moments` (see Cluster).
   * @returns why the machine halted; undefined when the instructions are used up or no hart can go on for now
   */
  advance(instructions: number, moments = Infinity): Stop | undefined {
    if (this.#broken) return this.#broken;
    const { exitCode } = this.machine;
    if (exitCode !== undefined) return { kind: 'exit', code: exitCode };
    if (this.#staying !== undefined) return (this.#stop = { kind: 'step', hart: this.#staying });
    if (this.#actions.size > 0) this.#run(instructions, moments);
    const { exitCode: now } = this.machine;
    return now === undefined ? this.#stop : { kind: 'exit', code: now };
  }

  /** Executes the one instruction before which `hart` was halted, whatever is set there. */
  pass(hart: number): Stop | undefined {
    this.#passing = momentOf(this.machine.cluster.harts[hart]);
    const stop = this.advance(1);
    this.#passing = undefined;
    this.#conditions.breakpoints.rearm(this.machine.codeCaches);
    return stop;
  }

  /** Executes up to `moments` (see Cluster) and up to `instructions` again that have been executed before; nothing halts. */
  replay(moments: number, instructions = Infinity): void {
    this.#heardBy(this.#deaf, () => this.machine.cluster.run(instructions, moments));
  }

  /**
   * The least that can be executed again; see Cluster.
   * @param seeking whether watched accesses of devices, which are all that can come in it, are to be found
   */
  inch(seeking: boolean): Stop | undefined {
    const last = this.#stop;
    this.#stop = undefined;
    this.#heardBy(this.#deaf, () => {
      if (seeking) this.machine.bus.deviceObserver = this.#deviceObserver;
      this.machine.cluster.inch();
    });
    const found = this.#stop;
    this.#stop = last;
    return found;
  }

  /**
   * Like `replay`, up to the first breakpoint or watched access.
   * @param passing the one that was found last, right here, does not count
   */
  seek(moments: number, passing: boolean): Stop | undefined {
    const { cluster, bus, codeCaches } = this.machine;
    const { breakpoints } = this.#conditions;
    const last = passing ? this.#stop : undefined;
    const passed = last && 'hart' in last ? cluster.harts[last.hart] : undefined;
    this.#passing = passed && momentOf(passed);
    this.#stop = undefined;
    const seeker: HartObserver = {
      ...this.#deaf,
      marked: (hart) => this.marked(hart),
      access: (...accessed) => this.access(...accessed),
    };
    this.#heardBy(seeker, () => {
      bus.deviceObserver = this.#deviceObserver;
      const end = cluster.moment + moments;
      if (passed) {
        cluster.run(Infinity, 1);
        if (passed.stalled) this.#stalled.set(passed.index, momentOf(passed));
        this.#passing = undefined;
        breakpoints.rearm(codeCaches);
      }
      if (!this.#stop) cluster.run(Infinity, end - cluster.moment);
    });
    return this.#stop;
  }

  /** Lets `seek` find what is set now. */
  prepareToSeek(): void {
    this.#conditions.breakpoints.mark(this.machine.codeCaches, false);
    this.#conditions.watchpoints.observe(this.machine.bus, false);
  }

  /** The machine was put into another state: what was found about the old one does not hold. */
  forget(): void {
    this.#broken = undefined;
    this.#reported = undefined;
    this.#stalled.clear();
    this.#handlers.clear();
    this.#staying = undefined;
    this.#bystander = undefined;
  }

  // HartObserver

  marked(hart: Hart): void {
    const { breakpoints } = this.#conditions;
    const type = breakpoints.at(hart.pc);
    if (type !== undefined && !this.#passes(hart)) this.#halt({ kind: 'breakpoint', hart: hart.index, type });
    breakpoints.lifted(hart.pc);
  }

  access(hart: Hart, kinds: number, address: number, bytes: number): void {
    const { load, store } = access;
    const { watchpoints } = this.#conditions;
    const hit = watchpoints.hit((kinds & load) !== 0, (kinds & store) !== 0, address >>> 0, bytes);
    if (hit && !this.#passes(hart)) this.#halt({ kind: 'watchpoint', hart: hart.index, by: 'hart', ...hit });
  }

  ebreak(hart: Hart): void {
    if (this.#conditions.stopsAtEbreak || hart.mtvec === 0) this.#halt({ kind: 'ebreak', hart: hart.index });
  }

  trap(hart: Hart, fault: Fault): void {
    const kind = faultKindOf(fault.mcause);
    const handled = hart.mtvec !== 0;
    if (handled) {
      if (fault.mcause < 0 || !this.#conditions.catchFaults.has(kind)) return;
      this.#reported = isAt(this.#reported, hart) ? undefined : momentOf(hart);
      if (this.#reported === undefined) return;
    }
    const what = this.machine.describeFault(fault);
    const reason = handled ? what : `${what}; the guest has no trap handler (mtvec is 0)`;
    this.#halt({ kind: 'fault', hart: hart.index, fault: kind, reason });
  }

  trapped(hart: Hart): void {
    const { index, mcause } = hart;
    const depth = this.#handlers.get(index);
    if (depth !== undefined) this.#handlers.set(index, depth + 1);
    else if (mcause < 0 && !this.#conditions.stepInterrupts && this.#stepping(index))
      this.#handlers.set(index, 1);
  }

  returned(hart: Hart): void {
    const depth = this.#handlers.get(hart.index);
    if (depth === undefined) return;
    if (depth > 1) this.#handlers.set(hart.index, depth - 1);
    else {
      this.#handlers.delete(hart.index);
      hart.stop(); // the step goes on here
    }
  }

  // Stepper

  steps(hart: number): boolean {
    if (!this.#stepping(hart) || this.#handlers.has(hart)) return false;
    this.#before.set(hart, this.machine.cluster.harts[hart].instret);
    return true;
  }

  stepped(hart: Hart): void {
    const action = this.#actions.get(hart.index);
    if (this.#stop || this.#handlers.has(hart.index)) return;
    if (hart.instret === this.#before.get(hart.index)) {
      // Only harts that are frozen, or time that would pass without them, could wake it.
      if (!hart.stalled || this.#actions.size === this.machine.cluster.count) return;
      this.#stalled.set(hart.index, momentOf(hart));
    }
    const pc = hart.pc >>> 0;
    if (!hart.stalled && action?.kind === 'range' && pc >= action.from && pc < action.to) return;
    this.#stop = { kind: 'step', hart: hart.index };
    this.machine.cluster.stop();
  }

  /**
   * A lone step that ends at once: of harts that sleep, for which no time passes while others are frozen; and of the
   * one that was reported for the access of a device. GDB makes that step to get the access done, which it is.
   */
  #stayOf(): number | undefined {
    const { harts, count } = this.machine.cluster;
    const indices = [...this.#actions.keys()].sort((a, b) => a - b);
    if (indices.length === count || !indices.every((i) => this.#stepping(i))) return undefined;
    const [first] = indices;
    if (indices.length === 1 && first === this.#bystander) return first;
    return indices.every((i) => harts[i].asleep) ? first : undefined;
  }

  #stepping(hart: number): boolean {
    const kind = this.#actions.get(hart)?.kind;
    return kind === 'step' || kind === 'range';
  }

  #passes(hart: Hart): boolean {
    return isAt(this.#passing, hart) || isAt(this.#stalled.get(hart.index), hart);
  }

  /** Runs harts without anybody else who hears of what they do. */
  #heardBy(observer: HartObserver, act: () => void): void {
    const { cluster, bus, codeCaches } = this.machine;
    for (const hart of cluster.harts) hart.observer = observer;
    cluster.stepper = undefined;
    bus.deviceObserver = undefined;
    try {
      act();
    } finally {
      for (const hart of cluster.harts) hart.observer = this;
      cluster.stepper = this;
      bus.deviceObserver = this.#deviceObserver;
      this.#conditions.breakpoints.rearm(codeCaches);
    }
  }

  #run(instructions: number, moments: number): void {
    const { cluster } = this.machine;
    this.#stop = undefined;
    try {
      cluster.run(instructions, moments);
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      this.#stop = { kind: 'machine error', hart: cluster.present, reason: error.message };
      // From a deadlock a hart can be freed; in what else went wrong something was left half done.
      if (cluster.harts.some((h) => !h.asleep)) this.#broken = this.#stop;
    }
  }

  #halt(stop: Stop): never {
    this.#stop = stop;
    this.machine.cluster.stop();
    throw HALT;
  }

  readonly #deviceObserver: DeviceObserver = (by, kind, address, bytes) => {
    const { watchDevices, watchpoints } = this.#conditions;
    if (this.#stop || !watchDevices) return;
    const hit = watchpoints.hit(kind === 'load', kind === 'store', address, bytes);
    if (!hit) return;
    const { cluster } = this.machine;
    this.#stop = { kind: 'watchpoint', hart: cluster.present, by, ...hit };
    this.#bystander = cluster.present;
    cluster.stop();
  };

  /** Lets everything happen. */
  readonly #deaf: HartObserver = {
    marked: (hart) => this.#conditions.breakpoints.lifted(hart.pc),
    access: () => {},
    ebreak: () => {},
    trap: () => {},
    trapped: () => {},
    returned: () => {},
  };
}
