/** Exception and interrupt causes (privileged manual, table of mcause values). */

export const cause = {
  instructionMisaligned: 0,
  instructionAccess: 1,
  illegalInstruction: 2,
  breakpoint: 3,
  loadMisaligned: 4,
  loadAccess: 5,
  storeMisaligned: 6,
  storeAccess: 7,
  ecallFromUser: 8,
  ecallFromMachine: 11,
} as const;

const exceptionNames: Readonly<Record<number, string>> = {
  0: 'instruction address misaligned',
  1: 'instruction access fault',
  2: 'illegal instruction',
  3: 'breakpoint',
  4: 'load address misaligned',
  5: 'load access fault',
  6: 'store or AMO address misaligned',
  7: 'store or AMO access fault',
  8: 'environment call from user mode',
  11: 'environment call from machine mode',
};

const interruptNames: Readonly<Record<number, string>> = {
  3: 'machine software interrupt',
  7: 'machine timer interrupt',
  11: 'machine external interrupt',
};

/** The manual's name of an mcause value. */
export function causeName(mcause: number): string {
  const names = mcause < 0 ? interruptNames : exceptionNames;
  return names[mcause & 0x7fff_ffff] ?? `cause ${mcause & 0x7fff_ffff}`;
}

/** Bits of mip and mie. */
export const interrupt = { software: 1 << 3, timer: 1 << 7, external: 1 << 11 } as const;

/** Thrown through generated code when a trap is to be taken; the hart holds its cause. One shared object. */
export const TRAP: { readonly trap: true } = Object.freeze({ trap: true });

/** What a hart was doing when it trapped without a handler, for the report. */
export interface Fault {
  readonly hart: number;
  readonly mcause: number;
  readonly mtval: number;
  readonly pc: number;
  /** The refused access, where there was one: what was tried (`load of 4 bytes from 0x…`), and why it failed. */
  readonly access?: { readonly what: string; readonly reason: string };
}

/** Leaves the machine when a trap finds no handler installed (`mtvec` is 0). */
export class UnhandledTrap extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(`${causeName(fault.mcause)} on hart ${fault.hart}`);
    this.fault = fault;
  }
}
