/** What a debugger hears from harts before things happen, and how it keeps them from happening. */
import type { Hart } from './hart.ts';
import type { Fault } from './trap.ts';

/**
 * Thrown by an observer to keep the present instruction from executing: the hart's `run` returns with all state as
 * it was before the instruction. Whoever throws it stops the cluster too. One shared object.
 */
export const HALT: { readonly halt: true } = Object.freeze({ halt: true });

/** Each may throw HALT, `returned` excepted; what it lets pass happens. */
export interface HartObserver {
  /** The instruction at pc is marked in the code cache. */
  marked(hart: Hart): void;
  /** A load, a store or (both bits of `access`) an AMO is about to be made. */
  access(hart: Hart, kinds: number, address: number, bytes: number): void;
  /** An `ebreak` that is no semihosting call. */
  ebreak(hart: Hart): void;
  /** A trap is about to be taken, or cannot be since mtvec is 0. */
  trap(hart: Hart, fault: Fault): void;
  /** The trap described by mcause and mepc has been taken. */
  trapped(hart: Hart): void;
  /** `mret` has retired. */
  returned(hart: Hart): void;
}
