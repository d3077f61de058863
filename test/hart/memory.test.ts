import { describe, expect, test } from 'vitest';
import { assemble, CODE, DATA, execute, guest, li, type Line } from '../support/guest.ts';

const load = (name: string, imm: number): Line => [name, { rd: 5, rs1: 10, imm }];

describe('loads', () => {
  test.each([
    ['lb', 0, -1],
    ['lbu', 0, 0xff],
    ['lh', 0, -0x7f01],
    ['lhu', 0, 0x80ff],
    ['lw', 0, 0x7f12_80ff],
    ['lw', 1, 0x337f_1280], // misaligned
    ['lh', 3, 0x337f],
  ])('%s at offset %i extends as named', (name, offset, expected) => {
    const machine = guest([...li(10, DATA), load(name, offset)]);
    machine.bus.poke(DATA, Uint8Array.of(0xff, 0x80, 0x12, 0x7f, 0x33, 0x44));
    machine.run(3);
    expect(machine.cluster.harts[0].x[5]).toBe(expected);
  });
  test('may cross a page', () => {
    const machine = guest([...li(10, DATA + 0xffe), load('lw', 0)]);
    machine.bus.poke(DATA + 0xffe, Uint8Array.of(1, 2, 3, 4));
    machine.run(3);
    expect(machine.cluster.harts[0].x[5]).toBe(0x0403_0201);
  });
});

describe('stores', () => {
  test.each([
    ['sb', 1],
    ['sh', 2],
    ['sw', 4],
  ])('%s writes %i bytes, at any alignment', (name, bytes) => {
    for (const offset of [0, 1, 2, 3, 0xffe, 0xfff]) {
      const machine = guest([
        ...li(10, DATA + offset),
        ...li(11, 0x0403_0201),
        [name, { rs1: 10, rs2: 11, imm: 0 }],
      ]);
      machine.run(5);
      const expected = [1, 2, 3, 4, 0].map((value, i) => (i < bytes ? value : 0));
      expect([...machine.bus.bytes(DATA + offset, 5)]).toEqual(expected);
    }
  });
  test('to the zero memory vanish, and it reads as zero', () => {
    const machine = guest([
      ...li(10, 0x1003_0000),
      ['sw', { rs1: 10, rs2: 10, imm: 0 }],
      ['addi', { rd: 5, rs1: 0, imm: 7 }],
      load('lw', 0),
    ]);
    machine.run(5);
    expect(machine.cluster.harts[0].x[5]).toBe(0);
  });
});

describe('code that is stored to', () => {
  const patched = assemble([['addi', { rd: 5, rs1: 0, imm: 2 }]]);
  const word = new DataView(patched.buffer).getInt32(0, true);

  test('executes in its new form at once, fence.i or not', () => {
    const hart = execute(
      [
        ...li(10, CODE),
        ...li(11, word),
        ['addi', { rd: 5, rs1: 0, imm: 1 }], // at +16, run once before it is replaced
        ['bne', { rs1: 6, rs2: 0, imm: 16 }],
        ['sw', { rs1: 10, rs2: 11, imm: 16 }],
        ['addi', { rd: 6, rs1: 0, imm: 1 }],
        ['jal', { rd: 0, imm: -16 }],
      ],
      11,
    );
    expect(hart.x[5]).toBe(2);
  });

  test('is noticed when only the second half of an instruction across two pages changes', () => {
    const machine = guest([['jal', { rd: 0, imm: 0xffe }]]);
    machine.bus.poke(
      CODE + 0xffe,
      assemble([
        ['addi', { rd: 5, rs1: 0, imm: 1 }],
        ['jal', { rd: 0, imm: -4 }],
      ]),
    );
    const [hart] = machine.cluster.harts;
    machine.run(2);
    expect(hart.x[5]).toBe(1);
    machine.bus.store(CODE + 0x1000, 2, word >>> 16, 0);
    machine.run(2);
    expect(hart.x[5]).toBe(2);
  });
});
