/**
 * What the scalar Xpulp instructions mean, apart from their bits: the CORE-V and the older XpulpV2 encodings share
 * these (CV32E40P manual, "CORE-V Instruction Set Custom Extension").
 */
import type { Binary, RegisterField, Semantics } from './insn.ts';

/** A meaning, in the vocabulary of whichever back end asks. */
export type Meaning = <V>(e: Semantics<V>) => void;

/** A value computed from the operands. */
export type Formula = <V>(e: Semantics<V>) => V;

/** The meaning that writes the formula's value to rd. */
export const toRd =
  (formula: Formula): Meaning =>
  (e) =>
    e.setX('rd', formula(e));

/** Bytes of an access and whether a load extends the sign; the order is that of the encodings. */
export const loadWidths = {
  lb: { bytes: 1, signed: true },
  lh: { bytes: 2, signed: true },
  lw: { bytes: 4, signed: true },
  lbu: { bytes: 1, signed: false },
  lhu: { bytes: 2, signed: false },
} as const;
export const storeWidths = { sb: { bytes: 1 }, sh: { bytes: 2 }, sw: { bytes: 4 } } as const;

export type Load = keyof typeof loadWidths;
export type Store = keyof typeof storeWidths;

/** Where an increment or an index stands. */
type Step = 'imm' | 'rs2' | 'rs3';

const stepped = <V>(e: Semantics<V>, step: Step): V =>
  e.binary('add', e.x('rs1'), step === 'imm' ? e.field('imm') : e.x(step));

/** Loads from the old rs1, then moves rs1 on; the loaded value wins where rd is rs1. */
export const loadPost = (name: Load, step: Step): Meaning => {
  const { bytes, signed } = loadWidths[name];
  return (e) => {
    const value = e.bind(e.load(bytes, signed, e.x('rs1')));
    e.setX('rs1', stepped(e, step));
    e.setX('rd', value);
  };
};

/** Loads from rs1 plus an index; `elw` has this meaning too, its sleep being the event unit's affair. */
export const loadIndexed = (name: Load, step: Step): Meaning => {
  const { bytes, signed } = loadWidths[name];
  return (e) => e.setX('rd', e.load(bytes, signed, stepped(e, step)));
};

/** Stores the old rs2 to the old rs1, then moves rs1 on. */
export const storePost =
  (name: Store, step: Step): Meaning =>
  (e) => {
    const moved = e.bind(stepped(e, step)); // before the store, which may hit this very instruction
    e.store(storeWidths[name].bytes, e.x('rs1'), e.x('rs2'));
    e.setX('rs1', moved);
  };

export const storeIndexed =
  (name: Store, step: Step): Meaning =>
  (e) =>
    e.store(storeWidths[name].bytes, stepped(e, step), e.x('rs2'));

/** Branches where rs1 compares with the five-bit signed immediate. */
export const branchImmediate =
  (condition: 'eq' | 'ne'): Meaning =>
  (e) =>
    e.branch(e.binary(condition, e.x('rs1'), e.field('simm')), e.binary('add', e.pc(), e.field('imm')));

const and = <V>(e: Semantics<V>, a: V, mask: number): V => e.binary('and', a, e.constant(mask));
const shl = <V>(e: Semantics<V>, a: V, amount: number): V => e.binary('shl', a, e.constant(amount));
const sar = <V>(e: Semantics<V>, a: V, amount: number): V => e.binary('sar', a, e.constant(amount));
const shr = <V>(e: Semantics<V>, a: V, amount: number): V => e.binary('shr', a, e.constant(amount));
const not = <V>(e: Semantics<V>, a: V): V => e.binary('xor', a, e.constant(-1));

/** The low or high half of a register, sign- or zero-extended. */
export function half<V>(e: Semantics<V>, register: RegisterField, which: 0 | 1, signed: boolean): V {
  const value = e.x(register);
  if (which === 1) return signed ? sar(e, value, 16) : shr(e, value, 16);
  return signed ? sar(e, shl(e, value, 16), 16) : and(e, value, 0xffff);
}

/** `rs1 operation rs2`. */
export const two =
  (operation: Binary): Meaning =>
  (e) =>
    e.setX('rd', e.binary(operation, e.x('rs1'), e.x('rs2')));

/** rs1 ≤ rs2 as 0 or 1. */
export const setLessEqual = (operation: 'ge' | 'geu'): Meaning =>
  toRd((e) => e.binary(operation, e.x('rs2'), e.x('rs1')));

export const absolute = toRd((e) => {
  const negated = e.binary('sub', e.constant(0), e.x('rs1'));
  return e.select(e.binary('lt', e.x('rs1'), e.constant(0)), negated, e.x('rs1'));
});

/** The low `bits` of rs1, extended. */
export const extend = (bits: 8 | 16, signed: boolean): Meaning =>
  toRd((e) =>
    signed ? sar(e, shl(e, e.x('rs1'), 32 - bits), 32 - bits) : and(e, e.x('rs1'), 2 ** bits - 1),
  );

/** rs1 clamped to [−(high + 1), high], or [0, high]; rs1 is signed in both. */
const clamp = <V>(e: Semantics<V>, high: V, unsigned: boolean): V =>
  e.binary('max', e.binary('min', e.x('rs1'), high), unsigned ? e.constant(0) : not(e, high));

/** Clamps to `is2` bits: high is 2^(is2−1) − 1, and 0 where is2 is 0. */
export const clip = (unsigned: boolean): Meaning =>
  toRd((e) => {
    const power = shr(e, e.binary('shl', e.constant(1), e.field('is2')), 1);
    const high = e.bind(e.binary('sub', e.binary('max', power, e.constant(1)), e.constant(1)));
    return clamp(e, high, unsigned);
  });

/** Clamps to rs2 without its bit 31. */
export const clipRegister = (unsigned: boolean): Meaning =>
  toRd((e) => clamp(e, e.bind(and(e, e.x('rs2'), 0x7fff_ffff)), unsigned));

/** How a result is scaled: logical shift for unsigned, and whether 2^(shift−1) is added first. */
export interface Scaling {
  readonly unsigned: boolean;
  readonly rounding: boolean;
}

/** `value`, rounded and wrapped to 32 bits, shifted right by `shift` (its low five bits count). */
function scaled<V>(e: Semantics<V>, value: V, shift: V, { unsigned, rounding }: Scaling): V {
  const term = (): V => shr(e, e.binary('shl', e.constant(1), shift), 1); // 0 where nothing is shifted
  return e.binary(unsigned ? 'shr' : 'sar', rounding ? e.binary('add', value, term()) : value, shift);
}

/** (rs1 ± rs2) >> is3. */
export const sumScaled = (operation: 'add' | 'sub', scaling: Scaling): Meaning =>
  toRd((e) => scaled(e, e.binary(operation, e.x('rs1'), e.x('rs2')), e.field('is3'), scaling));

/** (rd ± rs1) >> rs2. */
export const sumScaledBy = (operation: 'add' | 'sub', scaling: Scaling): Meaning =>
  toRd((e) => scaled(e, e.binary(operation, e.x('rd'), e.x('rs1')), e.x('rs2'), scaling));

/** (product of two halves [+ rd]) >> is3. */
export const productScaled = (which: 0 | 1, accumulate: boolean, scaling: Scaling): Meaning =>
  toRd((e) => {
    const [a, b] = (['rs1', 'rs2'] as const).map((r) => half(e, r, which, !scaling.unsigned));
    const product = e.binary('mul', a, b);
    const value = accumulate ? e.binary('add', product, e.x('rd')) : product;
    return scaled(e, value, e.field('is3'), scaling);
  });

/** rd ± rs1 × rs2. */
export const multiplyAccumulate = (operation: 'add' | 'sub'): Meaning =>
  toRd((e) => e.binary(operation, e.x('rd'), e.binary('mul', e.x('rs1'), e.x('rs2'))));

/** Position and width − 1 of a bit field: from the immediates, or from rs2[4:0] and rs2[9:5]. */
export type FieldFrom = 'immediate' | 'register';

function bitField<V>(e: Semantics<V>, from: FieldFrom): { position: V; width: V } {
  if (from === 'immediate') return { position: e.field('is2'), width: e.field('is3') };
  const position = e.bind(and(e, e.x('rs2'), 31));
  return { position, width: e.bind(and(e, shr(e, e.x('rs2'), 5), 31)) };
}

/** The field as a mask; what would lie past bit 31 is cut. */
function fieldMask<V>(e: Semantics<V>, { position, width }: { position: V; width: V }): V {
  const ones = e.binary('sub', e.binary('shl', e.constant(2), width), e.constant(1));
  return e.bind(e.binary('shl', ones, position));
}

/** The field of rs1, moved down and extended. */
export const extractField = (from: FieldFrom, signed: boolean): Meaning =>
  toRd((e) => {
    const { position, width } = bitField(e, from);
    const top = e.binary('min', e.binary('add', position, width), e.constant(31));
    const left = e.bind(e.binary('sub', e.constant(31), top));
    const right = e.binary('add', left, position);
    return e.binary(signed ? 'sar' : 'shr', e.binary('shl', e.x('rs1'), left), right);
  });

/** The low bits of rs1 in the field of rd. */
export const insertField = (from: FieldFrom): Meaning =>
  toRd((e) => {
    const field = bitField(e, from);
    const mask = fieldMask(e, field);
    const moved = e.binary('and', e.binary('shl', e.x('rs1'), field.position), mask);
    return e.binary('or', e.binary('and', e.x('rd'), not(e, mask)), moved);
  });

export const clearField = (from: FieldFrom): Meaning =>
  toRd((e) => e.binary('and', e.x('rs1'), not(e, fieldMask(e, bitField(e, from)))));

export const setField = (from: FieldFrom): Meaning =>
  toRd((e) => e.binary('or', e.x('rs1'), fieldMask(e, bitField(e, from))));

/** Index of the lowest set bit, 32 where there is none. */
export const findFirst = toRd((e) => e.unary('ctz', e.x('rs1')));

/** Index of the highest set bit, 32 where there is none: not a leading-zero count. */
export const findLast = toRd((e) => {
  const index = e.binary('sub', e.constant(31), e.unary('clz', e.x('rs1')));
  return e.select(e.x('rs1'), index, e.constant(32));
});

/** Leading bits equal to bit 31, less one; 0 for 0. */
export const countLeading = toRd((e) => {
  const changes = e.binary('xor', e.x('rs1'), sar(e, e.x('rs1'), 31));
  const count = e.binary('sub', e.unary('clz', changes), e.constant(1));
  return e.select(e.x('rs1'), count, e.constant(0));
});

export const countSet = toRd((e) => e.unary('popcount', e.x('rs1')));

/** Exchanges the bits under `mask` with those `distance` above them; all others are dropped. */
const exchange = <V>(e: Semantics<V>, value: V, distance: number, mask: number): V =>
  e.binary('or', shl(e, and(e, value, mask), distance), and(e, shr(e, value, distance), mask));

/**
 * rs1 << is2 with its groups of 1, 2 or 3 bits (is3 = 0, 1, 2; 3 is as 0), counted from the top, in reverse order.
 * All 32 bits are reversed first, then the bits of each group are put back in their order.
 */
export const reverseGroups = toRd((e) => {
  const steps = [
    [1, 0x5555_5555],
    [2, 0x3333_3333],
    [4, 0x0f0f_0f0f],
    [8, 0x00ff_00ff],
    [16, 0x0000_ffff],
  ] as const;
  const shifted = e.bind(e.binary('shl', e.x('rs1'), e.field('is2')));
  const bits = steps.reduce((v, [distance, mask]) => e.bind(exchange(e, v, distance, mask)), shifted);
  const pairs = exchange(e, bits, 1, 0x5555_5555);
  const triples = e.binary('or', exchange(e, bits, 2, 0o1111111111), and(e, bits, 0o2222222222));
  const [inPairs, inTriples] = [1, 2].map((is3) => e.binary('eq', e.field('is3'), e.constant(is3)));
  return e.select(inPairs, pairs, e.select(inTriples, triples, bits));
});

/** How a family writes loop addresses. */
export interface LoopAddresses {
  /** Bits that its registers keep: −4 or −2. */
  readonly kept: number;
  /** Bytes from the last instruction of a body to `lpend`. */
  readonly endBehindLast: 0 | 4;
}

/** The address `offset` bytes from the instruction. */
const ahead = <V>(e: Semantics<V>): V => e.binary('add', e.pc(), e.field('offset'));

/** The loop instructions; `offset` is in bytes from the instruction. */
export function loopMeanings({ kept, endBehindLast }: LoopAddresses) {
  const start = <V>(e: Semantics<V>, address: V): void => e.setLoop('start', and(e, address, kept));
  const end = <V>(e: Semantics<V>, address: V): void =>
    e.setLoop('last', e.binary('sub', and(e, address, kept), e.constant(endBehindLast)));
  const setup = <V>(e: Semantics<V>, count: V): void => {
    start(e, e.nextPc());
    end(e, ahead(e));
    e.setLoop('count', count);
  };
  return {
    starti: (e) => start(e, ahead(e)),
    start: (e) => start(e, e.x('rs1')),
    endi: (e) => end(e, ahead(e)),
    end: (e) => end(e, e.x('rs1')),
    counti: (e) => e.setLoop('count', e.field('count')),
    count: (e) => e.setLoop('count', e.x('rs1')),
    setupi: (e) => setup(e, e.field('count')),
    setup: (e) => setup(e, e.x('rs1')),
  } satisfies Record<string, Meaning>;
}
