import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { assemble, CODE, DATA, type Line } from '../support/guest.ts';

const ISA = 'rv32imc_zicsr_zicond_zcb_zba_zbb_zbc_zbs';

const u = (v: number): bigint => BigInt(v >>> 0);
const s = (v: number): bigint => BigInt(v | 0);
const bits = (v: number): string => (v >>> 0).toString(2).padStart(32, '0');
const index = (v: number): bigint => u(v) & 31n;
const rotatedLeft = (v: number, by: bigint): bigint => (u(v) << by) | (u(v) >> (32n - by));
const bytesOf = (v: number): number[] => [0, 8, 16, 24].map((at) => (v >>> at) & 0xff);
const word32 = (bytes: readonly number[]): bigint =>
  bytes.reduce((sum, byte, i) => sum | (BigInt(byte) << BigInt(8 * i)), 0n);

/** The product of two polynomials over GF(2), whole. */
function carrylessProduct(a: number, b: number): bigint {
  let sum = 0n;
  for (let i = 0n; i < 32n; i++) if ((u(b) >> i) & 1n) sum ^= u(a) << i;
  return sum;
}

type Model = (a: number, b: number) => bigint;

/** The manual's text said again over unbounded integers and strings of bits; results are cut to 32 bits. */
const registerForms: Record<string, Model> = {
  sh1add: (a, b) => u(b) + 2n * u(a),
  sh2add: (a, b) => u(b) + 4n * u(a),
  sh3add: (a, b) => u(b) + 8n * u(a),
  andn: (a, b) => u(a) & ~u(b),
  orn: (a, b) => u(a) | ~u(b),
  xnor: (a, b) => ~(u(a) ^ u(b)),
  min: (a, b) => (s(a) < s(b) ? s(a) : s(b)),
  minu: (a, b) => (u(a) < u(b) ? u(a) : u(b)),
  max: (a, b) => (s(a) > s(b) ? s(a) : s(b)),
  maxu: (a, b) => (u(a) > u(b) ? u(a) : u(b)),
  rol: (a, b) => rotatedLeft(a, index(b)),
  ror: (a, b) => rotatedLeft(a, 32n - index(b)),
  clmul: carrylessProduct,
  clmulh: (a, b) => carrylessProduct(a, b) >> 32n,
  clmulr: (a, b) => carrylessProduct(a, b) >> 31n,
  bclr: (a, b) => u(a) & ~(1n << index(b)),
  bext: (a, b) => (u(a) >> index(b)) & 1n,
  binv: (a, b) => u(a) ^ (1n << index(b)),
  bset: (a, b) => u(a) | (1n << index(b)),
  'czero.eqz': (a, b) => (b === 0 ? 0n : u(a)),
  'czero.nez': (a, b) => (b === 0 ? u(a) : 0n),
};

const unaryForms: Record<string, (a: number) => bigint> = {
  clz: (a) => BigInt(`${bits(a)}1`.indexOf('1')),
  ctz: (a) => BigInt(`1${bits(a)}`.length - 1 - `1${bits(a)}`.lastIndexOf('1')),
  cpop: (a) => BigInt(bits(a).replaceAll('0', '').length),
  'sext.b': (a) => BigInt.asIntN(8, u(a)),
  'sext.h': (a) => BigInt.asIntN(16, u(a)),
  'zext.h': (a) => BigInt.asUintN(16, u(a)),
  'orc.b': (a) => word32(bytesOf(a).map((byte) => (byte === 0 ? 0 : 0xff))),
  rev8: (a) => word32(bytesOf(a).toReversed()),
};

const immediateForms: Record<string, string> = {
  rori: 'ror',
  bclri: 'bclr',
  bexti: 'bext',
  binvi: 'binv',
  bseti: 'bset',
};

const edges = [0, 1, -1, 2, 31, 32, 0x80, 0xff00, 0x7fff_ffff, -0x8000_0000, 0xffff, 0x1_0000, -0x1_0000];
const word = fc.oneof(fc.constantFrom(...edges), fc.integer());
const pairs = edges.flatMap((a) => edges.map((b): [number, number] => [a, b]));

/** A hart at CODE, where one instruction is; `run` executes it with the given registers. */
function hartWith(line: Line): (registers: Readonly<Record<number, number>>) => Hart {
  const machine = new Machine({ ...presets.bare, isa: ISA, dramBytes: 1 << 20 });
  machine.bus.poke(CODE, assemble([line]));
  const [hart] = machine.cluster.harts;
  return (registers) => {
    hart.pc = CODE | 0;
    for (const [register, value] of Object.entries(registers)) hart.x[Number(register)] = value;
    machine.run(1);
    return hart;
  };
}

const cut = (value: bigint): number => Number(BigInt.asIntN(32, value));

describe('two-operand bit manipulation equals the manual over unbounded integers', () => {
  test.each(Object.keys(registerForms))('%s', (name) => {
    const run = hartWith([name, { rd: 3, rs1: 1, rs2: 2 }]);
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(run({ 1: a, 2: b }).x[3]).toBe(cut(registerForms[name](a, b)));
      }),
      { numRuns: 300, examples: pairs },
    );
  });
  test.each(Object.keys(registerForms))('%s, the destination being an operand', (name) => {
    const [onFirst, onSecond] = [1, 2].map((rd) => hartWith([name, { rd, rs1: 1, rs2: 2 }]));
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(onFirst({ 1: a, 2: b }).x[1]).toBe(cut(registerForms[name](a, b)));
        expect(onSecond({ 1: a, 2: b }).x[2]).toBe(cut(registerForms[name](a, b)));
      }),
      { numRuns: 30 },
    );
  });
});

describe('one-operand bit manipulation equals the manual over unbounded integers', () => {
  test.each(Object.keys(unaryForms))('%s', (name) => {
    const run = hartWith([name, { rd: 3, rs1: 1 }]);
    fc.assert(
      fc.property(word, (a) => {
        expect(run({ 1: a }).x[3]).toBe(cut(unaryForms[name](a)));
      }),
      { numRuns: 300, examples: edges.map((a): [number] => [a]) },
    );
  });
});

describe('immediate bit manipulation equals the register form for every immediate', () => {
  test.each(Object.entries(immediateForms))('%s', (name, register) => {
    for (let shamt = 0; shamt < 32; shamt++) {
      const run = hartWith([name, { rd: 3, rs1: 1, shamt }]);
      for (const a of [...edges, 0x1234_5678]) {
        expect(run({ 1: a }).x[3]).toBe(cut(registerForms[register](a, shamt)));
      }
    }
  });
});

describe('Zcb', () => {
  test.each<[string, (a: number) => bigint]>([
    ['c.zext.b', (a) => BigInt.asUintN(8, u(a))],
    ['c.sext.b', unaryForms['sext.b']],
    ['c.zext.h', unaryForms['zext.h']],
    ['c.sext.h', unaryForms['sext.h']],
    ['c.not', (a) => ~u(a)],
  ])('%s works in place and takes two bytes', (name, model) => {
    const run = hartWith([name, { rd: 9, rs1: 9 }]);
    fc.assert(
      fc.property(word, (a) => {
        const hart = run({ 9: a });
        expect([hart.x[9], hart.pc]).toEqual([cut(model(a)), (CODE + 2) | 0]);
      }),
      { examples: edges.map((a): [number] => [a]) },
    );
  });
  test('c.mul is the low word of the product', () => {
    const run = hartWith(['c.mul', { rd: 8, rs1: 8, rs2: 15 }]);
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(run({ 8: a, 15: b }).x[8]).toBe(cut(u(a) * u(b)));
      }),
    );
  });
  const bytes = Uint8Array.of(0x81, 0x92, 0x03, 0xf4);
  test.each([
    ['c.lbu', 0, 0x81],
    ['c.lbu', 1, 0x92],
    ['c.lbu', 2, 0x03],
    ['c.lbu', 3, 0xf4],
    ['c.lhu', 0, 0x9281],
    ['c.lhu', 2, 0xf403],
    ['c.lh', 0, 0x9281 - 0x1_0000],
    ['c.lh', 2, 0xf403 - 0x1_0000],
  ])('%s reads at offset %i', (name, uimm, value) => {
    const machine = new Machine({ ...presets.bare, isa: ISA, dramBytes: 1 << 20 });
    machine.bus.poke(CODE, assemble([[name, { rd: 8, rs1: 9, uimm }]]));
    machine.bus.poke(DATA, bytes);
    const [hart] = machine.cluster.harts;
    hart.pc = CODE | 0;
    hart.x[9] = DATA | 0;
    machine.run(1);
    expect(hart.x[8]).toBe(value);
  });
  test.each([
    ['c.sb', 0, [0xd4, 0, 0, 0, 0]],
    ['c.sb', 1, [0, 0xd4, 0, 0, 0]],
    ['c.sb', 2, [0, 0, 0xd4, 0, 0]],
    ['c.sb', 3, [0, 0, 0, 0xd4, 0]],
    ['c.sh', 0, [0xd4, 0xc3, 0, 0, 0]],
    ['c.sh', 2, [0, 0, 0xd4, 0xc3, 0]],
  ])('%s writes at offset %i and nowhere else', (name, uimm, expected) => {
    const machine = new Machine({ ...presets.bare, isa: ISA, dramBytes: 1 << 20 });
    machine.bus.poke(CODE, assemble([[name, { rs2: 8, rs1: 9, uimm }]]));
    const [hart] = machine.cluster.harts;
    hart.pc = CODE | 0;
    hart.x[8] = 0xa1b2_c3d4 | 0;
    hart.x[9] = DATA | 0;
    machine.run(1);
    expect(Array.from(machine.bus.bytes(DATA, 5))).toEqual(expected);
  });
});
