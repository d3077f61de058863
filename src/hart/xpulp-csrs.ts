/** The hardware loops as CSRs: read-only in the CORE-V family, writable in the older one (CV32E40P and RI5CY manuals). */
import type { LoopRegister } from '../isa/insn.ts';
import type { Csr } from './csr.ts';

const REGISTERS: readonly LoopRegister[] = ['start', 'last', 'count'];

/** Stands for the pc of the instruction that sets a loop register where a debugger does. */
const NO_INSTRUCTION = -4;

/** Start, end and count of both loops from number `base` on, the second loop four numbers after the first. */
const loops = (base: number, csr: (loop: number, register: LoopRegister) => Csr): [number, Csr][] =>
  [0, 1].flatMap((loop) =>
    REGISTERS.map((register, i): [number, Csr] => [base + 4 * loop + i, csr(loop, register)]),
  );

/** `lpend` is the address behind the body. */
const coreV = loops(0xcc0, (loop, register) => ({
  requires: 'xcvhwlp',
  read: (hart) => (hart.loops.get(loop, register) + (register === 'last' ? 4 : 0)) | 0,
  poke: (hart, value) =>
    hart.loops.set(loop, register, register === 'last' ? (value - 4) | 0 : value, NO_INSTRUCTION),
}));

/** `lpend` is the address of the last instruction of the body; addresses are even. */
const older = loops(0x7c0, (loop, register) => ({
  requires: 'xpulpv2',
  read: (hart) => hart.loops.get(loop, register),
  write: (hart, value) => hart.loops.set(loop, register, register === 'count' ? value : value & ~1, hart.pc),
  poke: (hart, value) =>
    hart.loops.set(loop, register, register === 'count' ? value : value & ~1, NO_INSTRUCTION),
}));

/** CSRs of the Xpulp families, by number: the loops, and copies of hart id and privilege that user mode may read. */
export const xpulpCsrs: readonly (readonly [number, Csr])[] = [
  ...coreV,
  ...older,
  [0xcd0, { requires: 'xcvhwlp', read: (hart) => hart.index }], // uhartid
  [0xcd1, { requires: 'xcvhwlp', read: (hart) => hart.privilege }], // privlv
];
