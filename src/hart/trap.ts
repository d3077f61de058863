/** Exceptions and interrupts: their causes, how a trap is taken, and how mret returns (privileged manual 1.12). */
import { MACHINE, mstatus, previousMode } from './privilege.ts';

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

/** The part of a hart that traps change. */
export interface TrapState {
  pc: number;
  privilege: number;
  mstatus: number;
  mepc: number;
  mcause: number;
  readonly mie: number;
  readonly mip: number;
  readonly mtvec: number;
}

/** The mcause of the interrupt to take before the next instruction, undefined for none. */
export function interruptToTake({ mie, mip, privilege, mstatus: status }: TrapState): number | undefined {
  if (privilege === MACHINE && !(status & mstatus.mie)) return undefined;
  const pending = mip & mie;
  const bit = [interrupt.external, interrupt.software, interrupt.timer].find((b) => pending & b);
  return bit && -0x8000_0000 + (31 - Math.clz32(bit));
}

/** Goes to the trap handler; mcause and mtval say why, pc is where. */
export function takeTrap(hart: TrapState): void {
  hart.mepc = hart.pc;
  const enabled = hart.mstatus & mstatus.mie;
  hart.mstatus &= ~(mstatus.mie | mstatus.mpie | mstatus.mpp);
  hart.mstatus |= (enabled ? mstatus.mpie : 0) | (hart.privilege << 11);
  hart.privilege = MACHINE;
  const vectored = (hart.mtvec & 1) !== 0 && hart.mcause < 0;
  hart.pc = ((hart.mtvec & ~3) + (vectored ? 4 * (hart.mcause & 0x3ff) : 0)) | 0;
}

/** What mret does, pc aside: it goes on at mepc in the mode of MPP. */
export function returnFromTrap(hart: TrapState): void {
  const mode = previousMode(hart.mstatus);
  const enable = hart.mstatus & mstatus.mpie;
  hart.mstatus &= ~(mstatus.mie | mstatus.mpp | (mode === MACHINE ? 0 : mstatus.mprv));
  hart.mstatus |= mstatus.mpie | (enable ? mstatus.mie : 0);
  hart.privilege = mode;
}

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
