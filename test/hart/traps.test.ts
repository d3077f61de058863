import { describe, expect, test } from 'vitest';
import { MachineError } from '../../src/errors.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { assemble, CODE, DATA, guest, HANDLER, li, type Line, wfiForever } from '../support/guest.ts';

const csr = {
  mstatus: 0x300,
  misa: 0x301,
  mie: 0x304,
  mcounteren: 0x306,
  minstret: 0xb02,
  cycle: 0xc00,
  mhartid: 0xf14,
};

/** Jumps to itself: the hart stays, awake. */
const stay: Line[] = [['jal', { rd: 0, imm: 0 }]];

/** Runs the lines and returns the hart in the trap handler, which does nothing. */
function trapOf(lines: readonly Line[], prepare?: (hart: Hart) => void): Hart {
  const machine = guest(lines);
  machine.bus.poke(HANDLER, assemble(stay));
  const [hart] = machine.cluster.harts;
  prepare?.(hart);
  machine.run(20);
  expect(hart.pc >>> 0).toBe(HANDLER);
  return hart;
}

/** Enters user mode at the lines behind the prologue. */
const inUser = (lines: readonly Line[], mcounteren = 0): Hart =>
  trapOf(
    [
      ...li(1, CODE + 24),
      ['csrrw', { rd: 0, csr: 0x341, rs1: 1 }],
      ['addi', {}],
      ['addi', {}],
      ['mret'],
      ...lines,
    ],
    (h) => {
      h.mstatus = 0; // MPP = user
      h.mcounteren = mcounteren;
      h.protection.pmp.writeAddress(0, -1);
      h.protection.pmp.writeConfig(0, 0x1f); // NAPOT, RWX: all of memory is open
    },
  );

describe('an exception', () => {
  test.each<[string, Line[], number, number, number]>([
    ['on ecall', [['ecall']], 11, 0, 0],
    ['on a load from nowhere', [...li(1, 0x4000_0000), ['lw', { rd: 2, rs1: 1, imm: 4 }]], 5, 0x4000_0004, 8],
    [
      'on a store to nowhere',
      [...li(1, 0x4000_0000), ['sb', { rs2: 2, rs1: 1, imm: -1 }]],
      7,
      0x3fff_ffff,
      8,
    ],
    ['on a store to the boot ROM', [...li(1, 0x1000), ['sw', { rs2: 2, rs1: 1, imm: 0 }]], 7, 0x1000, 8],
    ['on a misaligned AMO', [...li(1, DATA + 2), ['amoadd.w', { rd: 2, rs1: 1, rs2: 0 }]], 6, DATA + 2, 8],
    ['on a misaligned lr.w', [...li(1, DATA + 1), ['lr.w', { rd: 2, rs1: 1 }]], 4, DATA + 1, 8],
    [
      'on an AMO to a device',
      [...li(1, 0x1002_0000), ['amoadd.w', { rd: 2, rs1: 1, rs2: 0 }]],
      7,
      0x1002_0000,
      8,
    ],
    ['on a jump to nowhere', [['jalr', { rd: 1, rs1: 0, imm: 0x40 }]], 1, 0x40, -1],
    ['on ebreak', [['ebreak']], 3, CODE, 0],
    ['on a write to a read-only CSR', [['csrrw', { rd: 1, csr: csr.mhartid, rs1: 0 }]], 2, 0xf140_10f3, 0],
    ['on an unknown CSR', [['csrrs', { rd: 1, csr: 0x123, rs1: 0 }]], 2, 0x1230_20f3, 0],
    [
      'on a misaligned device access',
      [...li(1, 0x1002_01b1), ['lw', { rd: 2, rs1: 1, imm: 0 }]],
      5,
      0x1002_01b1,
      8,
    ],
  ])('%s records its cause', (_, lines, mcause, mtval, offset) => {
    const hart = trapOf(lines);
    expect(hart.mcause).toBe(mcause);
    expect(hart.mtval >>> 0).toBe(mtval);
    expect(hart.mepc >>> 0).toBe(offset < 0 ? 0x40 : CODE + offset);
  });
  test('leaves the destination register and the retired count alone', () => {
    const machine = guest([...li(1, 0x4000_0000), ['lw', { rd: 2, rs1: 1, imm: 0 }]]);
    machine.bus.poke(HANDLER, assemble([['csrrs', { rd: 5, csr: csr.minstret, rs1: 0 }], ...stay]));
    const [hart] = machine.cluster.harts;
    hart.x[2] = 77;
    machine.run(10);
    expect(hart.x[2]).toBe(77);
    expect(hart.x[5]).toBe(2);
  });
  test.each([
    ['a whole word', 0xffff_ffff],
    ['a halfword', 0x0000],
  ])('on an illegal instruction reports %s', (_, word) => {
    const machine = guest([]);
    machine.bus.poke(CODE, Uint8Array.of(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24));
    machine.bus.poke(HANDLER, assemble(stay));
    machine.run(1);
    const [hart] = machine.cluster.harts;
    expect([hart.mcause, hart.mtval >>> 0, hart.mepc >>> 0]).toEqual([2, word, CODE]);
  });
  test('with no handler ends the run with a sentence', () => {
    const machine = guest([...li(1, 0x4000_0000), ['lw', { rd: 2, rs1: 1, imm: 0 }]]);
    machine.cluster.harts[0].mtvec = 0;
    expect(() => machine.run()).toThrow(
      new MachineError(
        'load of 4 bytes from 0x40000000 by hart 0 at pc 0x80000008: nothing is mapped there; the guest has no trap handler (mtvec is 0)',
      ),
    );
  });
});

test('a handler that itself traps for ever ends the run instead of hanging it', () => {
  const machine = guest([['ecall']]); // the handler is memory of zeros: illegal instructions
  expect(() => machine.run()).toThrow(
    /^hart 0 traps for ever: the trap handler at 0x80002000 \(mtvec\) itself ends in illegal instruction/,
  );
});

describe('user mode', () => {
  test('calls the environment with cause 8 and comes from MPP 0', () => {
    const hart = inUser([['ecall']]);
    expect(hart.mcause).toBe(8);
    expect(hart.mstatus & 0x1800).toBe(0);
    expect(hart.privilege).toBe(3);
  });
  test('cannot touch machine CSRs', () => {
    expect(inUser([['csrrs', { rd: 1, csr: csr.mstatus, rs1: 0 }]]).mcause).toBe(2);
  });
  test('reads a counter only where mcounteren allows it', () => {
    expect(inUser([['csrrs', { rd: 1, csr: csr.cycle, rs1: 0 }], ['ecall']]).mcause).toBe(2);
    expect(inUser([['csrrs', { rd: 1, csr: csr.cycle, rs1: 0 }], ['ecall']], 1).mcause).toBe(8);
  });
  test('cannot return from a trap', () => {
    expect(inUser([['mret']]).mcause).toBe(2);
  });
});

describe('interrupts', () => {
  test('are taken when enabled, vectored by cause where mtvec says so', () => {
    const machine = guest(wfiForever);
    const [hart] = machine.cluster.harts;
    hart.mtvec = HANDLER | 1 | 0;
    hart.mie = 1 << 3;
    hart.mstatus |= 1 << 3;
    machine.run(1);
    machine.clint.setSoftware(0, true);
    machine.bus.poke(HANDLER + 12, assemble(stay));
    machine.run(1);
    expect(hart.mcause).toBe(-0x8000_0000 + 3);
    expect(hart.pc >>> 0).toBe(HANDLER + 12);
    expect(hart.mstatus & (1 << 3)).toBe(0);
  });
  test('pending but globally disabled end wfi without a trap', () => {
    const machine = guest([['wfi'], ['addi', { rd: 5, rs1: 0, imm: 9 }], ...wfiForever]);
    const [hart] = machine.cluster.harts;
    hart.mie = 1 << 3;
    machine.run(1);
    expect(hart.asleep).toBe(true);
    machine.clint.setSoftware(0, true);
    machine.run(1);
    expect(hart.x[5]).toBe(9);
  });
  test('of the timer arrive at mtimecmp exactly, whatever the quantum', () => {
    for (const quantum of [1, 7, 1000]) {
      const machine = guest(
        [
          ['addi', { rd: 5, rs1: 5, imm: 1 }],
          ['jal', { rd: 0, imm: -4 }],
        ],
        { quantum },
      );
      machine.bus.poke(HANDLER, assemble([['csrrs', { rd: 6, csr: csr.minstret, rs1: 0 }], ...stay]));
      const [hart] = machine.cluster.harts;
      hart.mie = 1 << 7;
      hart.mstatus |= 1 << 3;
      machine.bus.store(0xffff_4004, 4, 0, 0);
      machine.bus.store(0xffff_4000, 4, 501, 0);
      machine.run(600);
      expect(hart.x[6]).toBe(501);
    }
  });
});

describe('counters', () => {
  test('count retired instructions, and a written value is what the next instruction reads', () => {
    const machine = guest([
      ['csrrs', { rd: 5, csr: csr.minstret, rs1: 0 }],
      ['csrrw', { rd: 0, csr: csr.minstret, rs1: 1 }],
      ['csrrs', { rd: 6, csr: csr.minstret, rs1: 0 }],
    ]);
    const [hart] = machine.cluster.harts;
    hart.x[1] = 100;
    machine.run(3);
    expect([hart.x[5], hart.x[6]]).toEqual([0, 100]);
  });
  test('stand still while mcountinhibit says so', () => {
    const machine = guest([
      ['csrrwi', { rd: 0, csr: 0x320, zimm: 4 }],
      ['csrrs', { rd: 5, csr: csr.minstret, rs1: 0 }],
      ['addi', {}],
      ['csrrs', { rd: 6, csr: csr.minstret, rs1: 0 }],
    ]);
    const [hart] = machine.cluster.harts;
    machine.run(4);
    expect(hart.x[6]).toBe(hart.x[5]);
  });
});
