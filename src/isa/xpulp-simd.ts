/**
 * What the packed-SIMD Xpulp instructions mean, apart from their bits (CV32E40P manual, "PULP SIMD"): lanes of 8 or 16
 * bits, lane 0 lowest.
 */
import type { Binary, DotSigns, LaneOperation, Semantics, TimingClass } from './insn.ts';
import { half, toRd, type Meaning } from './xpulp.ts';

/** Width of a lane. */
export type Bits = 8 | 16;

/** The result for rs1 and a second operand `b` of the same shape. */
type VectorFormula = <V>(e: Semantics<V>, bits: Bits, b: V) => V;

interface VectorOperation {
  readonly formula: VectorFormula;
  readonly timing: TimingClass;
  /** The immediate of the `.sci` form is zero-extended. */
  readonly zeroExtended: boolean;
}

const lanes =
  (operation: LaneOperation): VectorFormula =>
  (e, bits, b) =>
    e.lanes(operation, bits, e.x('rs1'), b);
/** The comparison with its operands exchanged: greater as less, less or equal as greater or equal. */
const exchanged =
  (operation: 'lt' | 'ltu' | 'ge' | 'geu'): VectorFormula =>
  (e, bits, b) =>
    e.lanes(operation, bits, b, e.x('rs1'));
const bitwise =
  (operation: Binary): VectorFormula =>
  (e, _, b) =>
    e.binary(operation, e.x('rs1'), b);
const dot =
  (signs: DotSigns): VectorFormula =>
  (e, bits, b) =>
    e.dot(bits, signs, e.x('rs1'), b);
const accumulated =
  (signs: DotSigns): VectorFormula =>
  (e, bits, b) =>
    e.binary('add', e.x('rd'), e.dot(bits, signs, e.x('rs1'), b));

const signed = (formula: VectorFormula): VectorOperation => ({ formula, timing: 'alu', zeroExtended: false });
const unsigned = (formula: VectorFormula): VectorOperation => ({
  formula,
  timing: 'alu',
  zeroExtended: true,
});
const multiplied = (formula: VectorFormula, zeroExtended = false): VectorOperation => ({
  formula,
  timing: 'mul',
  zeroExtended,
});

/** The operations that exist for vectors, with a replicated scalar (`.sc`) and with an immediate (`.sci`). */
export const operations = {
  add: signed(lanes('add')),
  sub: signed(lanes('sub')),
  avg: signed(lanes('avg')),
  avgu: unsigned(lanes('avgu')),
  min: signed(lanes('min')),
  minu: unsigned(lanes('minu')),
  max: signed(lanes('max')),
  maxu: unsigned(lanes('maxu')),
  srl: unsigned(lanes('shr')),
  sra: unsigned(lanes('sar')),
  sll: unsigned(lanes('shl')),
  or: signed(bitwise('or')),
  xor: signed(bitwise('xor')),
  and: signed(bitwise('and')),
  dotup: multiplied(dot('uu'), true),
  dotusp: multiplied(dot('us')),
  dotsp: multiplied(dot('ss')),
  sdotup: multiplied(accumulated('uu'), true),
  sdotusp: multiplied(accumulated('us')),
  sdotsp: multiplied(accumulated('ss')),
  cmpeq: signed(lanes('eq')),
  cmpne: signed(lanes('ne')),
  cmpgt: signed(exchanged('lt')),
  cmpge: signed(lanes('ge')),
  cmplt: signed(lanes('lt')),
  cmple: signed(exchanged('ge')),
  cmpgtu: unsigned(exchanged('ltu')),
  cmpgeu: unsigned(lanes('geu')),
  cmpltu: unsigned(lanes('ltu')),
  cmpleu: unsigned(exchanged('geu')),
} satisfies Record<string, VectorOperation>;

export type VectorName = keyof typeof operations;

const and = <V>(e: Semantics<V>, a: V, mask: number): V => e.binary('and', a, e.constant(mask));
const shl = <V>(e: Semantics<V>, a: V, amount: number): V => e.binary('shl', a, e.constant(amount));
const sar = <V>(e: Semantics<V>, a: V, amount: number): V => e.binary('sar', a, e.constant(amount));
const shr = <V>(e: Semantics<V>, a: V, amount: number): V => e.binary('shr', a, e.constant(amount));
const or = <V>(e: Semantics<V>, parts: readonly V[]): V => parts.reduce((a, b) => e.binary('or', a, b));
/** The bits of `a` under the mask, and those of `b` elsewhere. */
const merge = <V>(e: Semantics<V>, mask: number, a: V, b: V): V => or(e, [and(e, a, mask), and(e, b, ~mask)]);

export const laneAbsolute = (bits: Bits): Meaning =>
  toRd((e) => e.lanes('abs', bits, e.x('rs1'), e.constant(0)));

/** Bits below the lane that field `zimm` selects. */
const laneShift = <V>(e: Semantics<V>, bits: Bits): V => shl(e, e.field('zimm'), bits === 16 ? 4 : 3);

/** Lane `zimm` of rs1, extended. */
export const extractLane = (bits: Bits, sign: boolean): Meaning =>
  toRd((e) => {
    const lane = e.binary('shr', e.x('rs1'), laneShift(e, bits));
    return sign ? sar(e, shl(e, lane, 32 - bits), 32 - bits) : and(e, lane, 2 ** bits - 1);
  });

/** Lane `zimm` of rd becomes the low lane of rs1. */
export const insertLane = (bits: Bits): Meaning =>
  toRd((e) => {
    const shift = e.bind(laneShift(e, bits));
    const mask = e.bind(e.binary('shl', e.constant(2 ** bits - 1), shift));
    const moved = e.binary('and', e.binary('shl', e.x('rs1'), shift), mask);
    return or(e, [e.binary('and', e.x('rd'), e.binary('xor', mask, e.constant(-1))), moved]);
  });

/** Lane numbers from 0 up. */
const indices = (bits: Bits): number[] => (bits === 16 ? [0, 1] : [0, 1, 2, 3]);

/** The lane of `value` with the number in `selector` (its low bits count), alone in the low bits. */
const laneAt = <V>(e: Semantics<V>, bits: Bits, value: V, selector: V): V => {
  const number = and(e, selector, 32 / bits - 1);
  return and(e, e.binary('shr', value, shl(e, number, bits === 16 ? 4 : 3)), 2 ** bits - 1);
};

/** Each lane of rs2 selects a lane of rs1. */
export const shuffle = (bits: Bits): Meaning =>
  toRd((e) =>
    or(
      e,
      indices(bits).map((i) => shl(e, laneAt(e, bits, e.x('rs1'), shr(e, e.x('rs2'), bits * i)), bits * i)),
    ),
  );

/** As `shuffle`, but the selector's next bit takes the lane from rs1 (1) or the old rd (0). */
export const shuffleTwo = (bits: Bits): Meaning =>
  toRd((e) =>
    or(
      e,
      indices(bits).map((i) => {
        const selector = e.bind(shr(e, e.x('rs2'), bits * i));
        const source = e.select(and(e, selector, 32 / bits), e.x('rs1'), e.x('rd'));
        return shl(e, laneAt(e, bits, source, selector), bits * i);
      }),
    ),
  );

/** Bits 0 and 1 of `zimm` select the halves of rs1 for lanes 0 and 1. */
export const shuffleHalves = toRd((e) =>
  or(
    e,
    indices(16).map((i) => shl(e, laneAt(e, 16, e.x('rs1'), shr(e, e.field('zimm'), i)), 16 * i)),
  ),
);

/** Byte 3 is byte `top` of rs1; pairs of bits of `zimm`, low to high, select bytes 0, 1 and 2. */
export const shuffleBytes = (top: number): Meaning =>
  toRd((e) =>
    or(
      e,
      indices(8).map((i) => {
        const selector = i === 3 ? e.constant(top) : shr(e, e.field('zimm'), 2 * i);
        return shl(e, laneAt(e, 8, e.x('rs1'), selector), 8 * i);
      }),
    ),
  );

/** The low or the high halves of rs1 (to the top) and rs2. */
export const pack = (which: 0 | 1): Meaning =>
  toRd((e) => or(e, [shl(e, half(e, 'rs1', which, false), 16), half(e, 'rs2', which, false)]));

/** The low bytes of rs1 and rs2 in the upper or lower half of rd. */
export const packBytes = (which: 0 | 1): Meaning =>
  toRd((e) => {
    const [a, b] = (['rs1', 'rs2'] as const).map((r) => and(e, e.x(r), 0xff));
    const pair = or(e, [shl(e, a, 8), b]);
    return which === 1 ? merge(e, 0xffff, e.x('rd'), shl(e, pair, 16)) : merge(e, 0xffff, pair, e.x('rd'));
  });

/** The product of two halves of rs1 and rs2. */
const product = <V>(e: Semantics<V>, a: 0 | 1, b: 0 | 1): V =>
  e.binary('mul', half(e, 'rs1', a, true), half(e, 'rs2', b, true));

/** Real (low half) or imaginary part of rs1 × rs2, shifted right by 15 + `divide`; the other half of rd stays. */
export const complexProduct = (part: 'real' | 'imaginary', divide: number): Meaning =>
  toRd((e) => {
    const sum =
      part === 'real'
        ? e.binary('sub', product(e, 0, 0), product(e, 1, 1))
        : e.binary('add', product(e, 0, 1), product(e, 1, 0));
    const result = sar(e, sum, 15 + divide);
    return part === 'real'
      ? merge(e, 0xffff, result, e.x('rd'))
      : merge(e, 0xffff, e.x('rd'), shl(e, result, 16));
  });

/** Negates the imaginary part. */
export const conjugate = toRd((e) => {
  const negated = e.binary('sub', e.constant(0), sar(e, e.x('rs1'), 16));
  return merge(e, 0xffff, e.x('rs1'), shl(e, negated, 16));
});

/** Both halves of a word shifted right, arithmetically. */
const halved = <V>(e: Semantics<V>, value: V, divide: number): V =>
  divide === 0 ? value : e.lanes('sar', 16, value, e.constant(divide * 0x1_0001));

/** (rs1 − rs2) × −j, divided by 2^`divide`. */
export const rotatedDifference = (divide: number): Meaning =>
  toRd((e) => {
    const difference = e.bind(e.lanes('sub', 16, e.x('rs1'), e.x('rs2')));
    const imaginary = shl(e, e.binary('sub', e.constant(0), difference), 16);
    return halved(e, or(e, [imaginary, shr(e, difference, 16)]), divide);
  });

/** rs1 ± rs2 by halves, divided by 2^`divide`. */
export const dividedSum = (operation: 'add' | 'sub', divide: number): Meaning =>
  toRd((e) => halved(e, e.lanes(operation, 16, e.x('rs1'), e.x('rs2')), divide));
