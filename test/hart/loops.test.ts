import { describe, expect, test } from 'vitest';
import { MachineError } from '../../src/errors.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { bareHart } from '../support/bare-hart.ts';
import { assemble, type Line } from '../support/guest.ts';

const CORE_V = 'rv32imac_zicsr_zifencei_xcvalu_xcvbi_xcvbitmanip_xcvelw_xcvhwlp_xcvmac_xcvmem_xcvsimd';
const OLDER = 'rv32imac_zicsr_zifencei_xpulpv2';
const CODE = 0x4000;
const HANDLER = 0x8000;
const MSIP = 1 << 3;

const addi = (rd: number, imm = 1): Line => ['addi', { rd, rs1: rd, imm }];
const nop: Line = ['addi', {}];
/** `x5` counts what is in a body, `x6` what is behind it. */
const body: Line[] = [addi(5), nop, nop];
const setupi = (loop: number, count: number, offset: number): Line => ['cv.setupi', { loop, count, offset }];

function prepared(lines: readonly Line[], isa: string, handler: readonly Line[] = []) {
  const bare = bareHart(isa);
  bare.bus.poke(CODE, assemble(lines));
  bare.bus.poke(HANDLER, assemble(handler));
  bare.hart.mtvec = HANDLER;
  return bare;
}

/** Runs lines until control has passed their end; traps are an error unless there is a handler. */
function run(
  lines: readonly Line[],
  {
    isa = CORE_V,
    handler = [],
    each,
  }: { isa?: string; handler?: readonly Line[]; each?: (hart: Hart, step: number) => void } = {},
): Hart {
  const bare = prepared(lines, isa, handler);
  const end = CODE + assemble(lines).length;
  bare.hart.pc = CODE;
  for (let step = 0; bare.hart.pc !== end; step++) {
    if (step > 20_000) throw new Error(`still at pc 0x${bare.hart.pc.toString(16)}`);
    each?.(bare.hart, step);
    bare.run(bare.hart.pc, 1);
  }
  return bare.hart;
}

const registersOf = ({ x }: Hart): number[] => [...x.subarray(0, 32)];

describe('a loop', () => {
  test.each([
    [0, 1],
    [1, 1],
    [2, 2],
    [31, 31],
    [4095, 4095],
  ])('with count %i runs its body %i times', (count, times) => {
    const hart = run([setupi(0, count, 16), ...body, addi(6)]);
    expect([hart.x[5], hart.x[6], hart.loops.get(0, 'count')]).toEqual([times, 1, 0]);
  });
  test('counts without sign', () => {
    const bare = prepared([['cv.setup', { loop: 0, rs1: 7, offset: 16 }], ...body, addi(6)], CORE_V);
    bare.hart.x[7] = -1;
    expect(bare.run(CODE, 31)).toBe(31);
    expect(bare.hart.x[5]).toBe(10);
    expect(bare.hart.loops.get(0, 'count')).toBe(-11);
  });
  test('shows in lpcount the passes still to go, the present one included', () => {
    const seen: number[] = [];
    const lines: Line[] = [setupi(1, 5, 16), ['csrrs', { rd: 8, csr: 0xcc6, rs1: 0 }], nop, nop];
    run(lines, { each: ({ pc, x }) => pc === CODE + 8 && seen.push(x[8]) });
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });
  test('keeps start and end at its exit, and entered again without a count runs once', () => {
    const lines: Line[] = [setupi(0, 3, 16), ...body, addi(6), ['cv.bneimm', { rs1: 6, simm: 2, imm: -16 }]];
    const hart = run(lines);
    expect([hart.x[5], hart.x[6]]).toEqual([4, 2]);
    expect([0, 1].map((l) => hart.loops.get(l, 'start'))).toEqual([CODE + 4, 0]);
  });
  test('may have any kind of instruction as its last that does not jump', () => {
    const ends: Line[] = [
      ['lw', { rd: 9, rs1: 10, imm: 0 }],
      ['cv.sw.ri.post', { rs2: 9, rs1: 10, imm: 4 }],
      ['amoadd.w', { rd: 9, rs1: 10, rs2: 5 }],
      ['csrrw', { rd: 9, csr: 0x340, rs1: 5 }],
      ['cv.setupi', { loop: 1, count: 0, offset: 4 }],
      ['div', { rd: 9, rs1: 5, rs2: 5 }],
    ];
    for (const end of ends) {
      const lines: Line[] = [['lui', { rd: 10, imm: 0x10000 }], setupi(0, 7, 16), addi(5), nop, end];
      expect(run(lines).x[5], end[0]).toBe(7);
    }
  });
  test('can be set up by single instructions with registers, which drop the low address bits', () => {
    const lines: Line[] = [
      ['auipc', { rd: 7, imm: 0 }],
      addi(7, 24 + 3),
      addi(8, 4),
      ['cv.start', { loop: 1, rs1: 7 }],
      ['cv.endi', { loop: 1, offset: 20 }],
      ['cv.count', { loop: 1, rs1: 8 }],
      ...body,
    ];
    const hart = run(lines);
    expect([hart.x[5], hart.loops.get(1, 'start')]).toEqual([4, CODE + 24]);
  });
  test('nested in another runs its count in each pass of the outer one', () => {
    const hart = run([setupi(1, 3, 32), setupi(0, 4, 16), ...body, addi(7), nop, addi(8), addi(6)]);
    expect([5, 6, 7, 8].map((i) => hart.x[i])).toEqual([12, 1, 3, 3]);
  });
});

describe('the set-up whose end is itself', () => {
  test('does not count at once, however often it runs', () => {
    const bare = prepared([setupi(0, 5, 4)], CORE_V);
    for (let i = 0; i < 3; i++) {
      bare.hart.loops.reset();
      bare.run(CODE, 1);
      expect([bare.hart.pc, bare.hart.loops.get(0, 'count')]).toEqual([CODE + 4, 5]);
    }
  });
});

describe('the set-up at an address that is 2 modulo 4', () => {
  const lines: Line[] = [['c.nop', { imm: 0 }], setupi(0, 5, 16), ...body, addi(6)];
  test('drops the low address bits', () => {
    const bare = prepared(lines, CORE_V);
    bare.run(CODE, 2);
    const csr = (number: number): number | undefined => bare.hart.csr(number, 'set', 0, false);
    expect([csr(0xcc0), csr(0xcc1), csr(0xcc2)]).toEqual([CODE + 4, CODE + 16, 5]);
  });
  test('is reported when the body is entered', () => {
    expect(() => run(lines)).toThrow('the instruction that set it up, at 0x00004002, is not 4-byte aligned');
  });
});

/** Counts in x20, acknowledges by disabling, and returns. */
const acknowledge: Line[] = [addi(20), ['csrrci', { rd: 0, csr: 0x304, zimm: MSIP }], ['mret']];

const nested: Line[] = [
  setupi(1, 3, 40),
  addi(5),
  setupi(0, 4, 20),
  addi(6),
  nop,
  addi(7, 3),
  ['add', { rd: 8, rs1: 8, rs2: 7 }],
  addi(9),
  nop,
  ['add', { rd: 10, rs1: 10, rs2: 8 }],
  nop,
];

describe('an interrupt', () => {
  test('at any moment of a nested loop changes nothing', () => {
    const expected = run(nested);
    let moments = 0;
    run(nested, { each: () => moments++ });
    expect(moments).toBe(1 + 3 * (2 + 4 * 4 + 3) + 1);
    for (let moment = 0; moment < moments; moment++) {
      const hart = run(nested, {
        handler: acknowledge,
        each: (h, step) => {
          if (step !== moment) return;
          h.mstatus |= 8;
          h.mie = MSIP;
          h.mip = MSIP;
        },
      });
      expect(hart.x[20], `moment ${moment}`).toBe(1);
      hart.x[20] = 0;
      expect(registersOf(hart)).toEqual(registersOf(expected));
      expect([...hart.loops.registers]).toEqual([...expected.loops.registers]);
    }
  });
});

describe('an exception in a nested loop', () => {
  /** Goes on behind the trapping instruction. */
  const skip: Line[] = [
    addi(20),
    ['csrrs', { rd: 21, csr: 0x341, rs1: 0 }],
    addi(21, 4),
    ['csrrw', { rd: 0, csr: 0x341, rs1: 21 }],
    ['mret'],
  ];
  /** As the manual asks: where the trap is at the end of loop 0, does what the loop would have done. */
  const skipToStart: Line[] = [
    addi(20),
    ['csrrs', { rd: 21, csr: 0x341, rs1: 0 }],
    addi(21, 4),
    ['csrrs', { rd: 22, csr: 0xcc1, rs1: 0 }],
    ['bne', { rs1: 21, rs2: 22, imm: 24 }],
    ['csrrs', { rd: 22, csr: 0xcc2, rs1: 0 }],
    addi(22, -1),
    ['cv.count', { loop: 0, rs1: 22 }],
    ['beq', { rs1: 22, rs2: 0, imm: 8 }],
    ['csrrs', { rd: 21, csr: 0xcc0, rs1: 0 }],
    ['csrrw', { rd: 0, csr: 0x341, rs1: 21 }],
    ['mret'],
  ];
  const withEcall = (at: number): Line[] => nested.map((line, i) => (i === at ? ['ecall'] : line));
  const withNop = (at: number): Line[] => nested.map((line, i) => (i === at ? nop : line));
  const positions = nested.map((_, i) => i).filter((i) => i !== 0 && i !== 2);
  const LAST_INNER = 6;
  const LAST_OUTER = 9;

  test.each(positions.filter((i) => i !== LAST_INNER && i !== LAST_OUTER))(
    'at position %i leaves the loops alone',
    (at) => {
      const [hart, expected] = [run(withEcall(at), { handler: skip }), run(withNop(at))];
      expect(hart.x[20]).toBeGreaterThan(0);
      for (const r of [20, 21]) hart.x[r] = 0;
      expect(registersOf(hart)).toEqual(registersOf(expected));
      expect([...hart.loops.registers]).toEqual([...expected.loops.registers]);
    },
  );
  test('at the end of a body leaves the loop when the handler skips it, the count unchanged', () => {
    const hart = run([setupi(0, 5, 16), addi(5), nop, ['ecall'], addi(6)], { handler: skip });
    expect([hart.x[5], hart.x[6], hart.loops.get(0, 'count')]).toEqual([1, 1, 5]);
  });
  test('at the end of a body goes on as it should with the handler that the manual asks for', () => {
    const [hart, expected] = [run(withEcall(LAST_INNER), { handler: skipToStart }), run(withNop(LAST_INNER))];
    expect(hart.x[20]).toBe(12);
    for (const r of [20, 21, 22]) hart.x[r] = 0;
    expect(registersOf(hart)).toEqual(registersOf(expected));
  });
  test('by a load is repeated after the handler has made it possible', () => {
    const lines: Line[] = [setupi(0, 3, 16), addi(5), nop, ['cv.lw.ri.post', { rd: 9, rs1: 10, imm: 4 }]];
    const hart = run(lines, {
      handler: [addi(20), ['lui', { rd: 10, imm: 0x10000 }], ['mret']],
      each: (h, step) => {
        if (step === 0) h.x[10] = 0x3000_0000;
      },
    });
    expect([hart.x[5], hart.x[10], hart.x[20]]).toEqual([3, 0x1_000c, 1]);
  });
});

describe('a broken rule', () => {
  const loop = (lines: readonly Line[]): Line[] => [setupi(0, 5, 4 + 4 * lines.length), ...lines, nop];
  const jump: Line = ['jal', { rd: 0, imm: 4 }];
  test.each<[string, readonly Line[], string]>([
    ['a body of one', loop([nop]), 'its body must have at least three instructions'],
    ['a body of two', loop([nop, nop]), 'its body must have at least three instructions'],
    ['an end before the start', [setupi(0, 5, 0), nop, nop, nop], 'its end does not lie behind its start'],
    ['a jump', loop([nop, jump, nop]), 'its body holds a jump or branch (jal at 0x00004008)'],
    [
      'a branch',
      loop([nop, nop, ['beq', { rs1: 0, rs2: 5, imm: 8 }]]),
      'a jump or branch (beq at 0x0000400c)',
    ],
    [
      'a branch of Xpulp',
      loop([nop, ['cv.beqimm', { imm: 8 }], nop]),
      'a jump or branch (cv.beqimm at 0x00004008)',
    ],
    ['a fence', loop([nop, ['fence', {}], nop]), 'its body holds fence at 0x00004008'],
    ['a fence.i', loop([nop, ['fence.i', {}], nop]), 'its body holds fence.i at 0x00004008'],
    ['a wfi', loop([nop, ['wfi'], nop]), 'its body holds wfi at 0x00004008'],
    ['an mret', loop([nop, nop, ['mret']]), 'its body holds mret at 0x0000400c'],
    [
      'a compressed instruction',
      loop([nop, ['c.nop', { imm: 0 }], ['c.nop', { imm: 0 }], nop]).with(0, setupi(0, 5, 16)),
      'its body holds a compressed instruction (c.nop at 0x00004008)',
    ],
    [
      'a write of its own count',
      loop([nop, ['cv.counti', { loop: 0, count: 3 }], nop]),
      'its body changes its own registers (cv.counti at 0x00004008)',
    ],
    [
      'equal ends',
      [setupi(1, 3, 24), nop, setupi(0, 4, 16), ...body, nop],
      'the ends of nested loops must lie at least 8 bytes apart',
    ],
    [
      'ends four bytes apart',
      [setupi(1, 3, 28), nop, setupi(0, 4, 16), ...body, nop, nop],
      'the ends of nested loops must lie at least 8 bytes apart',
    ],
  ])('by %s stops the machine with a sentence', (_, lines, sentence) => {
    const start =
      /^hardware loop [01] from 0x[0-9a-f]{8} to 0x[0-9a-f]{8}, entered by hart 0 at pc 0x[0-9a-f]{8}: /;
    expect(() => run(lines)).toThrow(MachineError);
    expect(() => run(lines)).toThrow(sentence);
    expect(() => run(lines)).toThrow(start);
  });
  test('harms nobody while the count is 0', () => {
    expect(run([setupi(0, 0, 8), addi(5), jump, addi(6)]).x[6]).toBe(1);
  });
  test('harms nobody while the body is not entered', () => {
    const past: Line = ['jal', { rd: 0, imm: 12 }];
    expect(
      run([
        ['cv.starti', { loop: 0, offset: 12 }],
        ['cv.endi', { loop: 0, offset: 12 }],
        ['cv.counti', { loop: 0, count: 2 }],
        past,
        nop,
        nop,
        addi(6),
      ]).x[6],
    ).toBe(1);
  });
});

/** The cause of the trap that the instruction takes. */
const trapOf = (line: Line, isa: string): number => {
  const bare = prepared([line], isa);
  bare.run(CODE, 1);
  return bare.hart.mcause;
};

describe('the loop CSRs', () => {
  test.each<[string, Line]>([
    ['csrrw', ['csrrw', { rd: 5, csr: 0xcc0, rs1: 0 }]],
    ['csrrs with a register that holds 0', ['csrrs', { rd: 5, csr: 0xcc2, rs1: 6 }]],
    ['csrrci with a mask', ['csrrci', { rd: 5, csr: 0xcc5, zimm: 1 }]],
    ['the number 0xcc3', ['csrrs', { rd: 5, csr: 0xcc3, rs1: 0 }]],
    ['the older number 0x7c0', ['csrrs', { rd: 5, csr: 0x7c0, rs1: 0 }]],
    ['the number 0x800', ['csrrs', { rd: 5, csr: 0x800, rs1: 0 }]],
  ])('of CORE-V refuse %s', (_, line) => {
    expect(trapOf(line, CORE_V)).toBe(2);
  });
  test.each([0xcc0, 0xcc1, 0xcc2, 0xcc4, 0xcc5, 0xcc6, 0xcd0])('of CORE-V are 0 after reset: 0x%s', (csr) => {
    const hart = run([addi(5), ['csrrs', { rd: 5, csr, rs1: 0 }]]);
    expect(hart.x[5]).toBe(0);
  });
  test('show the hart and its privilege beside them', () => {
    expect(run([['csrrsi', { rd: 5, csr: 0xcd1, zimm: 0 }]]).x[5]).toBe(3);
  });
  test.each([0xcc0, 0x7c0, 0xcd0])('are absent without the extension: 0x%s', (csr) => {
    expect(trapOf(['csrrs', { rd: 5, csr, rs1: 0 }], 'rv32imac_zicsr')).toBe(2);
  });
  test('of the older family are written like any other, and start loops', () => {
    const lines: Line[] = [
      ['auipc', { rd: 7, imm: 0 }],
      addi(7, 28),
      ['csrrw', { rd: 0, csr: 0x7c4, rs1: 7 }],
      addi(7, 4),
      ['csrrw', { rd: 0, csr: 0x7c5, rs1: 7 }],
      ['csrrwi', { rd: 0, csr: 0x7c6, zimm: 6 }],
      nop,
      addi(5),
      addi(6),
    ];
    const hart = run(lines, { isa: OLDER });
    expect([hart.x[5], hart.x[6]]).toEqual([6, 6]);
    expect(trapOf(['csrrs', { rd: 5, csr: 0xcc0, rs1: 0 }], OLDER)).toBe(2);
  });
  test('make misa show extensions outside the standard', () => {
    const read: Line[] = [['csrrs', { rd: 5, csr: 0x301, rs1: 0 }]];
    expect(run(read).x[5] & 0x0080_0000).not.toBe(0);
    expect(run(read, { isa: 'rv32imac_zicsr' }).x[5] & 0x0080_0000).toBe(0);
  });
});

const setupOlder = (loop: number, count: number, offset: number): Line => [
  'lp.setupi',
  { loop, count, offset },
];

describe('a loop of the older family', () => {
  test.each([
    [0, 1, 0],
    [1, 1, 1],
    [5, 5, 1],
  ])('with count %i runs its body %i times and keeps the count %i', (count, times, left) => {
    const hart = run([setupOlder(0, count, 12), ...body, addi(6)], { isa: OLDER });
    expect([hart.x[5], hart.x[6], hart.loops.get(0, 'count')]).toEqual([times, 1, left]);
    expect(hart.csr(0x7c1, 'set', 0, false)).toBe(CODE + 12); // the last instruction, not what follows
  });
  test('may end with the outer one', () => {
    const hart = run([setupOlder(1, 3, 20), addi(7), setupOlder(0, 4, 12), ...body, addi(6)], { isa: OLDER });
    expect([5, 6, 7].map((i) => hart.x[i])).toEqual([12, 1, 3]);
  });
  test('may hold compressed instructions and branches, and end with one', () => {
    const lines: Line[] = [
      ['c.nop', { imm: 0 }],
      setupOlder(0, 4, 16),
      ['c.addi', { rd: 5, rs1: 5, imm: 1 }],
      ['p.beqimm', { rs1: 5, simm: 2, imm: 8 }],
      addi(7),
      ['c.nop', { imm: 0 }],
      ['c.addi', { rd: 8, rs1: 8, imm: 1 }],
      ['c.addi', { rd: 9, rs1: 9, imm: 1 }],
      addi(6),
    ];
    const hart = run(lines, { isa: OLDER });
    expect([5, 6, 7, 8, 9].map((i) => hart.x[i])).toEqual([4, 1, 3, 4, 1]);
  });
});
