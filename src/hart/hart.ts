/** One hart: architectural state, traps and the slow paths of the engines (RISC-V manuals, volumes I and II). */
import type { Clock } from '../device/clock.ts';
import { LATER, STALL } from '../device/device.ts';
import { BusError, hex, MachineError } from '../errors.ts';
import type { DmaOperation, SystemEvent } from '../isa/insn.ts';
import type { Isa } from '../isa/isa.ts';
import type { Bus } from '../memory/bus.ts';
import type { CodeCache } from './code-cache.ts';
import { cost } from './core-timing.ts';
import { Counters, type CountersState } from './counters.ts';
import { counterBit, csrNumbersOf, csrOf } from './csr.ts';
import { EventSums, type EventsState, type HartEvents } from './events.ts';
import type { Engine } from './interpret.ts';
import { HardwareLoops, type LoopsState } from './loops.ts';
import type { PmpState } from './pmp.ts';
import { HALT, type HartObserver } from './observer.ts';
import { access, MACHINE, mstatus, USER } from './privilege.ts';
import { type Objection, Protection } from './protection.ts';
import { Reservation } from './reservation.ts';
import type { Timing } from './timing.ts';
import {
  cause,
  causeName,
  type Fault,
  interruptToTake,
  returnFromTrap,
  takeTrap,
  TRAP,
  type TrapState,
  UnhandledTrap,
} from './trap.ts';
import type { TriggersState } from './triggers.ts';
import { word, WORDS } from './words.ts';

/** Traps without a retired instruction between them after which no instruction will ever retire. */
const ENDLESS_TRAPS = 1000;

/**
 * Instructions that the counts of events have room for: as many as one call of the engine executes at most in cluster timing. A
 * longer slice is made of several calls.
 */
const LONGEST_CALL = 32_768;

/** What of a hart's state is a field of its own. */
const PLAIN = [
  'pc',
  'privilege',
  'mstatus',
  'mie',
  'mip',
  'mtvec',
  'mepc',
  'mcause',
  'mtval',
  'mscratch',
  'mcounteren',
  'instret',
  'cycle',
  'sleepCycles',
  'asleep',
  'stalled',
] as const;

/** All that decides what a hart does next, memory aside; the same whatever engine ran it. */
export interface HartState extends Pick<Hart, (typeof PLAIN)[number]> {
  /** x0 to x31. */
  readonly x: Int32Array;
  readonly loops: LoopsState;
  readonly counters: CountersState;
  readonly pmp: PmpState;
  readonly triggers: TriggersState;
  readonly reservation: number | null;
  /** Traps in a row without a retired instruction, and how many had retired at the last. */
  readonly traps: readonly [count: number, retired: number];
  /** In cluster timing only. */
  readonly timing?: {
    /** Cycles that the hart's time does not hold yet, and those that it does. */
    readonly stall: number;
    readonly stallCycles: number;
    readonly events: EventsState;
    /** Line numbers in the hart's own instruction cache. */
    readonly l0: Int32Array;
  };
}

/** A map for `loadMap` or `storeMap` that sends every access through the hart, which then checks it. */
let everyAccess: Int32Array | undefined;

/** What a hart needs of the machine around it. */
export interface HartContext {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly cache: CodeCache;
  readonly engine: Engine;
  /** Handles a semihosting call at the hart's pc; false when the breakpoint is none. */
  semihost(hart: Hart): boolean;
  /** Whether the event unit holds an enabled event for the hart: `wfi` then does not sleep. */
  eventPending(hart: number): boolean;
  /** mtime when the clock shows `clock.now`; absent, the time is the clock's. */
  readonly time?: () => bigint;
  /** The total since reset of an event that counters can select, as the hart sees it; undefined for a number that is none. */
  count?(hart: Hart, event: number): number | undefined;
  /** Performs an operation of the hart's DMA front end. Throws STALL while the queue is full. */
  dma(hart: number, operation: DmaOperation, a: number, b: number): number;
  /** What memory and fetches cost in cluster timing; absent, every instruction takes one cycle. */
  readonly timing?: Timing | undefined;
}

/** The privilege and trap state, the counters, and the register file `x` (33 words: x[32] swallows writes to x0). */
export class Hart implements TrapState {
  readonly index: number;
  readonly isa: Isa;
  readonly compressed: boolean;
  readonly x: Int32Array;
  /** Where the state that translated code keeps lies in linear memory, and its words: x, then see src/jit/emit.ts. */
  readonly state: number;
  readonly words: Int32Array;
  readonly loops: HardwareLoops;
  pc = 0;
  privilege = MACHINE;
  mstatus = MACHINE << 11;
  mie = 0;
  /** Interrupt lines; devices set them. */
  mip = 0;
  mtvec = 0;
  mepc = 0;
  mcause = 0;
  mtval = 0;
  mscratch = 0;
  mcounteren = 0;
  readonly counters: Counters = new Counters(this);
  /** PMP and trigger module. */
  readonly protection: Protection = new Protection(this);

  /** Instructions retired since reset; between engine calls exact, inside see `retired`. */
  instret = 0;
  /** The hart's own time in cycles, up to which it has executed. */
  cycle = 0;
  /** Cycles spent asleep (wfi, stalled loads). */
  sleepCycles = 0;
  /** Cycles of the hart's time beyond one for each instruction, cluster timing only; see `stall`. */
  stallCycles = 0;
  asleep = false;
  /** The pc at which the hart fell asleep is a load to be repeated, not a retired wfi. */
  stalled = false;

  /** Cycles left in the running slice; engines count it down and store it before they call out. */
  left = 0;
  /** How control came to pc, see `arrived` in interpret.ts. */
  arrived = 0;
  /** Set by whatever needs the engine to return after this instruction. */
  yielding = false;
  /** The bus's maps, or empty ones while PMP or a trigger asks for a check of each access; valid for one engine call. */
  loadMap: Int32Array;
  storeMap: Int32Array;
  /** Loads or stores must come through `load`, `store` and the like in this engine call. */
  checked = false;
  /** Fetches need checks too: each engine call is then for one instruction. */
  careful = false;
  /** A debugger that is asked before accesses, marked instructions and traps. */
  observer: HartObserver | undefined;

  readonly #context: HartContext;
  readonly #timing: Timing | undefined;
  readonly #sums = new EventSums();
  /** Instructions, at most, whose counts may be in the words still. */
  #uncounted = 0;
  readonly #engine: Engine;
  /** Machine time at which the slice ends, stalls since it began aside. */
  #end = 0;
  /** Cycles that retired nothing: taken traps. */
  #unretired = 0;
  /** Traps taken in a row without an instruction retired between them, and how many had retired then. */
  #traps = 0;
  #retiredAtTrap = -1;
  readonly #reservation: Reservation;
  #access: Fault['access'];
  /** The exception being raised, until its trap is taken. */
  #exception = { mcause: 0, mtval: 0 };

  constructor(index: number, isa: Isa, context: HartContext) {
    this.index = index;
    this.isa = isa;
    this.compressed = isa.has('c');
    const { memory, loadMap, storeMap } = context.bus;
    const state = memory.reserve(4 * WORDS);
    this.state = state;
    this.words = new Int32Array(memory.wasm.buffer, state, WORDS);
    this.x = this.words.subarray(0, 33);
    this.loops = new HardwareLoops(this.words.subarray(word.loops, word.loops + 6), {
      hart: index,
      older: isa.has('xpulpv2'),
      watchEnd: (address) => context.cache.markLoopEnd(address),
      decode: (address) => context.cache.decoded(address),
    });
    this.loadMap = loadMap;
    this.storeMap = storeMap;
    this.#context = context;
    this.#timing = context.timing;
    this.#timing?.icache.clear(this.words);
    this.#engine = context.engine;
    this.#reservation = new Reservation(context.bus);
  }

  /** Machine time at the present instruction. */
  get now(): number {
    return this.#slot + this.stall;
  }

  /** The same without the stalls that are not settled yet: each instruction, or trap, moves it on by one. */
  get #slot(): number {
    return this.#end - this.left;
  }

  /**
   * Cycles by which the hart is behind its instructions: `cycle` does not hold them while its turn lasts, so that where a
   * slice is cut makes no difference. 0 in instruction timing.
   */
  get stall(): number {
    return this.words[word.stall];
  }

  /** Instructions retired before the present one. */
  get retired(): number {
    return this.instret + (this.#slot - this.cycle) - this.#unretired;
  }

  /** What has happened since reset; undefined in instruction timing. */
  get events(): HartEvents | undefined {
    if (!this.#timing) return undefined;
    this.#sums.drain(this.words);
    return this.#sums.events(this.stallCycles + this.stall);
  }

  /** mtime at the present instruction, as the CSR `time` reads it. */
  get time(): bigint {
    const { clock, time } = this.#context;
    return time ? time() + BigInt(this.now - clock.now) : BigInt(this.now);
  }

  /** The total of an event since reset (performance-events.ts); undefined for a number that is none. */
  total(event: number): number | undefined {
    return this.#context.count?.(this, event);
  }

  /** Numbers of the CSRs this hart has, ascending. */
  csrNumbers(): number[] {
    return csrNumbersOf(this.isa);
  }

  /** What a CSR holds, for tools: whatever the privilege, without side effects; undefined where there is none. */
  peekCsr(number: number): number | undefined {
    return csrOf(this.isa, number)?.read(this);
  }

  /**
   * Writes a CSR for tools: fields are legalised as for an instruction of machine mode, and the loop registers of
   * either family can be written. False where there is no such CSR or only reads exist.
   */
  pokeCsr(number: number, value: number): boolean {
    const csr = csrOf(this.isa, number);
    const writable = csr?.poke !== undefined || number >>> 10 !== 3;
    if (!csr || !writable) return false;
    if (csr.poke) csr.poke(this, value | 0);
    else csr.write?.(this, value | 0);
    return true;
  }

  /**
   * Executes until machine time `until` or until the hart sleeps, is asked to stop, or its observer halts it.
   * @throws UnhandledTrap when a trap finds `mtvec` = 0; MachineError from devices
   */
  run(until: number): void {
    this.#end = until;
    if (this.#timing) this.#begin(until);
    this.left = this.#end - this.cycle;
    this.#unretired = 0;
    this.#reservation.unwatch();
    try {
      while (this.left > 0 && !this.asleep) {
        try {
          if (this.mip & this.mie) this.#interrupt();
          this.#protect();
          if (this.careful) this.#step();
          else this.#engine(this);
        } catch (thrown) {
          if (thrown === STALL) this.#sleep(true);
          else if (thrown === HALT || thrown === LATER) break;
          else if (thrown !== TRAP) throw thrown;
          else if (!this.#trap()) break;
        }
        if (this.#stopping) break;
      }
    } finally {
      this.instret = this.retired;
      this.cycle = this.#slot;
      this.left = 0;
      this.#unretired = 0;
      this.#end = this.cycle;
      this.#stopping = false;
    }
    this.#reservation.watch();
  }

  /** Sees to it that the words have room for the counts of the slice, or of a part of it. */
  #begin(until: number): void {
    this.#end = Math.min(until, this.cycle + LONGEST_CALL);
    this.words[word.end] = this.#end | 0;
    const instructions = this.#end - this.cycle;
    this.#uncounted += instructions;
    if (this.#uncounted <= LONGEST_CALL) return;
    this.#sums.drain(this.words);
    this.#uncounted = instructions;
  }

  /** Moves the hart's time on by its stalls, between two slices: its turn is over. */
  settle(): void {
    this.#settle();
    this.left = 0;
    this.#end = this.cycle;
  }

  /** The same inside a slice, whose end stays where it is. */
  #settle(): void {
    const { stall } = this;
    if (stall === 0) return;
    this.words[word.stall] = 0;
    this.stallCycles += stall;
    this.cycle += stall;
    this.left -= stall;
  }

  #stopping = false;
  /** What `protection.checked` said when `loadMap` and its companions were last set. */
  #protected = 0;

  /** Makes `run` return after the present instruction: the machine is to stop. */
  stop(): void {
    this.#stopping = true;
    this.yielding = true;
  }

  /** Lets the running slice end at machine time `cycle` where that is earlier than it would. */
  shorten(cycle: number): void {
    if (cycle >= this.#end) return;
    this.left -= this.#end - cycle;
    this.#end = cycle;
    this.words[word.end] = cycle | 0;
  }

  /** Lets time pass without the hart, which a debugger kept from running, up to machine time `cycle`. */
  skipTo(cycle: number): void {
    if (this.asleep || cycle <= this.cycle) return;
    this.sleepCycles += cycle - this.cycle;
    this.cycle = cycle;
    this.#end = cycle;
  }

  /** The state between two slices. */
  snapshot(): HartState {
    const plain = Object.fromEntries(PLAIN.map((name) => [name, this[name]])) as Pick<
      Hart,
      (typeof PLAIN)[number]
    >;
    return {
      ...plain,
      x: this.x.slice(0, 32),
      loops: this.loops.snapshot(),
      counters: this.counters.snapshot(),
      pmp: this.protection.pmp.snapshot(),
      triggers: this.protection.triggers.snapshot(),
      reservation: this.#reservation.address ?? null,
      traps: [this.#traps, this.#retiredAtTrap],
      ...(this.#timing && { timing: this.#snapshotTiming(this.#timing) }),
    };
  }

  #snapshotTiming({ icache }: Timing): HartState['timing'] {
    this.#sums.drain(this.words);
    return {
      stall: this.stall,
      stallCycles: this.stallCycles,
      events: this.#sums.snapshot(),
      l0: this.words.slice(word.l0, word.l0 + icache.config.l0Lines),
    };
  }

  /** Memory must be restored before: hardware loops look at their bodies. */
  restore(state: HartState): void {
    const { x, loops, counters, pmp, triggers, reservation, traps } = state;
    Object.assign(this, Object.fromEntries(PLAIN.map((name) => [name, state[name]])));
    this.x.set(x);
    this.loops.restore(loops, this.pc);
    this.counters.restore(counters);
    this.protection.pmp.restore(pmp);
    this.protection.triggers.restore(triggers);
    this.#reservation.restore(reservation ?? undefined);
    [this.#traps, this.#retiredAtTrap] = traps;
    if (state.timing) {
      this.words[word.stall] = state.timing.stall;
      this.stallCycles = state.timing.stallCycles;
      this.#sums.drain(this.words); // what they hold is of the time before
      this.#sums.restore(state.timing.events);
      this.words.set(state.timing.l0, word.l0);
    }
    this.#access = undefined;
    this.#stopping = false;
    this.left = 0;
    this.#end = this.cycle;
  }

  /** Ends sleep at machine time `now`, or a little later in cluster timing. */
  wake(now: number): void {
    if (!this.asleep) return;
    this.asleep = false;
    this.stalled = false;
    this.skipTo(now + (this.#timing?.options.wakeCycles ?? 0));
  }

  /**
   * Sets interrupt lines. A pending enabled interrupt ends `wfi` whether or not interrupts are taken; a stalled load
   * gives way only to one that is taken, and is repeated after the handler.
   */
  setPending(mask: number, level: boolean): void {
    this.mip = level ? this.mip | mask : this.mip & ~mask;
    this.yielding = true;
    const wakes = this.stalled ? interruptToTake(this) !== undefined : (this.mip & this.mie) !== 0;
    if (wakes) this.wake(this.#context.clock.now);
  }

  // Slow paths of the engines. pc and left are stored before each of them is called.

  load(address: number, bytes: number, signed: boolean): number {
    const what = `load of ${bytes} bytes from`;
    const device = this.#meet(address, bytes);
    if (this.checked) this.#heed(this.protection.objection(access.load, address, bytes), what, address);
    this.observer?.access(this, access.load, address, bytes);
    const value = this.#onBus(cause.loadAccess, what, address, () =>
      this.#context.bus.load(address, bytes, this.index),
    );
    if (this.#timing) {
      const costs = this.#context.cache.cost(this.pc);
      if (device === undefined) this.#timing.loaded(this.words, address, bytes, this.now, costs);
      else this.#timing.loadedRegister(this.words, device, costs);
    }
    if (bytes === 4) return value | 0;
    return signed ? (value << (32 - 8 * bytes)) >> (32 - 8 * bytes) : value & (2 ** (8 * bytes) - 1);
  }

  store(address: number, bytes: number, value: number): void {
    const device = this.#meet(address, bytes);
    const { now } = this;
    this.#store(address, bytes, value);
    if (!this.#timing) return;
    if (device === undefined) this.#timing.stored(this.words, address, bytes, now);
    else this.#timing.storedRegister(this.words, device);
  }

  #store(address: number, bytes: number, value: number): void {
    const what = `store of ${bytes} bytes to`;
    if (this.checked) this.#heed(this.protection.objection(access.store, address, bytes), what, address);
    this.observer?.access(this, access.store, address, bytes);
    this.#onBus(cause.storeAccess, what, address, () =>
      this.#context.bus.store(address, bytes, value, this.index),
    );
  }

  /** Charges for a load that an engine made by itself. @param costs the instruction's cost word */
  loaded(address: number, bytes: number, costs: number): void {
    this.#timing?.loaded(this.words, address, bytes, this.now, costs);
  }

  /** Charges for a division. */
  divided(divisor: number): void {
    this.#timing?.divided(this.words, divisor);
  }

  /** Charges for a store that an engine made by itself. */
  stored(address: number, bytes: number): void {
    this.#timing?.stored(this.words, address, bytes, this.now);
  }

  /**
   * Before an access, in cluster timing: the name of the device it reaches, if it does. Devices are met at the hart's own
   * time; one whose deadline has not fired yet, at that time, is met later.
   */
  #meet(address: number, bytes: number): string | undefined {
    const { bus, clock } = this.#context;
    if (!this.#timing || bus.reachable(address, bytes)) return undefined;
    const device = bus.deviceAt(address)?.name;
    if (device !== undefined) this.#waitFor(clock);
    return device;
  }

  #waitFor(clock: Clock): void {
    this.#settle();
    if (this.now >= clock.next) throw LATER;
  }

  loadReserved(address: number): number {
    if (this.checked) this.#heed(this.protection.objection(access.load, address, 4), 'lr.w from', address);
    this.#checkAtomic(address, cause.loadMisaligned, cause.loadAccess, 'lr.w from');
    this.observer?.access(this, access.load, address, 4);
    this.#reservation.set(address);
    return this.load(address, 4, true);
  }

  storeConditional(address: number, value: number): number {
    if (this.checked) this.#heed(this.protection.objection(access.store, address, 4), 'sc.w to', address);
    this.#checkAtomic(address, cause.storeMisaligned, cause.storeAccess, 'sc.w to');
    if (this.#reservation.holds(address)) this.observer?.access(this, access.store, address, 4);
    if (!this.#reservation.take(address)) return 1;
    this.store(address, 4, value);
    return 0;
  }

  amoLoad(address: number): number {
    if (this.checked) this.#heed(this.protection.objectionToAmo(address), 'AMO on', address);
    this.#checkAtomic(address, cause.storeMisaligned, cause.storeAccess, 'AMO on');
    this.observer?.access(this, access.load | access.store, address, 4);
    return this.load(address, 4, true);
  }

  /** What it costs is in the load. */
  amoStore(address: number, value: number): void {
    this.#store(address, 4, value);
  }

  csr(number: number, operation: 'write' | 'set' | 'clear', value: number, writes: boolean): number {
    const csr = csrOf(this.isa, number);
    const counter = counterBit(number);
    const hidden = counter !== undefined && this.privilege === USER && !((this.mcounteren >>> counter) & 1);
    const readOnly = number >>> 10 === 3;
    if (!csr || this.privilege < ((number >>> 8) & 3) || hidden || (writes && readOnly)) this.#illegalHere();
    const old = csr.read(this);
    if (writes) {
      csr.write?.(
        this,
        (operation === 'write' ? value : operation === 'set' ? old | value : old & ~value) | 0,
      );
      this.yielding = true; // interrupts may have become enabled, or accesses protected
    }
    return old;
  }

  dma(operation: DmaOperation, a: number, b: number): number {
    if (this.#timing) this.#waitFor(this.#context.clock);
    return this.#atPresent(() => this.#context.dma(this.index, operation, a, b)) | 0;
  }

  /** Instructions that end an engine call; each stores the pc to go on at and counts itself. */
  system(event: Exclude<SystemEvent, 'fence' | 'fence.i'>): void {
    switch (event) {
      case 'ecall':
        return this.#raise(this.privilege === MACHINE ? cause.ecallFromMachine : cause.ecallFromUser, 0);
      case 'ebreak':
        if (!this.#context.semihost(this)) {
          this.observer?.ebreak(this);
          this.#raise(cause.breakpoint, this.pc);
        }
        return this.#retireTo(this.loops.next(this.pc, this.pc + 4));
      case 'mret':
        return this.#mret();
      case 'wfi':
        if (this.privilege === USER && this.mstatus & mstatus.tw) this.#illegalHere();
        this.#retireTo(this.loops.next(this.pc, this.pc + 4));
        if (!(this.mip & this.mie) && !this.#context.eventPending(this.index)) this.#sleep(false);
    }
  }

  /** The instruction at pc is marked in the code cache; on return it is executed all the same. */
  marked(): void {
    this.observer?.marked(this);
    if (!this.#context.cache.lift(this.pc)) this.fetchFault();
  }

  illegalInstruction(word: number): never {
    return this.#raise(cause.illegalInstruction, word);
  }

  /** A jump or taken branch at pc to an address that is not 4-byte aligned, where no compressed instruction can be. */
  misalignedTarget(target: number): never {
    this.#access = { what: `jump to ${hex(target)}`, reason: 'not 4-byte aligned' };
    return this.#raise(cause.instructionMisaligned, target);
  }

  /** mtval is the address of the half that cannot be fetched. */
  fetchFault(): never {
    const at = this.#context.bus.reachable(this.pc, 2) ? this.pc + 2 : this.pc;
    this.#access = { what: `instruction fetch from ${hex(at)}`, reason: 'nothing can be executed there' };
    return this.#raise(cause.instructionAccess, at);
  }

  #retireTo(pc: number): void {
    if (this.#timing) this.words[word.stall] += this.#context.cache.cost(this.pc) & cost.stall;
    this.pc = pc | 0;
    this.left--;
  }

  #sleep(stalled: boolean): void {
    this.#settle();
    this.asleep = true;
    this.stalled = stalled;
  }

  #mret(): void {
    if (this.privilege !== MACHINE) this.#illegalHere();
    returnFromTrap(this);
    this.#retireTo(this.mepc);
    this.observer?.returned(this);
  }

  /** Before each engine call: privilege, PMP and triggers may have changed. */
  #protect(): void {
    const { checked } = this.protection;
    if (checked === this.#protected) return;
    this.#protected = checked;
    const { loadMap, storeMap } = this.#context.bus;
    this.loadMap = checked & access.load ? (everyAccess ??= new Int32Array(1 << 20)) : loadMap;
    this.storeMap = checked & access.store ? (everyAccess ??= new Int32Array(1 << 20)) : storeMap;
    this.checked = (checked & (access.load | access.store)) !== 0;
    this.careful = (checked & access.fetch) !== 0;
  }

  /** Executes one instruction after the checks of its fetch. */
  #step(): void {
    if (this.left <= 0) return;
    this.#checkFetch();
    const end = this.#end;
    this.#end = this.#slot + 1;
    this.left = 1;
    this.words[word.end] = this.#end | 0;
    try {
      this.#engine(this);
    } finally {
      const slot = this.#slot;
      this.#end = Math.min(end, this.#context.clock.next);
      this.left = this.#end - slot;
      this.words[word.end] = this.#end | 0;
    }
  }

  #checkFetch(): void {
    const { pc } = this;
    const { bus } = this.#context;
    const long = bus.reachable(pc, 2) && (bus.peek(pc, 2) & 3) === 3;
    const objection = this.protection.objection(access.fetch, pc, long ? 4 : 2);
    this.#heed(objection, 'instruction fetch from', pc);
  }

  #heed(objection: Objection | undefined, what: string, address: number): void {
    if (!objection) return;
    const { mcause, mtval, reason } = objection;
    this.#access = { what: `${what} ${hex(address)}`, reason };
    this.#raise(mcause, mtval);
  }

  #checkAtomic(address: number, misaligned: number, access: number, what: string): void {
    if (address & 3) {
      this.#access = { what: `${what} ${hex(address)}`, reason: 'not 4-byte aligned' };
      this.#raise(misaligned, address);
    }
    if (!this.#context.bus.reachable(address, 4)) {
      this.#access = { what: `${what} ${hex(address)}`, reason: 'atomics work on memory only' };
      this.#raise(access, address);
    }
  }

  /** Performs a bus access; a refusal becomes a trap. */
  #onBus<T>(mcause: number, what: string, address: number, access: () => T): T {
    try {
      return this.#atPresent(access);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      this.#access = { what: `${what} ${hex(address)}`, reason: error.message };
      return this.#raise(mcause, address);
    }
  }

  /** Lets devices act at the hart's present time; a new deadline shortens the slice. */
  #atPresent<T>(action: () => T): T {
    const { clock } = this.#context;
    clock.now = this.now;
    try {
      return action();
    } finally {
      this.shorten(clock.next);
    }
  }

  #illegalHere(): never {
    return this.#raise(cause.illegalInstruction, this.#context.cache.fetch(this.pc) ?? 0);
  }

  #raise(mcause: number, mtval: number): never {
    this.#exception = { mcause, mtval: mtval | 0 };
    throw TRAP;
  }

  #interrupt(): void {
    const mcause = interruptToTake(this);
    if (mcause === undefined) return;
    this.#exception = { mcause, mtval: 0 };
    if (!this.#trap()) throw HALT;
  }

  /** Takes the trap of the present exception unless the observer halts the hart before it. */
  #trap(): boolean {
    const fault: Fault = {
      hart: this.index,
      ...this.#exception,
      pc: this.pc,
      ...(this.#access === undefined ? {} : { access: this.#access }),
    };
    this.#access = undefined;
    try {
      this.observer?.trap(this, fault);
    } catch (thrown) {
      if (thrown === HALT) return false;
      throw thrown;
    }
    if (this.mtvec === 0) throw new UnhandledTrap(fault);
    this.#enterTrap();
    this.observer?.trapped(this);
    return true;
  }

  /** Takes the trap of the present exception at pc; costs one cycle and retires nothing. */
  #enterTrap(): void {
    this.mcause = this.#exception.mcause;
    this.mtval = this.#exception.mtval;
    takeTrap(this);
    this.left--;
    this.#unretired++;
    this.#traps = this.retired === this.#retiredAtTrap ? this.#traps + 1 : 1;
    this.#retiredAtTrap = this.retired;
    if (this.#traps > ENDLESS_TRAPS) {
      throw new MachineError(
        `hart ${this.index} traps for ever: the trap handler at ${hex(this.pc)} (mtvec) itself ends in ` +
          `${causeName(this.mcause)} at ${hex(this.mepc)} without retiring an instruction`,
      );
    }
  }
}
