/** Assembly sources of the instruction-set tests, in the macros of fixtures/isa/test.h, with results from the models. */
import {
  amoModels,
  branchModels,
  csrModels,
  immediateModels,
  type Model,
  registerModels,
  s32,
  shiftModels,
  u32,
  unaryModels,
} from './models.ts';
import { DATA, dataAt, randoms, Source } from './source.ts';
import { addXpulpSources } from './xpulp-sources.ts';

/** Values at which instructions differ: zero, ones, signs, halves, shift amounts, mixed bits. */
const CORNERS = [
  0n,
  1n,
  0xffff_ffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0x0000_8000n,
  0xffff_7fffn,
  0x0000_00ffn,
  31n,
  0x0123_4567n,
  0xfedc_ba98n,
];
const IMMEDIATES = [0, 1, -1, 2047, -2048, 0x555, -0x556, 31];
const AMOUNTS = [0, 1, 7, 8, 15, 16, 24, 31];

const pairs: readonly (readonly [bigint, bigint])[] = (() => {
  const random = randoms(0x0c7e_7001);
  return [
    ...CORNERS.flatMap((a) => CORNERS.map((b) => [a, b] as const)),
    ...Array.from({ length: 16 }, () => [random.next().value, random.next().value] as const),
  ];
})();
const singles: readonly bigint[] = [
  ...CORNERS,
  ...Array.from({ length: 32 }, (_, i) => 1n << BigInt(i)),
  0x0080_0000n,
  0x00ff_00ffn,
  0x7f80_017fn,
];

function register(source: Source, insn: string, model: Model): void {
  for (const [a, b] of pairs) source.test('TEST_RR', insn, model(a, b), a, b);
  for (const [a, b] of pairs.slice(-8)) {
    source.test('TEST_RR_RD_RS1', insn, model(a, b), a, b);
    source.test('TEST_RR_RD_RS2', insn, model(a, b), a, b);
    source.test('TEST_RR_SAME', insn, model(a, a), a);
  }
  source.test('TEST_RR_ZERO', insn, 3n, 5n);
}

function immediate(source: Source, insn: string, model: Model, values: readonly number[]): void {
  for (const value of values) {
    const operand = u32(BigInt(value));
    for (const a of CORNERS) source.test('TEST_IMM', insn, model(a, operand), a, value);
    source.test('TEST_IMM_RD_RS1', insn, model(CORNERS[9], operand), CORNERS[9], value);
    source.test('TEST_IMM_FROM_ZERO', insn, model(0n, operand), value);
  }
  source.test('TEST_IMM_ZERO', insn, 5n, 3);
}

function unary(source: Source, insn: string, model: (a: bigint) => bigint): void {
  for (const a of singles) source.test('TEST_R', insn, model(a), a);
  for (const a of CORNERS) source.test('TEST_R_RD_RS1', insn, model(a), a);
}

const LOADS = [
  ['lb', 1, true],
  ['lh', 2, true],
  ['lw', 4, true],
  ['lbu', 1, false],
  ['lhu', 2, false],
] as const;

function memory(source: Source): void {
  for (const [insn, bytes, signed] of LOADS) {
    for (let at = 0; at + bytes <= DATA.length; at++) {
      source.test('TEST_LD', insn, dataAt(at, bytes, signed), 'data', at);
      source.test('TEST_LD', insn, dataAt(at, bytes, signed), `data + ${DATA.length}`, at - DATA.length);
    }
    source.test('TEST_LD', insn, dataAt(0, bytes, signed), 'data - 2047', 2047);
    source.test('TEST_LD', insn, dataAt(0, bytes, signed), 'data + 2048', -2048);
    source.test('TEST_LD_RD_RS1', insn, dataAt(4, bytes, signed), 'data', 4);
  }
  const stores = { sb: 1, sh: 2, sw: 4 };
  for (const [insn, bytes] of Object.entries(stores)) {
    for (let at = 0; at + bytes <= 8; at++) {
      for (const [base, value] of [[0, 0xfedc_ba98n] as const, [2048, 0x8123_4567n] as const]) {
        const whole = BigInt.asUintN(8 * bytes, value) << BigInt(8 * at);
        source.test('TEST_ST', insn, u32(whole), u32(whole >> 32n), value, `scratch + ${base}`, at - base);
      }
    }
  }
}

function branches(source: Source): void {
  for (const [insn, taken] of Object.entries(branchModels)) {
    for (const [a, b] of pairs) source.test(taken(a, b) ? 'TEST_BR_TAKEN' : 'TEST_BR_NOT_TAKEN', insn, a, b);
  }
}

function upper(source: Source): void {
  for (const value of [0n, 1n, 0x7ffffn, 0x80000n, 0xfffffn, 0x12345n]) {
    const imm = `0x${value.toString(16)}`;
    source.test('TEST', 'a0', value << 12n, 0, 0, 0, `lui a0, ${imm}`);
    source.test('TEST', 'zero', 0n, 0, 0, 0, `lui zero, ${imm}`);
    source.test('TEST', 'a0', value << 12n, 0, 0, 0, `1: auipc a0, ${imm}; la a3, 1b; sub a0, a0, a3`);
  }
}

function atomics(source: Source): void {
  for (const [insn, model] of Object.entries(amoModels)) {
    for (const [a, b] of pairs) source.test('TEST_AMO', insn, model(a, b), a, b);
    for (const order of ['aq', 'rl', 'aqrl']) {
      source.test('TEST_AMO', `${insn}.${order}`, model(7n, 9n), 7n, 9n);
    }
  }
}

function csrs(source: Source): void {
  for (const [insn, model] of Object.entries(csrModels)) {
    for (const [old, value] of pairs) source.test('TEST_CSR', insn, model(old, value), old, value, 'a1');
    for (const old of CORNERS) {
      for (const imm of [0, 1, 16, 31]) {
        source.test('TEST_CSR', `${insn}i`, model(old, BigInt(imm)), old, 0, imm);
      }
    }
  }
}

/** Compressed forms: name, then the computation that the long form they expand to makes. */
function compressed(source: Source): void {
  const { add, sub, xor, or, and } = registerModels['i'];
  for (const [a, b] of pairs) {
    source.test('TEST_C', 'a0', b, a, 0, b, 'c.mv a0, a2');
    source.test('TEST_C', 'a0', add(a, b), a, 0, b, 'c.add a0, a2');
    for (const [insn, model] of Object.entries({ sub, xor, or, and })) {
      source.test('TEST_C', 'a0', model(a, b), a, 0, b, `c.${insn} a0, a2`);
    }
  }
  for (const a of CORNERS) {
    for (const imm of [1, -1, 15, 31, -32]) {
      const operand = BigInt(imm);
      source.test('TEST_C', 'a0', a + operand, a, 0, 0, `c.addi a0, ${imm}`);
      source.test('TEST_C', 'a0', operand, a, 0, 0, `c.li a0, ${imm}`);
      source.test('TEST_C', 'a0', a & operand, a, 0, 0, `c.andi a0, ${imm}`);
    }
    for (const shift of [1, 7, 16, 31]) {
      const by = BigInt(shift);
      source.test('TEST_C', 'a0', a << by, a, 0, 0, `c.slli a0, ${shift}`);
      source.test('TEST_C', 'a0', a >> by, a, 0, 0, `c.srli a0, ${shift}`);
      source.test('TEST_C', 'a0', s32(a) >> by, a, 0, 0, `c.srai a0, ${shift}`);
    }
  }
  for (const imm of [1n, 0x1fn, 0xf_ffe0n, 0xf_ffffn]) {
    source.test('TEST_C', 'a0', imm << 12n, 0, 0, 0, `c.lui a0, 0x${imm.toString(16)}`);
  }
  for (const imm of [16, 32, 64, 128, 256, 496, -16, -512]) {
    const body = `mv sp, a1; c.addi16sp sp, ${imm}; mv a0, sp`;
    source.test('TEST_C', 'a0', 0x1000n + BigInt(imm), 0, 0x1000n, 0, body);
  }
  for (const imm of [4, 8, 16, 32, 64, 128, 256, 512, 1020]) {
    source.test('TEST_C', 'a0', 0x1000n + BigInt(imm), 0, 0x1000n, 0, `mv sp, a1; c.addi4spn a0, sp, ${imm}`);
  }
  for (const offset of [0, 4, 8, 16, 32, 64, 124]) {
    const at = `la a1, data - ${offset}`;
    source.test('TEST_C', 'a0', dataAt(0, 4, true), 0, 0, 0, `${at}; c.lw a0, ${offset}(a1)`);
    source.test('TEST_C', 'a0', 0x1234_5678n, 0, 0, 0x1234_5678n, storeAndLoad(offset, 'a1', 'c.sw'));
  }
  for (const offset of [0, 4, 8, 16, 32, 64, 128, 252]) {
    const at = `la sp, data - ${offset}`;
    source.test('TEST_C', 'a0', dataAt(0, 4, true), 0, 0, 0, `${at}; c.lwsp a0, ${offset}(sp)`);
    source.test('TEST_C', 'a0', 0x8765_4321n, 0, 0, 0x8765_4321n, storeAndLoad(offset, 'sp', 'c.swsp'));
  }
  for (const a of CORNERS) {
    source.test('TEST_C', 'a4', a === 0n ? 1n : 0n, 0, a, 0, isTaken('c.beqz'));
    source.test('TEST_C', 'a4', a === 0n ? 0n : 1n, 0, a, 0, isTaken('c.bnez'));
  }
}

/** Stores a2 through a compressed store and reads it back with a plain load. */
const storeAndLoad = (offset: number, base: string, insn: string): string =>
  `la ${base}, scratch - ${offset}; ${insn} a2, ${offset}(${base}); la a1, scratch; lw a0, 0(a1)`;

/** Leaves 1 in a4 when the branch on a1 is taken, else 0. */
const isTaken = (insn: string): string => `mv a0, a1; li a4, 1; ${insn} a0, 2f; li a4, 0; 2:`;

/** A store to the zeroed word at a1, which is read back to a3. */
const inScratch = (insn: string): string => `la a1, scratch; sw zero, 0(a1); ${insn}; lw a3, 0(a1)`;

/** Zcb forms on one register: the number of the operation in the word, and what it computes. */
function zcbUnary(source: Source, forms: readonly (readonly [number, (a: bigint) => bigint])[]): void {
  for (const [funct, model] of forms) {
    for (const a of singles) source.test('TEST_C', 'a0', model(a), a, 0, 0, `ZCB_UNARY(${funct})`);
  }
}

function zcb(source: Source): void {
  zcbUnary(source, [
    [0, (a) => a & 0xffn], // c.zext.b
    [5, (a) => ~a], // c.not
  ]);
  for (const [a, b] of pairs) source.test('TEST_C', 'a0', a * b, a, b, 0, 'ZCB_MUL');
  for (const offset of [0, 1, 2, 3]) {
    for (const at of [0, 4, 8]) {
      const base = `la a1, data + ${at}`;
      const byte = dataAt(at + offset, 1, false);
      source.test('TEST_C', 'a0', byte, 0, 0, 0, `${base}; ZCB_BYTE(0, ${offset})`); // c.lbu
      if (offset % 2 === 1) continue;
      const [unsigned, signed] = [false, true].map((sign) => dataAt(at + offset, 2, sign));
      source.test('TEST_C', 'a0', unsigned, 0, 0, 0, `${base}; ZCB_HALF(1, 0, ${offset})`); // c.lhu
      source.test('TEST_C', 'a0', signed, 0, 0, 0, `${base}; ZCB_HALF(1, 1, ${offset})`); // c.lh
    }
    const stored = (mask: bigint): bigint => (0xfedc_ba98n & mask) << BigInt(8 * offset);
    source.test('TEST_C', 'a3', stored(0xffn), 0xfedc_ba98n, 0, 0, inScratch(`ZCB_BYTE(2, ${offset})`)); // c.sb
    if (offset % 2 === 1) continue;
    source.test('TEST_C', 'a3', stored(0xffffn), 0xfedc_ba98n, 0, 0, inScratch(`ZCB_HALF(3, 0, ${offset})`)); // c.sh
  }
}

/** Sources by the name of the test program they make, `rv32ui-p-register` and so on. */
export function isaSources(): Record<string, string> {
  const sources: Record<string, string> = {};
  const add = (name: string, fill: (source: Source) => void): void => {
    const source = new Source();
    fill(source);
    sources[name] = source.text();
  };
  for (const [extension, models] of Object.entries(registerModels)) {
    add(`rv32u${extension}-p-register`, (source) => {
      for (const [insn, model] of Object.entries(models)) register(source, insn, model);
    });
  }
  for (const [extension, models] of Object.entries(shiftModels)) {
    add(`rv32u${extension}-p-immediate`, (source) => {
      if (extension === 'i') {
        for (const [insn, model] of Object.entries(immediateModels)) {
          immediate(source, insn, model, IMMEDIATES);
        }
      }
      for (const [insn, model] of Object.entries(models)) immediate(source, insn, model, AMOUNTS);
    });
  }
  for (const [extension, models] of Object.entries(unaryModels)) {
    add(`rv32u${extension}-p-unary`, (source) => {
      for (const [insn, model] of Object.entries(models)) unary(source, insn, model);
    });
  }
  add('rv32ui-p-memory', memory);
  add('rv32ui-p-branch', branches);
  add('rv32ui-p-upper', upper);
  add('rv32ua-p-amo', atomics);
  add('rv32uzicsr-p-csr', csrs);
  add('rv32uc-p-compressed', compressed);
  add('rv32uzcb-p-compressed', zcb);
  const { 'sext.b': sextB, 'sext.h': sextH, 'zext.h': zextH } = unaryModels['zbb'];
  add('rv32uzcb_zbb-p-extend', (source) =>
    zcbUnary(source, [
      [1, sextB], // c.sext.b
      [2, zextH], // c.zext.h
      [3, sextH], // c.sext.h
    ]),
  );
  addXpulpSources(add);
  return sources;
}
