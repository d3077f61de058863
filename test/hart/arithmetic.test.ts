import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { assemble, CODE, execute } from '../support/guest.ts';

const u = (v: number): bigint => BigInt(v >>> 0);
const s = (v: number): bigint => BigInt(v | 0);
const bit = (b: boolean): bigint => (b ? 1n : 0n);

/** The manual's arithmetic said again over unbounded integers. */
const model: Record<string, (a: number, b: number) => bigint> = {
  add: (a, b) => s(a) + s(b),
  sub: (a, b) => s(a) - s(b),
  and: (a, b) => u(a) & u(b),
  or: (a, b) => u(a) | u(b),
  xor: (a, b) => u(a) ^ u(b),
  sll: (a, b) => u(a) << (u(b) & 31n),
  srl: (a, b) => u(a) >> (u(b) & 31n),
  sra: (a, b) => s(a) >> (u(b) & 31n),
  slt: (a, b) => bit(s(a) < s(b)),
  sltu: (a, b) => bit(u(a) < u(b)),
  mul: (a, b) => s(a) * s(b),
  mulh: (a, b) => (s(a) * s(b)) >> 32n,
  mulhsu: (a, b) => (s(a) * u(b)) >> 32n,
  mulhu: (a, b) => (u(a) * u(b)) >> 32n,
  div: (a, b) => (b === 0 ? -1n : s(a) / s(b)),
  divu: (a, b) => (b === 0 ? -1n : u(a) / u(b)),
  rem: (a, b) => (b === 0 ? s(a) : s(a) % s(b)),
  remu: (a, b) => (b === 0 ? u(a) : u(a) % u(b)),
};

const edges = [0, 1, -1, 2, 0x7fff_ffff, -0x8000_0000, 0xffff, 0x1_0000, -0x1_0000];
const word = fc.oneof(fc.constantFrom(...edges), fc.integer());

describe('register arithmetic equals the same sum over unbounded integers', () => {
  test.each(Object.keys(model))('%s', (name) => {
    const machine = new Machine({ ...presets.bare, dramBytes: 1 << 20 });
    machine.bus.poke(CODE, assemble([[name, { rd: 3, rs1: 1, rs2: 2 }]]));
    const [hart] = machine.cluster.harts;
    fc.assert(
      fc.property(word, word, (a, b) => {
        hart.pc = CODE | 0;
        hart.x[1] = a;
        hart.x[2] = b;
        machine.run(1);
        expect(hart.x[3]).toBe(Number(BigInt.asIntN(32, model[name](a, b))));
      }),
      { numRuns: 300, examples: edges.flatMap((a) => edges.map((b): [number, number] => [a, b])) },
    );
  });
});

describe('immediate forms equal their register forms', () => {
  test.each([
    ['addi', 'add'],
    ['slti', 'slt'],
    ['sltiu', 'sltu'],
    ['xori', 'xor'],
    ['ori', 'or'],
    ['andi', 'and'],
  ])('%s', (name, register) => {
    fc.assert(
      fc.property(word, fc.integer({ min: -2048, max: 2047 }), (a, imm) => {
        const hart = execute([[name, { rd: 3, rs1: 1, imm }]], 1, (h) => {
          h.x[1] = a;
        });
        expect(hart.x[3]).toBe(Number(BigInt.asIntN(32, model[register](a, imm))));
      }),
      { numRuns: 15 },
    );
  });
});

test('x0 stays zero whatever is written to it', () => {
  const hart = execute([
    ['addi', { rd: 0, rs1: 0, imm: 5 }],
    ['add', { rd: 1, rs1: 0, rs2: 0 }],
  ]);
  expect(hart.x[0]).toBe(0);
  expect(hart.x[1]).toBe(0);
});

test('auipc adds to its own address and jalr clears the lowest bit of its target', () => {
  const hart = execute([
    ['auipc', { rd: 1, imm: 0x1000 }],
    ['auipc', { rd: 2, imm: 0 }],
    ['jalr', { rd: 2, rs1: 2, imm: 9 }], // rd is rs1: the target is taken first
  ]);
  expect(hart.x[1] >>> 0).toBe(CODE + 0x1000);
  expect(hart.pc >>> 0).toBe(CODE + 4 + 8);
  expect(hart.x[2] >>> 0).toBe(CODE + 12);
});

test('compressed calls link to the address two bytes on', () => {
  expect(execute([['c.jal', { imm: 16 }]], 1).x[1] >>> 0).toBe(CODE + 2);
});
