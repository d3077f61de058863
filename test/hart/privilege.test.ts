import { describe, expect, test } from 'vitest';
import type { Machine } from '../../src/cluster/machine.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { MACHINE, USER } from '../../src/hart/privilege.ts';
import { assemble, CODE, guest, HANDLER, type Line } from '../support/guest.ts';

const UNTOUCHED = 99;
const ILLEGAL = 2;
const WITHOUT_C = 'rv32ima_zicsr_zicntr_zifencei';

/** A machine at `lines` whose handler jumps to itself, all of memory open to user mode. */
function prepared(lines: readonly Line[], isa?: string): { machine: Machine; hart: Hart } {
  const machine = guest(lines, isa === undefined ? {} : { isa });
  machine.bus.poke(HANDLER, assemble([['jal', { rd: 0, imm: 0 }]]));
  const [hart] = machine.cluster.harts;
  hart.mcause = UNTOUCHED;
  hart.protection.pmp.writeAddress(0, -1);
  hart.protection.pmp.writeConfig(0, 0x1f);
  return { machine, hart };
}

/** Runs the lines, one instruction for each, in a mode, from x1 = 0 and x2 = all ones. */
function run(lines: readonly Line[], mode: number = MACHINE, prepare?: (hart: Hart) => void): Hart {
  const { machine, hart } = prepared(lines);
  hart.privilege = mode;
  hart.x[2] = -1;
  prepare?.(hart);
  machine.run(lines.length);
  return hart;
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** The registers of the manual's table that a hart with machine and user mode, PMP and triggers has. */
const MACHINE_CSRS = [
  ...range(0xf11, 0xf15), // mvendorid, marchid, mimpid, mhartid, mconfigptr
  0x300, // mstatus
  0x301, // misa
  ...range(0x304, 0x306), // mie, mtvec, mcounteren
  0x310, // mstatush
  ...range(0x340, 0x344), // mscratch, mepc, mcause, mtval, mip
  0x30a, // menvcfg
  0x31a, // menvcfgh
  ...range(0x3a0, 0x3a3), // pmpcfg0 to 3
  ...range(0x3b0, 0x3bf), // pmpaddr0 to 15
  0xb00, // mcycle
  ...range(0xb02, 0xb1f), // minstret, mhpmcounter3 to 31
  0xb80, // and their upper halves
  ...range(0xb82, 0xb9f),
  0x320, // mcountinhibit
  ...range(0x323, 0x33f), // mhpmevent3 to 31
  ...range(0x7a0, 0x7a2), // tselect, tdata1, tdata2
  0x7a4, // tinfo
];
const USER_CSRS = [...range(0xc00, 0xc1f), ...range(0xc80, 0xc9f)];

const ISA = 'rv32imac_zicsr_zifencei_zicntr';
const read = (csr: number): Line => ['csrrs', { rd: 5, csr, rs1: 0 }];
/** Sets no bit (x1 is 0), but counts as a write. */
const write = (csr: number): Line => ['csrrs', { rd: 5, csr, rs1: 1 }];
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
/** Bit 1 of misa. */
const letterB = (isa: string): number => ((prepared([], isa).hart.peekCsr(0x301) ?? 0) >> 1) & 1;

/** The numbers, of all 4096, that an instruction on a CSR reaches without a trap. */
function reached(mode: number, line: (csr: number) => Line, prepare: (hart: Hart) => void): number[] {
  const { machine, hart } = prepared([], ISA);
  prepare(hart);
  return range(0, 0xfff).filter((number) => {
    machine.bus.poke(CODE, assemble([line(number)]));
    hart.pc = CODE | 0;
    hart.privilege = mode;
    hart.mcause = UNTOUCHED;
    machine.run(1);
    if (hart.mcause !== UNTOUCHED) expect(hart.mcause).toBe(ILLEGAL);
    return hart.mcause === UNTOUCHED;
  });
}

describe('the CSRs', () => {
  test('that machine mode can read are those of the manual, delegation and mseccfg not among them', () => {
    expect(reached(MACHINE, read, () => undefined)).toEqual(sorted([...MACHINE_CSRS, ...USER_CSRS]));
  });
  test('that machine mode can write are those not numbered as read-only', () => {
    const writable = MACHINE_CSRS.filter((number) => number < 0xc00);
    expect(reached(MACHINE, write, () => undefined)).toEqual(sorted(writable));
  });
  test('that user mode can read are the counters which mcounteren shows', () => {
    expect(reached(USER, read, () => undefined)).toEqual([]);
    expect(reached(USER, read, (hart) => (hart.mcounteren = 0b1101))).toEqual([
      0xc00, 0xc02, 0xc03, 0xc80, 0xc82, 0xc83,
    ]);
    expect(reached(USER, read, (hart) => (hart.mcounteren = -1))).toEqual(USER_CSRS);
  });
  test('that user mode can write are none', () => {
    expect(reached(USER, write, (hart) => (hart.mcounteren = -1))).toEqual([]);
  });
  test('for tools are all that exist, in order', () => {
    const { hart } = prepared([], ISA);
    expect(hart.csrNumbers()).toEqual(sorted([...MACHINE_CSRS, ...USER_CSRS]));
  });
  test('of Zicntr exist only where the ISA has it', () => {
    const { hart } = prepared([], 'rv32i_zicsr');
    expect(hart.csrNumbers()).toEqual(sorted(MACHINE_CSRS));
  });
  test('read by a tool as by the hart, in user mode too, and nothing changes', () => {
    for (const number of [...MACHINE_CSRS, ...USER_CSRS]) {
      const { machine, hart } = prepared([read(number)]);
      hart.mscratch = 77;
      hart.privilege = USER;
      const peeked = hart.peekCsr(number);
      expect([hart.privilege, hart.pc, hart.mcause, hart.yielding]).toEqual([
        USER,
        CODE | 0,
        UNTOUCHED,
        false,
      ]);
      hart.privilege = MACHINE;
      machine.run(1);
      expect(hart.x[5]).toBe(peeked);
    }
    expect(prepared([]).hart.peekCsr(0x302)).toBeUndefined();
  });
  test('keep what is legal of all ones and of all zeros', () => {
    const expected: Readonly<Record<number, readonly [ones: number, zeros: number]>> = {
      0x300: [0x0022_1888, 0], // MIE, MPIE, MPP, MPRV, TW
      0x301: [0x4010_1105, 0x4010_1105], // i, m, a, c, u: fixed
      0x304: [0x888, 0],
      0x305: [-4, 0], // the mode 3 is reserved
      0x306: [-1, 0],
      0x30a: [0, 0],
      0x310: [0, 0],
      0x320: [-3, 0], // but for bit 1: time cannot be stopped
      0x323: [0, 0], // no event has that number
      0x340: [-1, 0],
      0x341: [-2, 0],
      0x342: [-1, 0],
      0x343: [-1, 0],
      0x344: [0, 0],
      0xb03: [-1, 0],
      0xb83: [-1, 0],
    };
    for (const [number, values] of Object.entries(expected)) {
      const csr = Number(number);
      const written = [2, 1].map((rs1) => {
        const { machine, hart } = prepared([['csrrw', { rd: 0, csr, rs1 }], read(csr)], ISA);
        hart.x[2] = -1;
        machine.run(2);
        return hart.x[5];
      });
      expect([csr, ...written]).toEqual([csr, ...values]);
    }
  });
  test('keep the old MPP where a mode is written that does not exist', () => {
    for (const [old, written, kept] of [
      [0, 1, 0],
      [3, 1, 3],
      [3, 2, 3],
      [3, 0, 0],
      [0, 3, 3],
    ]) {
      const hart = run([['csrrw', { rd: 0, csr: 0x300, rs1: 3 }]], MACHINE, (h) => {
        h.mstatus = old << 11;
        h.x[3] = written << 11;
      });
      expect((hart.mstatus >> 11) & 3).toBe(kept);
    }
  });
  test('misa names b for its three parts together', () => {
    expect([letterB('rv32i_zicsr_zba_zbb_zbs'), letterB('rv32i_zicsr_zba_zbb')]).toEqual([1, 0]);
  });
});

describe('mtvec', () => {
  test('in vectored mode sends exceptions to its base', () => {
    const hart = run([['ecall']], MACHINE, (h) => (h.mtvec = HANDLER | 1 | 0));
    expect(hart.pc).toBe(HANDLER | 0);
  });
});

describe('wfi in user mode', () => {
  test('sleeps where TW is 0, and a pending enabled interrupt is taken although MIE is 0', () => {
    const { machine, hart } = prepared([['wfi'], ['addi', { rd: 5, rs1: 0, imm: 9 }]]);
    hart.privilege = USER;
    hart.mstatus = 0;
    hart.mie = 1 << 3;
    machine.run(1);
    expect([hart.asleep, hart.mcause]).toEqual([true, UNTOUCHED]);
    machine.clint.setSoftware(0, true);
    machine.run(1);
    expect([hart.mcause, hart.mepc, hart.privilege, hart.x[5]]).toEqual([
      (1 << 31) | 3,
      (CODE + 4) | 0,
      MACHINE,
      0,
    ]);
  });
  test('is illegal where TW is 1, with the instruction in mtval', () => {
    const hart = run([['wfi']], USER, (h) => (h.mstatus = 1 << 21));
    expect([hart.mcause, hart.mtval, hart.mepc, hart.asleep]).toEqual([
      ILLEGAL,
      0x1050_0073,
      CODE | 0,
      false,
    ]);
  });
  test('is no concern of TW in machine mode', () => {
    expect(run([['wfi']], MACHINE, (h) => (h.mstatus |= 1 << 21)).asleep).toBe(true);
  });
});

describe('mret', () => {
  const MPIE = 1 << 7;
  const MPRV = 1 << 17;
  test.each([
    ['user mode, clearing MPRV', USER, MPRV | MPIE, MPIE | (1 << 3)],
    ['machine mode, keeping MPRV', MACHINE, MPRV | MPIE, MPRV | MPIE | (1 << 3)],
    ['a mode with interrupts disabled', MACHINE, 1 << 3, MPIE],
  ])('returns to %s, and leaves MPP at user mode and MPIE at 1', (_, mpp, before, after) => {
    const hart = run([['mret']], MACHINE, (h) => {
      h.mstatus = before | (mpp << 11);
      h.mepc = (CODE + 0x40) | 0;
    });
    expect([hart.privilege, hart.pc, hart.mstatus]).toEqual([mpp, (CODE + 0x40) | 0, after]);
  });
  test('is illegal in user mode, with the instruction in mtval', () => {
    const hart = run([['mret']], USER);
    expect([hart.mcause, hart.mtval]).toEqual([ILLEGAL, 0x3020_0073]);
  });
});

describe('a trap', () => {
  test('puts the mode into MPP and MIE into MPIE', () => {
    const hart = run([['ecall']], USER, (h) => (h.mstatus = (1 << 3) | (3 << 11)));
    expect([hart.mcause, hart.privilege, hart.mstatus]).toEqual([8, MACHINE, 1 << 7]);
  });
  test('on c.ebreak has the address of the instruction in mtval, and mepc does not skip it', () => {
    const hart = run([['c.nop', { imm: 0 }], ['c.ebreak']]);
    expect([hart.mcause, hart.mtval, hart.mepc]).toEqual([3, (CODE + 2) | 0, (CODE + 2) | 0]);
  });
  test('on an instruction that reaches past the end of memory names the half that is missing', () => {
    const { machine, hart } = prepared([]);
    const end = 0x8000_0000 + machine.config.dramBytes;
    machine.bus.poke(end - 2, Uint8Array.of(0x13, 0));
    hart.pc = (end - 2) | 0;
    machine.run(1);
    expect([hart.mcause, hart.mtval, hart.mepc]).toEqual([1, end | 0, (end - 2) | 0]);
  });
});

describe('a jump without the C extension', () => {
  test.each<[string, Line, number]>([
    ['jal', ['jal', { rd: 5, imm: 6 }], CODE + 6],
    ['jalr', ['jalr', { rd: 5, rs1: 10, imm: 2 }], CODE + 0x102],
    ['jalr, whose lowest bit is dropped first,', ['jalr', { rd: 5, rs1: 10, imm: 3 }], CODE + 0x102],
    ['jalr through its own link', ['jalr', { rd: 10, rs1: 10, imm: 2 }], CODE + 0x102],
    ['a taken branch', ['beq', { rs1: 0, rs2: 0, imm: -6 }], CODE - 6],
  ])('traps on %s to a half-aligned address, and links nothing', (_, line, target) => {
    const { machine, hart } = prepared([line], WITHOUT_C);
    hart.x[10] = (CODE + 0x100) | 0;
    machine.run(1);
    expect([hart.mcause, hart.mtval, hart.mepc, hart.x[5], hart.x[10]]).toEqual([
      0,
      target | 0,
      CODE | 0,
      0,
      (CODE + 0x100) | 0,
    ]);
  });
  test.each<[string, Line]>([
    ['a branch not taken', ['bne', { rs1: 0, rs2: 0, imm: 6 }]],
    ['jalr to an aligned address with the lowest bit set', ['jalr', { rd: 5, rs1: 10, imm: 1 }]],
  ])('does not trap on %s', (_, line) => {
    const { machine, hart } = prepared([line], WITHOUT_C);
    hart.x[10] = (CODE + 0x100) | 0;
    machine.run(1);
    expect(hart.mcause).toBe(UNTOUCHED);
  });
  test('returns from a trap to a multiple of 4: mepc has no bit 1', () => {
    const { machine, hart } = prepared([['csrrw', { rd: 0, csr: 0x341, rs1: 10 }]], WITHOUT_C);
    hart.x[10] = -1;
    machine.run(1);
    expect(hart.mepc).toBe(-4);
  });
});

describe('the 64-bit counters', () => {
  const low = { mcycle: 0xb00, minstret: 0xb02 } as const;

  test.each(['mcycle', 'minstret'] as const)('%s carries into its upper half', (name) => {
    const csr = low[name];
    const hart = run([
      ['csrrw', { rd: 0, csr: csr + 0x80, rs1: 1 }],
      ['csrrw', { rd: 0, csr, rs1: 2 }],
      ['addi', {}],
      ['csrrs', { rd: 5, csr, rs1: 0 }],
      ['csrrs', { rd: 6, csr: csr + 0x80, rs1: 0 }],
    ]);
    expect([hart.x[5], hart.x[6]]).toEqual([0, 1]);
  });
  test.each(['mcycle', 'minstret'] as const)('%s wraps around from 2^64 - 1', (name) => {
    const csr = low[name];
    const hart = run([
      ['csrrw', { rd: 0, csr, rs1: 2 }],
      ['csrrw', { rd: 0, csr: csr + 0x80, rs1: 2 }],
      ['csrrs', { rd: 4, csr: csr + 0x80, rs1: 0 }], // the last moment of 2^64 - 1
      ['csrrs', { rd: 5, csr, rs1: 0 }],
      ['csrrs', { rd: 6, csr: csr + 0x80, rs1: 0 }],
    ]);
    expect([hart.x[4], hart.x[5], hart.x[6]]).toEqual([-1, 0, 0]);
  });
  test('count a write to mcountinhibit that changes nothing', () => {
    const hart = run([
      ['csrrwi', { rd: 0, csr: 0x320, zimm: 0 }],
      ['csrrs', { rd: 5, csr: 0xb02, rs1: 0 }],
      ['csrrs', { rd: 6, csr: 0xb00, rs1: 0 }],
    ]);
    expect([hart.x[5], hart.x[6]]).toEqual([1, 2]);
  });
  test('are frozen one by one, and go on from where they stood', () => {
    const hart = run([
      ['csrrwi', { rd: 0, csr: 0x320, zimm: 1 }], // mcycle stands at 0
      ['addi', {}],
      ['csrrs', { rd: 5, csr: 0xb00, rs1: 0 }],
      ['csrrs', { rd: 6, csr: 0xb02, rs1: 0 }],
      ['csrrwi', { rd: 0, csr: 0x320, zimm: 0 }],
      ['csrrs', { rd: 7, csr: 0xb00, rs1: 0 }],
      ['csrrs', { rd: 8, csr: 0xb00, rs1: 0 }],
    ]);
    expect([hart.x[5], hart.x[6], hart.x[7], hart.x[8]]).toEqual([0, 3, 0, 1]);
  });
  test('time is mtime, whatever software has set it to', () => {
    const { machine, hart } = prepared([
      ['addi', {}],
      ['csrrs', { rd: 5, csr: 0xc01, rs1: 0 }],
      ['csrrs', { rd: 6, csr: 0xc81, rs1: 0 }],
    ]);
    machine.bus.store(0xffff_bffc, 4, 3, 0);
    machine.bus.store(0xffff_bff8, 4, 1000, 0);
    machine.run(3);
    expect([hart.x[5], hart.x[6]]).toEqual([1001, 3]);
  });
});
