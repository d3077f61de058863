/**
 * What instructions cost on a core whatever its memory does: the tables of cluster timing (docs/machine.md).
 *
 * Every number of `cv32e40p` is published in the CV32E40P manual, "Pipeline Details". Snitch's are those of the public
 * documentation of the Snitch cluster where it has any ("Trace Analysis"); what is said to be an assumption is one.
 */
import type { Decoded } from '../isa/decode.ts';
import { effectsOf } from '../isa/effects.ts';
import type { Insn } from '../isa/insn.ts';

export const coreNames = ['cv32e40p', 'snitch'] as const;
export type CoreName = (typeof coreNames)[number];

/** All in cycles; an instruction that is not mentioned takes 1. */
export interface CoreTiming {
  /** Results of loads and multiplications are waited for by whoever reads them first; else by the next instruction. */
  readonly scoreboard: boolean;
  /** From a multiplication to the first instruction that can use its low word. */
  readonly mulCycles: number;
  /** The same for its high word. */
  readonly mulhCycles: number;
  /** A division or remainder by a divisor without leading zeros; each leading zero adds one. */
  readonly divideCycles: number;
  readonly jumpCycles: number;
  readonly branchTakenCycles: number;
  /** An access to a CSR that flushes the pipeline (manual: mstatus, mepc, mtvec, mcause, counters, debug). */
  readonly csrCycles: number;
  /** Of `cv.elw`, without its wait. */
  readonly eventLoadCycles: number;
  readonly mretCycles: number;
  readonly fenceCycles: number;
  /** Added by an access that crosses a word boundary. */
  readonly misalignedCycles: number;
  /** Added by an atomic operation to what a load from its address takes. */
  readonly atomicCycles: number;
}

export const coreTimings: Readonly<Record<CoreName, CoreTiming>> = {
  // Manual: multiplication 1 and 5, division 3 to 35, jump 2, taken branch 3, CSR 4, cv.elw 4, fence.i 2, misaligned 2.
  cv32e40p: {
    scoreboard: false,
    mulCycles: 1,
    mulhCycles: 5,
    divideCycles: 3,
    jumpCycles: 2,
    branchTakenCycles: 3,
    csrCycles: 4,
    eventLoadCycles: 4,
    mretCycles: 2, // a jump
    fenceCycles: 2,
    misalignedCycles: 1,
    atomicCycles: 2, // assumption: the core has none; read, modify and write at the memory
  },
  // "Trace Analysis": one cycle each; a multiplication's reader follows 4 cycles later.
  snitch: {
    scoreboard: true,
    mulCycles: 4,
    mulhCycles: 4,
    divideCycles: 4, // assumption: as far away as the multiplier, then a bit per cycle below the divisor's leading zeros
    jumpCycles: 1,
    branchTakenCycles: 1,
    csrCycles: 1,
    eventLoadCycles: 1,
    mretCycles: 1,
    fenceCycles: 2, // assumption
    misalignedCycles: 1, // assumption
    atomicCycles: 2, // assumption: read, modify and write at the memory
  },
};

/** Instructions behind one that are looked at for a reader of its result, and the bytes they take at most. */
export const LOOKAHEAD = 12;
export const LOOKAHEAD_BYTES = 4 * LOOKAHEAD;

/** Fields of the word that says what an instruction costs whatever its operands. */
export const cost = {
  /** Cycles beyond the first. */
  stall: 0xff,
  /** Bit positions: whether it accesses memory, and whether it multiplies. */
  memory: 8,
  multiplies: 24,
  /** Position and mask of the distance, in instructions, to the first reader of what it loads. */
  distance: 9,
  distanceMask: 0xf,
} as const;

/** Distance in a cost word. */
export const distanceIn = (word: number): number => (word >>> cost.distance) & cost.distanceMask;

/** What a look at the code behind an instruction needs. */
export interface CodeReader {
  /** The instruction at an address; undefined where there is none. */
  decoded(pc: number): Decoded | undefined;
}

const effects = new Map<Insn, ReturnType<typeof effectsOf>>();

/** Registers, by number, that an instruction reads, or writes too. */
function touches({ insn, operands }: Decoded, register: number, writes: boolean): boolean {
  let found = effects.get(insn);
  if (!found) effects.set(insn, (found = effectsOf(insn)));
  for (const field of found.reads) if (operands[field] === register) return true;
  if (writes) for (const field of found.writes) if (operands[field] === register) return true;
  return false;
}

const TRANSFERS = new Set(['branch', 'jump', 'system']);

/**
 * Instructions from the one at `pc` to the first that must wait for its result: one that reads `rd` (or, with a
 * scoreboard, writes it), that transfers control or cannot be decoded; `LOOKAHEAD` where there is none among so many.
 */
export function distanceToReader(
  code: CodeReader,
  pc: number,
  { bytes, operands }: Decoded,
  scoreboard: boolean,
): number {
  const { rd } = operands;
  let at = pc + bytes;
  for (let distance = 1; distance < LOOKAHEAD; distance++) {
    const next = code.decoded(at | 0);
    if (!next || TRANSFERS.has(next.insn.timing)) return distance;
    if (rd !== 0 && touches(next, rd, scoreboard)) return distance;
    at += next.bytes;
  }
  return LOOKAHEAD;
}

/**
 * Cycles lost to waiting for data that come `latency` cycles after the instruction, with the first reader `distance`
 * instructions behind. Without a scoreboard the pipeline stands still but for the one cycle it is ahead.
 */
export function waitFor(latency: number, distance: number, scoreboard: boolean): number {
  if (scoreboard) return Math.max(0, latency - distance);
  return Math.max(0, latency - 2) + Math.max(0, Math.min(latency, 2) - distance);
}

/** CSRs whose access takes `csrCycles` (CV32E40P manual, "Cycle counts per instruction type"). */
function flushes(csr: number): boolean {
  const counters = (csr >= 0xb00 && csr <= 0xb1f) || (csr >= 0xb80 && csr <= 0xb9f);
  const events = csr >= 0x320 && csr <= 0x33f;
  return counters || events || [0x300, 0x305, 0x341, 0x342, 0x7b0, 0x7b1, 0x7b2, 0x7b3].includes(csr);
}

/** Cycles of an instruction beyond the first that neither its operands nor memory decide. */
function stallOf(core: CoreTiming, { insn, operands }: Decoded, distance: number): number {
  switch (insn.timing) {
    case 'mul':
      return core.scoreboard ? waitFor(core.mulCycles, distance, true) : core.mulCycles - 1;
    case 'mulh':
      return core.scoreboard ? waitFor(core.mulhCycles, distance, true) : core.mulhCycles - 1;
    case 'jump':
      return core.jumpCycles - 1;
    case 'amo':
      return core.atomicCycles;
    case 'csr':
      return flushes(operands['csr']) ? core.csrCycles - 1 : 0;
    case 'elw':
      return core.eventLoadCycles - 1;
    case 'system':
      if (insn.name === 'mret') return core.mretCycles - 1;
      return insn.name === 'fence.i' ? core.fenceCycles - 1 : 0;
    default:
      return 0;
  }
}

/** The cost word of the instruction at `pc`: see `cost`. Depends on `LOOKAHEAD_BYTES` of the code behind it. */
export function costWord(core: CoreTiming, code: CodeReader, pc: number, decoded: Decoded): number {
  const { timing } = decoded.insn;
  const multiplies = timing === 'mul' || timing === 'mulh';
  const loads = timing === 'load' || timing === 'elw' || timing === 'amo';
  const memory = loads || timing === 'store';
  const waits = loads || (multiplies && core.scoreboard);
  const distance = waits ? distanceToReader(code, pc, decoded, core.scoreboard) : 0;
  return (
    stallOf(core, decoded, distance) |
    (Number(memory) << cost.memory) |
    (Number(multiplies) << cost.multiplies) |
    (distance << cost.distance)
  );
}

/** Cycles of a division beyond the first: by its divisor. */
export const divideStall = (core: CoreTiming, divisor: number): number =>
  core.divideCycles - 1 + Math.clz32(divisor);
