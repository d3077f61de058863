/**
 * A machine under control: what a debugger may ask of it. The GDB stub (src/gdb) knows the machine by this alone.
 *
 * Numbers: a hart is its index; addresses are unsigned; a position is the count of instructions retired by all harts
 * since reset, which with the fixed order of harts names one state of the whole machine.
 */

/** What a hart does when the machine is resumed; a hart without an action stays frozen. */
export type Action =
  | { readonly kind: 'continue' }
  /** One retired instruction. */
  | { readonly kind: 'step' }
  /** At least one instruction, then on while pc is in [from, to). */
  | { readonly kind: 'range'; readonly from: number; readonly to: number };

export type Access = 'write' | 'read' | 'access';

/** What a fault without a handler is to a debugger: SIGILL, SIGSEGV, SIGBUS, SIGSYS, SIGTRAP. */
export type FaultKind = 'illegal' | 'memory' | 'misaligned' | 'call' | 'breakpoint';

/** Why the machine halted; `hart` is whom it is about. */
export type Stop =
  | { readonly kind: 'step'; readonly hart: number }
  /** pc is at the breakpoint, which was set as `type`; the instruction there has not run. */
  | { readonly kind: 'breakpoint'; readonly hart: number; readonly type: 'software' | 'hardware' }
  /** The guest's own ebreak, not executed. */
  | { readonly kind: 'ebreak'; readonly hart: number }
  /**
   * About to make an access to a watched byte, the first of which is at `address`. By a device, the access is done
   * and `hart` is the one whose turn it was. Backwards the machine is before the access in both cases. A step of that
   * hart alone, which GDB makes to get the access done or undone, ends at once where it is so already.
   */
  | {
      readonly kind: 'watchpoint';
      readonly hart: number;
      readonly access: Access;
      readonly address: number;
      readonly by: 'hart' | 'dma' | 'ita';
    }
  | { readonly kind: 'interrupted'; readonly hart: number }
  /** A trap that no handler of the guest takes, or one asked for by `catchFaults`; pc is at the instruction. */
  | { readonly kind: 'fault'; readonly hart: number; readonly fault: FaultKind; readonly reason: string }
  /** Deadlock, accelerator hazard and the like: the machine cannot go on forward. */
  | { readonly kind: 'machine error'; readonly hart: number; readonly reason: string }
  /** The beginning or the end of what is recorded. */
  | { readonly kind: 'history'; readonly hart: number; readonly at: 'begin' | 'end' }
  | { readonly kind: 'exit'; readonly code: number };

export interface Watch {
  readonly access: Access;
  readonly address: number;
  readonly bytes: number;
}

export interface HartView {
  readonly index: number;
  pc: number;
  readonly cycle: number;
  readonly instret: number;
  /** `running`, `asleep in wfi`, `waits at the hardware barrier (missing: harts 3, 5)`, … */
  readonly state: string;
  /** x1..x31; x0 reads 0 and ignores writes. */
  x(index: number): number;
  setX(index: number, value: number): void;
  /** Numbers of the CSRs the hart has, hardware loops' included. */
  readonly csrs: readonly number[];
  /** Undefined where the hart has no such CSR; no side effects. */
  csr(number: number): number | undefined;
  /** Legalises as an instruction of machine mode would; false where the CSR is read-only or absent. Loop registers can be written. */
  setCsr(number: number, value: number): boolean;
  /** 0 user, 3 machine. */
  privilege: number;
}

export interface MemoryRegion {
  readonly name: string;
  readonly base: number;
  readonly bytes: number;
  readonly kind: 'ram' | 'rom' | 'device';
}

export interface Target {
  readonly harts: readonly HartView[];
  readonly regions: readonly MemoryRegion[];
  /** The present position. */
  readonly position: number;
  /** Largest cycle of any hart. */
  readonly cycles: number;
  /** Why the machine is halted; `step` of hart 0 after reset. */
  readonly stopped: Stop;

  /** Reads up to `bytes` bytes without side effects; shorter where memory ends, empty where none is. Devices read 32-bit registers. */
  read(address: number, bytes: number): Uint8Array;
  /** Writes to anything that stores (ROM refused); false and nothing written where part of it cannot be. Later execution sees it. */
  write(address: number, data: Uint8Array): boolean;

  /** Idempotent. `kind` is how GDB asked, and what a stop reports. */
  setBreakpoint(address: number, type: 'software' | 'hardware'): void;
  clearBreakpoint(address: number, type: 'software' | 'hardware'): void;
  setWatch(watch: Watch): void;
  clearWatch(watch: Watch): void;
  clearAll(): void;
  /** Whether accesses of DMA and accelerator count for watches (default yes). */
  watchDevices: boolean;
  /** Kinds of faults that stop although the guest has a handler. */
  catchFaults: ReadonlySet<FaultKind>;
  /** Whether a step shows interrupt handlers instead of running through them (default no). */
  stepInterrupts: boolean;
  /** Whether the guest's own ebreak halts although the guest has a handler (default yes). */
  stopsAtEbreak: boolean;

  /** Chooses what each hart does from now on, in either direction; then call `run`. */
  resume(actions: ReadonlyMap<number, Action>): void;
  /** Backwards: to before the last instruction of `hart`, or (without hart) to the latest breakpoint or watched access before now. */
  resumeBackwards(hart?: number): void;
  /** Executes (or replays) for about `milliseconds`; undefined: still running, call again. */
  run(milliseconds: number): Stop | undefined;
  /** Halts a resumed machine where it is. */
  interrupt(hart: number): Stop;

  /** Back to the reset state with the program loaded; breakpoints stay. */
  reset(): void;
  /** Called with what the guest prints, once for each byte however often history is replayed. */
  onOutput: ((bytes: Uint8Array) => void) | undefined;

  /** Goes to a recorded position; false where history does not reach. */
  goto(position: number): boolean;
  readonly history: {
    readonly first: number;
    readonly last: number;
    readonly bytes: number;
    readonly limit: number;
  };
  /** The whole machine as bytes for a file, and back (same machine configuration and program). */
  save(): Uint8Array;
  /** @throws UsageError for what is no snapshot or one of another machine */
  restore(snapshot: Uint8Array): void;
}
