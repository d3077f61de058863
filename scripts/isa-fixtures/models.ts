/**
 * What instructions compute, written from the ISA manual with unbounded integers: the second opinion that the
 * fixtures of fixtures/isa hold against the definitions of src/isa. Operands are unsigned 32-bit values; results are
 * cut to 32 bits by the caller.
 */
export type Model = (a: bigint, b: bigint) => bigint;

export const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
export const s32 = (value: bigint): bigint => BigInt.asIntN(32, value);
const truth = (condition: boolean): bigint => (condition ? 1n : 0n);
/** Shift amounts use five bits. */
const amount = (b: bigint): bigint => b & 31n;
const ALL = 0xffff_ffffn;
const LOWEST = -(2n ** 31n);

/** Quotient or remainder as the M extension defines them for zero divisors and overflow; BigInt division truncates. */
const divide: Model = (a, b) => (b === 0n ? ALL : a === LOWEST && b === -1n ? a : a / b);
const remainder: Model = (a, b) => (b === 0n ? a : a === LOWEST && b === -1n ? 0n : a % b);

const bits = (a: bigint): bigint[] => Array.from({ length: 32 }, (_, i) => (a >> BigInt(i)) & 1n);

/** The 63-bit carry-less product. */
const carryless: Model = (a, b) => bits(b).reduce((sum, bit, i) => (bit ? sum ^ (a << BigInt(i)) : sum), 0n);

const rotateLeft: Model = (a, b) => (a << amount(b)) | (a >> (32n - amount(b)));

const bytesOf = (a: bigint): bigint[] => [0n, 8n, 16n, 24n].map((at) => (a >> at) & 0xffn);
const fromBytes = (bytes: readonly bigint[]): bigint =>
  bytes.reduce((word, byte, i) => word | (byte << BigInt(8 * i)), 0n);

/** Computational instructions on two registers, by extension. */
export const registerModels: Readonly<Record<string, Readonly<Record<string, Model>>>> = {
  i: {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    sll: (a, b) => a << amount(b),
    slt: (a, b) => truth(s32(a) < s32(b)),
    sltu: (a, b) => truth(a < b),
    xor: (a, b) => a ^ b,
    srl: (a, b) => a >> amount(b),
    sra: (a, b) => s32(a) >> amount(b),
    or: (a, b) => a | b,
    and: (a, b) => a & b,
  },
  m: {
    mul: (a, b) => a * b,
    mulh: (a, b) => (s32(a) * s32(b)) >> 32n,
    mulhsu: (a, b) => (s32(a) * b) >> 32n,
    mulhu: (a, b) => (a * b) >> 32n,
    div: (a, b) => divide(s32(a), s32(b)),
    divu: (a, b) => divide(a, b),
    rem: (a, b) => remainder(s32(a), s32(b)),
    remu: (a, b) => remainder(a, b),
  },
  zba: {
    sh1add: (a, b) => 2n * a + b,
    sh2add: (a, b) => 4n * a + b,
    sh3add: (a, b) => 8n * a + b,
  },
  zbb: {
    andn: (a, b) => a & ~b,
    orn: (a, b) => a | ~b,
    xnor: (a, b) => ~(a ^ b),
    max: (a, b) => (s32(a) > s32(b) ? a : b),
    maxu: (a, b) => (a > b ? a : b),
    min: (a, b) => (s32(a) < s32(b) ? a : b),
    minu: (a, b) => (a < b ? a : b),
    rol: rotateLeft,
    ror: (a, b) => rotateLeft(a, 32n - amount(b)),
  },
  zbc: {
    clmul: carryless,
    clmulh: (a, b) => carryless(a, b) >> 32n,
    clmulr: (a, b) => carryless(a, b) >> 31n,
  },
  zbs: {
    bclr: (a, b) => a & ~(1n << amount(b)),
    bext: (a, b) => (a >> amount(b)) & 1n,
    binv: (a, b) => a ^ (1n << amount(b)),
    bset: (a, b) => a | (1n << amount(b)),
  },
  zicond: {
    'czero.eqz': (a, b) => (b === 0n ? 0n : a),
    'czero.nez': (a, b) => (b === 0n ? a : 0n),
  },
};

const { i, zbb, zbs } = registerModels;

/** Instructions with a sign-extended 12-bit immediate. */
export const immediateModels: Readonly<Record<string, Model>> = {
  addi: i['add'],
  slti: i['slt'],
  sltiu: i['sltu'],
  xori: i['xor'],
  ori: i['or'],
  andi: i['and'],
};

/** Instructions with a 5-bit shift amount or bit number, by extension. */
export const shiftModels: Readonly<Record<string, Readonly<Record<string, Model>>>> = {
  i: { slli: i['sll'], srli: i['srl'], srai: i['sra'] },
  zbb: { rori: zbb['ror'] },
  zbs: { bclri: zbs['bclr'], bexti: zbs['bext'], binvi: zbs['binv'], bseti: zbs['bset'] },
};

/** Instructions on one register, by extension. */
export const unaryModels: Readonly<Record<string, Readonly<Record<string, (a: bigint) => bigint>>>> = {
  zbb: {
    clz: (a) => BigInt(32 - (a === 0n ? 0 : a.toString(2).length)),
    ctz: (a) => BigInt(bits(a).indexOf(1n) === -1 ? 32 : bits(a).indexOf(1n)),
    cpop: (a) => bits(a).reduce((sum, bit) => sum + bit, 0n),
    'sext.b': (a) => BigInt.asIntN(8, a),
    'sext.h': (a) => BigInt.asIntN(16, a),
    'zext.h': (a) => a & 0xffffn,
    'orc.b': (a) => fromBytes(bytesOf(a).map((byte) => (byte === 0n ? 0n : 0xffn))),
    rev8: (a) => fromBytes(bytesOf(a).toReversed()),
  },
};

/** Memory operations: the new word. */
export const amoModels: Readonly<Record<string, Model>> = {
  'amoswap.w': (_, b) => b,
  'amoadd.w': i['add'],
  'amoxor.w': i['xor'],
  'amoand.w': i['and'],
  'amoor.w': i['or'],
  'amomin.w': zbb['min'],
  'amomax.w': zbb['max'],
  'amominu.w': zbb['minu'],
  'amomaxu.w': zbb['maxu'],
};

/** CSR operations: the new CSR. */
export const csrModels: Readonly<Record<string, Model>> = {
  csrrw: (_, b) => b,
  csrrs: (a, b) => a | b,
  csrrc: (a, b) => a & ~b,
};

/** When a conditional branch is taken. */
export const branchModels: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  beq: (a, b) => a === b,
  bne: (a, b) => a !== b,
  blt: (a, b) => s32(a) < s32(b),
  bge: (a, b) => s32(a) >= s32(b),
  bltu: (a, b) => a < b,
  bgeu: (a, b) => a >= b,
};
