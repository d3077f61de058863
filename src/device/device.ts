/** What the bus needs of a memory-mapped device. */

/**
 * Thrown by a register read that cannot answer yet (a barrier, `cv.elw`): the hart does not retire the load,
 * sleeps, and repeats it when the device wakes it. One shared object, since it carries nothing.
 */
export const STALL: { readonly stall: true } = Object.freeze({ stall: true });

/**
 * Thrown by a hart before it accesses a device at a time that lies behind a deadline: its turn ends, nothing is retired, and
 * it makes the access when the deadline has fired. One shared object.
 */
export const LATER: { readonly later: true } = Object.freeze({ later: true });

/** The harts as devices see them: who sleeps, and who is to be woken or interrupted. */
export interface HartLines {
  readonly count: number;
  /** Ends a stall or `wfi` of the hart; without effect on a running hart. */
  wake(hart: number): void;
  /** Sets or clears bits of the hart's `mip` (level-sensitive lines: MSIP bit 3, MTIP bit 7, MEIP bit 11). */
  setPending(hart: number, mask: number, level: boolean): void;
}

/** A model behind the bus. Offsets are relative to the device's base; `bytes` is 1, 2 or 4 and the access is aligned. */
export interface Device {
  readonly name: string;
  /** What firmware reads, side effects included. `hart` is the initiator. Throws BusError, STALL or MachineError. */
  load(offset: number, bytes: number, hart: number): number;
  store(offset: number, bytes: number, value: number, hart: number): void;
  /** What a debugger reads: never a side effect. */
  peek(offset: number, bytes: number, hart: number): number;
  /** Back to the state after power-on. */
  reset(): void;
  /** The device's state as plain data; times are relative to now. */
  snapshot(): unknown;
  restore(state: unknown): void;
}
