/** One hart: architectural state, traps and the slow paths of the engines (RISC-V manuals, volumes I and II). */
import type { Clock } from '../device/clock.ts';
import { STALL } from '../device/device.ts';
import { BusError, hex } from '../errors.ts';
import type { DmaOperation, SystemEvent } from '../isa/insn.ts';
import type { Isa } from '../isa/isa.ts';
import type { Bus } from '../memory/bus.ts';
import type { CodeCache } from './code-cache.ts';
import { counterBit, csrs, mstatus } from './csr.ts';
import type { Engine } from './interpret.ts';
import { HardwareLoops } from './loops.ts';
import { cause, type Fault, interrupt, TRAP, UnhandledTrap } from './trap.ts';

const MACHINE = 3;
const USER = 0;

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
  /** Performs an operation of the hart's DMA front end. Throws STALL while the queue is full. */
  dma(hart: number, operation: DmaOperation, a: number, b: number): number;
}

/** The privilege and trap state, the counters, and the register file `x` (33 words: x[32] swallows writes to x0). */
export class Hart {
  readonly index: number;
  readonly isa: Isa;
  readonly compressed: boolean;
  readonly x: Int32Array;
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
  mcountinhibit = 0;

  /** Instructions retired since reset; between engine calls exact, inside see `retired`. */
  instret = 0;
  /** The hart's own time in cycles, up to which it has executed. */
  cycle = 0;
  /** Cycles spent asleep (wfi, stalled loads). */
  sleepCycles = 0;
  asleep = false;
  /** The pc at which the hart fell asleep is a load to be repeated, not a retired wfi. */
  stalled = false;

  /** Cycles left in the running slice; engines count it down and store it before they call out. */
  left = 0;
  /** Set by whatever needs the engine to return after this instruction. */
  yielding = false;
  readonly loadMap: Int32Array;
  readonly storeMap: Int32Array;

  readonly #context: HartContext;
  readonly #engine: Engine;
  /** Machine time at which the slice ends. */
  #end = 0;
  /** Cycles that retired nothing: taken traps. */
  #unretired = 0;
  #cycleOffset = 0n;
  #instretOffset = 0n;
  #reservation: number | undefined;
  #unwatch: (() => void) | undefined;
  #access: Fault['access'];

  constructor(index: number, isa: Isa, context: HartContext) {
    this.index = index;
    this.isa = isa;
    this.compressed = isa.has('c');
    const { memory, loadMap, storeMap } = context.bus;
    const state = memory.reserve(64 * 4);
    this.x = new Int32Array(memory.wasm.buffer, state, 33);
    this.loops = new HardwareLoops(new Int32Array(memory.wasm.buffer, state + 4 * 40, 6), {
      hart: index,
      older: isa.has('xpulpv2'),
      watchEnd: (address) => context.cache.markLoopEnd(address),
      decode: (address) => context.cache.decoded(address),
    });
    this.loadMap = loadMap;
    this.storeMap = storeMap;
    this.#context = context;
    this.#engine = context.engine;
  }

  get misa(): number {
    const letters = this.isa.extensions
      .filter((x) => x.name.length === 1)
      .map((x) => x.name.charCodeAt(0) - 97);
    return letters.reduce((bits, letter) => bits | (1 << letter), (1 << 30) | (1 << 20));
  }

  /** Machine time at the present instruction. */
  get now(): number {
    return this.#end - this.left;
  }

  /** Instructions retired before the present one. */
  get retired(): number {
    return this.instret + (this.now - this.cycle) - this.#unretired;
  }

  get mcycle(): bigint {
    return (this.mcountinhibit & 1 ? 0n : BigInt(this.now)) + this.#cycleOffset;
  }
  set mcycle(value: bigint) {
    this.#cycleOffset = BigInt.asUintN(64, value - (this.mcountinhibit & 1 ? 0n : BigInt(this.now + 1)));
  }
  get minstret(): bigint {
    return BigInt.asUintN(64, (this.mcountinhibit & 4 ? 0n : BigInt(this.retired)) + this.#instretOffset);
  }
  /** A written value is what the next instruction reads: the writing one does not count itself. */
  set minstret(value: bigint) {
    this.#instretOffset = BigInt.asUintN(
      64,
      value - (this.mcountinhibit & 4 ? 0n : BigInt(this.retired + 1)),
    );
  }

  /** Freezes or resumes mcycle (bit 0) and minstret (bit 2) without changing their values. */
  setCountInhibit(value: number): void {
    const { mcycle, minstret } = this;
    this.mcountinhibit = value;
    this.mcycle = mcycle;
    this.minstret = minstret;
  }

  /**
   * Executes until machine time `until` or until the hart sleeps or is asked to stop.
   * @throws UnhandledTrap when a trap finds `mtvec` = 0; MachineError from devices
   */
  run(until: number): void {
    this.#end = until;
    this.left = until - this.cycle;
    this.#unretired = 0;
    this.#releaseWatch();
    try {
      while (this.left > 0 && !this.asleep) {
        try {
          if (this.mip & this.mie) this.#interrupt();
          this.#engine(this);
        } catch (thrown) {
          if (thrown === STALL) this.#sleep(true);
          else if (thrown === TRAP) this.#enterTrap();
          else throw thrown;
        }
        if (this.#stopping) break;
      }
    } finally {
      this.instret = this.retired;
      this.cycle = this.now;
      this.left = 0;
      this.#unretired = 0;
      this.#end = this.cycle;
      this.#stopping = false;
    }
    if (this.#reservation !== undefined) this.#watchReservation();
  }

  #stopping = false;

  /** Makes `run` return after the present instruction: the machine is to stop. */
  stop(): void {
    this.#stopping = true;
    this.yielding = true;
  }

  /** Ends sleep at machine time `now`. */
  wake(now: number): void {
    if (!this.asleep) return;
    this.asleep = false;
    this.stalled = false;
    if (now > this.cycle) {
      this.sleepCycles += now - this.cycle;
      this.cycle = now;
      this.#end = now;
    }
  }

  /** Sets interrupt lines; a pending enabled interrupt ends `wfi` whether or not interrupts are taken. */
  setPending(mask: number, level: boolean): void {
    this.mip = level ? this.mip | mask : this.mip & ~mask;
    this.yielding = true;
    if (this.mip & this.mie && !this.stalled) this.wake(this.#context.clock.now);
  }

  // Slow paths of the engines. pc and left are stored before each of them is called.

  load(address: number, bytes: number, signed: boolean): number {
    const value = this.#onBus(cause.loadAccess, `load of ${bytes} bytes from`, address, () =>
      this.#context.bus.load(address, bytes, this.index),
    );
    if (bytes === 4) return value | 0;
    return signed ? (value << (32 - 8 * bytes)) >> (32 - 8 * bytes) : value & (2 ** (8 * bytes) - 1);
  }

  store(address: number, bytes: number, value: number): void {
    this.#onBus(cause.storeAccess, `store of ${bytes} bytes to`, address, () =>
      this.#context.bus.store(address, bytes, value, this.index),
    );
  }

  loadReserved(address: number): number {
    this.#checkAtomic(address, cause.loadMisaligned, cause.loadAccess, 'lr.w from');
    this.#reservation = address;
    return this.load(address, 4, true);
  }

  storeConditional(address: number, value: number): number {
    this.#checkAtomic(address, cause.storeMisaligned, cause.storeAccess, 'sc.w to');
    const held = this.#reservation === address;
    this.#reservation = undefined;
    if (held) this.store(address, 4, value);
    return held ? 0 : 1;
  }

  amoLoad(address: number): number {
    this.#checkAtomic(address, cause.storeMisaligned, cause.storeAccess, 'AMO on');
    return this.load(address, 4, true);
  }

  amoStore(address: number, value: number): void {
    this.store(address, 4, value);
  }

  csr(number: number, operation: 'write' | 'set' | 'clear', value: number, writes: boolean): number {
    const csr = csrs.get(number);
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
      this.yielding = true; // interrupts may have become enabled
    }
    return old;
  }

  dma(operation: DmaOperation, a: number, b: number): number {
    return this.#atPresent(() => this.#context.dma(this.index, operation, a, b)) | 0;
  }

  /** Instructions that end an engine call; each stores the pc to go on at and counts itself. */
  system(event: Exclude<SystemEvent, 'fence' | 'fence.i'>): void {
    switch (event) {
      case 'ecall':
        return this.#raise(this.privilege === MACHINE ? cause.ecallFromMachine : cause.ecallFromUser, 0);
      case 'ebreak':
        if (!this.#context.semihost(this)) this.#raise(cause.breakpoint, this.pc);
        return this.#retireTo(this.loops.next(this.pc, this.pc + 4));
      case 'mret':
        return this.#mret();
      case 'wfi':
        if (this.privilege === USER && this.mstatus & mstatus.tw) this.#illegalHere();
        this.#retireTo(this.loops.next(this.pc, this.pc + 4));
        if (!(this.mip & this.mie) && !this.#context.eventPending(this.index)) this.#sleep(false);
    }
  }

  illegalInstruction(word: number): never {
    return this.#raise(cause.illegalInstruction, word);
  }

  fetchFault(): never {
    this.#access = {
      what: `instruction fetch from ${hex(this.pc)}`,
      reason: 'nothing can be executed there',
    };
    return this.#raise(cause.instructionAccess, this.pc);
  }

  /** Called when another hart or the DMA has stored to the reserved word. */
  loseReservation(): void {
    this.#reservation = undefined;
  }

  #retireTo(pc: number): void {
    this.pc = pc | 0;
    this.left--;
  }

  #sleep(stalled: boolean): void {
    this.asleep = true;
    this.stalled = stalled;
  }

  #mret(): void {
    if (this.privilege !== MACHINE) this.#illegalHere();
    const previous = (this.mstatus >> 11) & 3;
    const mpie = this.mstatus & mstatus.mpie;
    this.mstatus &= ~(mstatus.mie | mstatus.mpp | (previous === MACHINE ? 0 : mstatus.mprv));
    this.mstatus |= mstatus.mpie | (mpie ? mstatus.mie : 0);
    this.privilege = previous;
    this.#retireTo(this.mepc);
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
      if (clock.next < this.#end) {
        this.left -= this.#end - clock.next;
        this.#end = clock.next;
      }
    }
  }

  #illegalHere(): never {
    return this.#raise(cause.illegalInstruction, this.#context.cache.fetch(this.pc) ?? 0);
  }

  #raise(mcause: number, mtval: number): never {
    this.mcause = mcause;
    this.mtval = mtval | 0;
    throw TRAP;
  }

  #interrupt(): void {
    const enabled = this.privilege < MACHINE || (this.mstatus & mstatus.mie) !== 0;
    if (!enabled) return;
    const pending = this.mip & this.mie;
    const bit = [interrupt.external, interrupt.software, interrupt.timer].find((b) => pending & b);
    if (!bit) return;
    this.mcause = -0x8000_0000 + (31 - Math.clz32(bit));
    this.mtval = 0;
    this.#enterTrap();
  }

  /** Takes the trap described by mcause and mtval at pc; costs one cycle and retires nothing. */
  #enterTrap(): void {
    if (this.mtvec === 0) {
      throw new UnhandledTrap({
        hart: this.index,
        mcause: this.mcause,
        mtval: this.mtval,
        pc: this.pc,
        ...(this.#access === undefined ? {} : { access: this.#access }),
      });
    }
    this.#access = undefined;
    this.mepc = this.pc;
    const mie = this.mstatus & mstatus.mie;
    this.mstatus &= ~(mstatus.mie | mstatus.mpie | mstatus.mpp);
    this.mstatus |= (mie ? mstatus.mpie : 0) | (this.privilege << 11);
    this.privilege = MACHINE;
    const vectored = (this.mtvec & 1) !== 0 && this.mcause < 0;
    this.pc = ((this.mtvec & ~3) + (vectored ? 4 * (this.mcause & 0x3ff) : 0)) | 0;
    this.left--;
    this.#unretired++;
  }

  /** Between slices others may store to the reserved word: then the reservation is lost. */
  #watchReservation(): void {
    this.#unwatch = this.#context.bus.watchStores(this.#reservation!, 4, () => this.loseReservation());
  }

  #releaseWatch(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }
}
