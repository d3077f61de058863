import { describe, expect, test } from 'vitest';
import { EVENT_UNIT_BASE, CLINT_BASE } from '../../src/device/address-map.ts';
import { EVENT } from '../../src/device/event-unit.ts';
import { disassemble } from '../../src/isa/disassemble.ts';
import { encode } from '../../src/isa/encode.ts';
import { parseIsa } from '../../src/isa/isa.ts';
import { bareHart } from '../support/bare-hart.ts';
import { assemble, CODE, guest, HANDLER, li, type Line, wfiForever } from '../support/guest.ts';

const core = parseIsa('rv32imac_zicsr_xcvalu_xcvbi_xcvbitmanip_xcvelw_xcvhwlp_xcvmac_xcvmem_xcvsimd');
const older = parseIsa('rv32imac_zicsr_xpulpv2');

type Operands = Readonly<Record<string, number>>;
/** Instruction, its immediates, rs1, rs2, rd before, rd after. */
type Vector = readonly [string, Operands, number, number, number, number];

const vectors: readonly Vector[] = [
  ['clip', { is2: 8 }, -1000, 0, 0, 0xffff_ff80],
  ['clipu', { is2: 9 }, 1000, 0, 0, 0xff],
  ['clip', { is2: 0 }, 5, 0, 0, 0],
  ['clip', { is2: 0 }, -1, 0, 0, -1],
  ['clipr', {}, 100, 0x8000_0005, 0, 5],
  ['clipr', {}, -100, 5, 0, -6],
  ['clipur', {}, -100, 5, 0, 0],
  ['abs', {}, 0x8000_0000, 0, 0, 0x8000_0000],
  ['exths', {}, 0x1234_8000, 0, 0, 0xffff_8000],
  ['exthz', {}, 0x1234_8000, 0, 0, 0x8000],
  ['extbs', {}, 0x80, 0, 0, 0xffff_ff80],
  ['extbz', {}, 0xfff0, 0, 0, 0xf0],
  ['minu', {}, -1, 1, 0, 1],
  ['max', {}, -1, 1, 0, 1],
  ['addn', { is3: 1 }, 0x7fff_ffff, 1, 0, 0xc000_0000],
  ['addun', { is3: 1 }, 0x7fff_ffff, 1, 0, 0x4000_0000],
  ['addrn', { is3: 1 }, 5, 0, 0, 3],
  ['addrn', { is3: 1 }, -5, 0, 0, -2],
  ['addurn', { is3: 1 }, -1, 0, 0, 0],
  ['addrn', { is3: 31 }, 0x7fff_ffff, 0, 0, -1],
  ['subrn', { is3: 2 }, 3, 10, 0, -2],
  ['suburn', { is3: 2 }, 3, 10, 0, 0x3fff_fffe],
  ['subrnr', {}, 27, 0xffff_ff23, 100, 9],
  ['extract', { is3: 7, is2: 8 }, 0xabcd_1234, 0, 0, 0x12],
  ['extractr', {}, 0xabcd_1234, 0xf8, 0, 0xffff_ffab],
  ['extract', { is3: 31, is2: 28 }, 0x8000_1234, 0, 0, 0xffff_fff8],
  ['extractu', { is3: 31, is2: 28 }, 0x8000_1234, 0, 0, 8],
  ['insert', { is3: 7, is2: 8 }, 0xab, 0, 0x1111_1111, 0x1111_ab11],
  ['insert', { is3: 7, is2: 28 }, -1, 0, 0x1111_1111, 0xf111_1111],
  ['bset', { is3: 3, is2: 30 }, 0, 0, 0, 0xc000_0000],
  ['bclrr', {}, -1, -1, 0, 0x7fff_ffff],
  ['ror', {}, 0x8000_0001, 33, 0, 0xc000_0000],
  ['ff1', {}, 0, 0, 0, 32],
  ['fl1', {}, 0, 0, 0, 32],
  ['fl1', {}, 0x8000_0000, 0, 0, 31],
  ['clb', {}, 0, 0, 0, 0],
  ['clb', {}, -1, 0, 0, 31],
  ['clb', {}, 0x8000_0000, 0, 0, 0],
  ['clb', {}, 1, 0, 0, 30],
  ['clb', {}, 0xc000_0000, 0, 0, 1],
  ['cnt', {}, 0xf0f0_0001, 0, 0, 9],
  ['bitrev', { is3: 0, is2: 4 }, 0xc64a_5933, 0, 0, 0x0cc9_a526],
  ['bitrev', { is3: 1, is2: 4 }, 0xc64a_5933, 0, 0, 0x0cc6_5a19],
  ['bitrev', { is3: 2, is2: 4 }, 0xc64a_5933, 0, 0, 0x216b_244b],
  ['bitrev', { is3: 3, is2: 4 }, 0xc64a_5933, 0, 0, 0x0cc9_a526],
  ['mulurn', { is3: 31 }, 0xffff, 0xffff, 0, 0],
  ['mulsn', { is3: 15 }, 0x8000, 0x8000, 0, 0x8000],
  ['mulhhsrn', { is3: 15 }, 0x7fff_0000, 0x7fff_0000, 0, 0x7ffe],
  ['macsn', { is3: 4 }, 1, 1, 0x7fff_ffff, 0xf800_0000],
  ['macun', { is3: 4 }, 1, 1, 0xffff_ffff, 0],
  ['macsrn', { is3: 3 }, 3, -7, -100, -15],
  ['mac', {}, 3, -7, 100, 79],
  ['msu', {}, 3, -7, 100, 121],
  ['avg.b', {}, 0x7f, 1, 0, 0xc0],
  ['avgu.b', {}, 0x80, 0x80, 0, 0],
  ['add.sc.h', {}, 0x0001_ffff, 0x1234_0001, 0, 0x0002_0000],
  ['add.sci.b', { imm: -1 }, 0x0001_0203, 0, 0, 0xff00_0102],
  ['maxu.sci.b', { zimm: 63 }, 0xff01_4000, 0, 0, 0xff3f_403f],
  ['sra.sci.h', { zimm: 15 }, 0x8000_7fff, 0, 0, 0xffff_0000],
  ['cmpgt.b', {}, 0x0180_7f00, 0x0001_8000, 0, 0xff00_ff00],
  ['cmpleu.sc.h', {}, 0x0001_8000, 0x7fff, 0, 0xffff_0000],
  ['abs.h', {}, 0x8000_ffff, 0, 0, 0x8000_0001],
  ['dotsp.b', {}, 0x8080_8080, 0x8080_8080, 0, 0x1_0000],
  ['dotusp.b', {}, -1, -1, 0, -1020],
  ['sdotup.h', {}, -1, -1, -1, 0xfffc_0001],
  ['sdotsp.h', {}, 0x8000_8000, 0x8000_8000, 1, 0x8000_0001],
  ['extract.h', { zimm: 1 }, 0x8001_0002, 0, 0, 0xffff_8001],
  ['extractu.b', { zimm: 2 }, 0x0180_0002, 0, 0, 0x80],
  ['insert.b', { zimm: 3 }, 0x1234_56ab, 0, 0x1111_1111, 0xab11_1111],
  ['shuffle.b', {}, 0x4433_2211, 0x0001_0203, 0, 0x1122_3344],
  ['shuffle.h', {}, 0x4433_2211, 0x0000_0001, 0, 0x2211_4433],
  ['shuffle.sci.h', { zimm: 1 }, 0x4433_2211, 0, 0, 0x2211_4433],
  ['shufflei1.sci.b', { zimm: 0b11_01_00 }, 0x4433_2211, 0, 0, 0x2244_2211],
  ['shuffle2.b', {}, 0x4433_2211, 0x0605_0100, 0x8877_6655, 0x3322_6655],
  ['packhi.b', {}, 0x12, 0x34, 0xaaaa_bbbb, 0x1234_bbbb],
  ['packlo.b', {}, 0x12, 0x34, 0xaaaa_bbbb, 0xaaaa_1234],
];

/** What the families call differently. */
const differing: readonly (readonly [
  coreV: string,
  older: string,
  ...(Vector extends readonly [string, ...infer R] ? R : never),
])[] = [
  ['pack', 'pack.h', {}, 0x1111_2222, 0x3333_4444, 0, 0x2222_4444],
  ['pack.h', 'packh.high', {}, 0x1111_2222, 0x3333_4444, 0, 0x1111_3333],
  ['cplxmul.i', 'cplxmul.h.i', {}, 0x2000_4000, 0x4000_2000, 0x7777, 0x2800_7777],
  ['cplxmul.i.div2', 'cplxmul.h.i.div2', {}, 0x8000_8000, 0x8000_8000, 0, 0x8000_0000],
  ['cplxmul.r.div8', 'cplxmul.h.r.div8', {}, 0x0000_4000, 0x0000_4000, 0x7777_0000, 0x7777_0400],
  ['cplxconj', 'cplxconj.h', {}, 0x8000_1234, 0, 0, 0x8000_1234],
  ['subrotmj', 'subrotmj.h', {}, 0x0005_0003, 0x0001_0002, 0, 0xffff_0004],
  ['add.div2', 'add.h.div2', {}, 0x7fff_8000, 0x0001_8000, 0, 0xc000_0000],
  ['sub.div4', 'sub.h.div4', {}, 0x0008_fff8, 0, 0, 0x0002_fffe],
  ['sle', 'slet', {}, -1, -1, 0, 1],
  ['sleu', 'sletu', {}, 1, 0, 7, 0],
];

const all = [...vectors.map(([name, ...rest]) => [name, name, ...rest] as const), ...differing];

describe.each([
  { family: 'CORE-V', isa: core, prefixes: ['cv'], column: 0 as const },
  { family: 'XpulpV2', isa: older, prefixes: ['p', 'pv'], column: 1 as const },
])('$family arithmetic', ({ isa, prefixes, column }) => {
  const bare = bareHart(isa.name);
  const [RD, RS1, RS2] = [10, 11, 12];
  test.each(all)('%s / %s with %o of 0x%x, 0x%x and rd 0x%x gives 0x%x', (...row) => {
    const [, , immediates, rs1, rs2, before, after] = row;
    const insn = isa.insns.find((i) => prefixes.some((p) => i.name === `${p}.${row[column]}`))!;
    const fields = new Set(insn.pattern.fields.map((f) => f.name));
    const operands = { rd: RD, rs1: RS1, ...(fields.has('rs2') ? { rs2: RS2 } : {}), ...immediates };
    const { x } = bare.hart;
    [x[RD], x[RS1], x[RS2]] = [before, rs1, rs2];
    bare.place(0x1000, [encode(insn, operands)]);
    expect(bare.run(0x1000, 1)).toBe(1);
    expect(x[RD]).toBe(after | 0);
    expect([x[RS1], x[RS2]]).toEqual([rs1 | 0, rs2 | 0]);
    bare.place(0x1000, [encode(insn, { ...operands, rd: 0 })]);
    bare.run(0x1000, 1);
    expect([x[0], x[RD]]).toEqual([0, after | 0]);
  });
});

describe.each([
  { family: 'CORE-V', isa: core, prefix: 'cv' },
  { family: 'XpulpV2', isa: older, prefix: 'p' },
])('$family post-increment', ({ isa, prefix }) => {
  const base = 0x2_0800;
  const step = (name: string, operands: Operands, registers: Operands): Int32Array => {
    const bare = bareHart(isa.name);
    bare.bus.poke(base, Uint8Array.of(0xef, 0xbe, 0xad, 0xde));
    for (const [r, value] of Object.entries(registers)) bare.hart.x[Number(r)] = value;
    bare.bus.poke(0x1000, assemble([[`${prefix}.${name}`, operands]]));
    expect(bare.run(0x1000, 1)).toBe(1);
    const result = bare.hart.x.slice(0, 32);
    result[31] = bare.bus.peek(base, 4);
    return result;
  };
  test('loads from the old base and moves it', () => {
    const x = step('lw.ri.post', { rd: 6, rs1: 5, imm: -4 }, { 5: base });
    expect([x[5], x[6]]).toEqual([base - 4, 0xdead_beef | 0]);
  });
  test('lets the loaded value win where rd is rs1', () => {
    expect(step('lh.ri.post', { rd: 5, rs1: 5, imm: -4 }, { 5: base })[5]).toBe(0xffff_beef | 0);
  });
  test('moves the base of a load to x0', () => {
    expect(step('lbu.ri.post', { rd: 0, rs1: 5, imm: 3 }, { 5: base })[5]).toBe(base + 3);
  });
  test('takes the increment from the old rd', () => {
    const x = step('lw.rr.post', { rd: 6, rs1: 5, rs2: 6 }, { 5: base, 6: 8 });
    expect([x[5], x[6]]).toEqual([base + 8, 0xdead_beef | 0]);
  });
  test('stores the old base where rs2 is rs1', () => {
    const x = step('sw.ri.post', { rs2: 5, rs1: 5, imm: 4 }, { 5: base });
    expect([x[5], x[31]]).toEqual([base + 4, base]);
  });
  test('increments by itself where rs3 is rs1', () => {
    const x = step('sb.rr.post', { rs2: 6, rs1: 5, rs3: 5 }, { 5: base, 6: 0x12 });
    expect([x[5], x[31] >>> 0]).toEqual([2 * base, 0xdead_be12]);
  });
  test('indexes without a change of the base', () => {
    expect(step('lhu.rr', { rd: 6, rs1: 5, rs2: 7 }, { 5: base, 7: 2 })[6]).toBe(0xdead);
    const x = step('sh.rr', { rs2: 6, rs1: 5, rs3: 7 }, { 5: base, 6: 0x1234, 7: 1 });
    expect([x[5], x[31] >>> 0]).toEqual([base, 0xde12_34ef]);
  });
  test.each(['lw.ri.post', 'sw.ri.post'])('of a refused access (%s) changes no register', (name) => {
    const bare = bareHart(isa.name);
    bare.hart.x.set([0x3000_0000, 7], 5);
    bare.bus.poke(0x1000, assemble([[`${prefix}.${name}`, { rd: 6, rs2: 6, rs1: 5, imm: 4 }]]));
    expect(bare.run(0x1000, 1)).toBe(0);
    expect([...bare.hart.x.subarray(5, 7)]).toEqual([0x3000_0000, 7]);
  });
});

describe('a post-increment store', () => {
  test('that makes an interrupt pending moves its base before the interrupt is taken', () => {
    const machine = guest([['cv.sw.ri.post', { rs2: 6, rs1: 5, imm: 12 }], ...wfiForever]);
    machine.bus.poke(HANDLER, assemble(wfiForever));
    const [hart] = machine.cluster.harts;
    hart.x.set([CLINT_BASE, 1], 5);
    hart.mstatus |= 8;
    hart.mie = 8;
    machine.run(3);
    expect([hart.x[5] >>> 0, hart.mepc >>> 0]).toEqual([CLINT_BASE + 12, CODE + 4]);
  });
  test('that hits itself still moves its base by the old amount', () => {
    const bare = bareHart(core.name);
    bare.hart.x[5] = 0x1000;
    bare.bus.poke(0x1000, assemble([['cv.sw.ri.post', { rs2: 0, rs1: 5, imm: 64 }]]));
    bare.run(0x1000, 1);
    expect(bare.hart.x[5]).toBe(0x1040);
  });
});

describe('cv.elw', () => {
  const { EVENT_MASK, WAIT, SW_EVENT } = { EVENT_MASK: 0, WAIT: 0x10, SW_EVENT: 0x40 };
  const wait: Line[] = [
    ...li(5, EVENT_UNIT_BASE),
    ['addi', { rd: 6, rs1: 0, imm: 1 << EVENT.SOFTWARE }],
    ['sw', { rs2: 6, rs1: 5, imm: EVENT_MASK }],
    ['cv.elw', { rd: 7, rs1: 5, imm: WAIT }],
    ['addi', { rd: 8, rs1: 8, imm: 1 }],
    ...wfiForever,
  ];
  const ELW = CODE + 16;

  test('sleeps until the event unit answers', () => {
    const machine = guest(wait, { harts: 2, quantum: 1 });
    const [waiting, other] = machine.cluster.harts;
    other.pc = (CODE + 0x1000) | 0;
    const raise: Line[] = [
      ...li(5, EVENT_UNIT_BASE),
      ['addi', { rd: 6, rs1: 0, imm: 100 }],
      ['addi', { rd: 6, rs1: 6, imm: -1 }],
      ['cv.bneimm', { rs1: 6, simm: 0, imm: -4 }],
      ['addi', { rd: 6, rs1: 0, imm: 1 }],
      ['sw', { rs2: 6, rs1: 5, imm: SW_EVENT }],
      ['jal', { rd: 0, imm: 0 }],
    ];
    machine.bus.poke(CODE + 0x1000, assemble(raise));
    machine.run(100);
    expect([waiting.asleep, waiting.stalled, waiting.pc >>> 0]).toEqual([true, true, ELW]);
    machine.run(130);
    expect([waiting.x[7], waiting.x[8]]).toEqual([1, 1]);
    expect(waiting.sleepCycles).toBeGreaterThan(150);
  });

  test('gives way to an interrupt and runs again after the handler, the event not lost', () => {
    const machine = guest(wait);
    const [hart] = machine.cluster.harts;
    const handler: Line[] = [
      ['csrrci', { rd: 0, csr: 0x304, zimm: 8 }],
      ['csrrs', { rd: 9, csr: 0x341, rs1: 0 }],
      ['mret'],
    ];
    machine.bus.poke(HANDLER, assemble(handler));
    hart.mstatus |= 8;
    hart.mie = 8;
    machine.run(4);
    hart.run(hart.cycle + 1);
    expect(hart.stalled).toBe(true);
    machine.events.raise(EVENT.DMA); // not enabled: the hart sleeps on
    expect(hart.asleep).toBe(true);
    machine.clint.setSoftware(0, true);
    expect(hart.asleep).toBe(false);
    machine.cluster.run(3);
    expect([hart.x[9] >>> 0, hart.x[8]]).toEqual([ELW, 0]);
    hart.run(hart.cycle + 1);
    expect([hart.asleep, hart.pc >>> 0]).toEqual([true, ELW]);
    machine.events.raise(EVENT.SOFTWARE);
    hart.run(hart.cycle + 2);
    expect([hart.x[7], hart.x[8]]).toEqual([1 << EVENT.SOFTWARE, 1]);
  });

  test('does not give way to an interrupt that is not taken', () => {
    const machine = guest(wait);
    const [hart] = machine.cluster.harts;
    hart.mie = 8; // mstatus.MIE is 0
    machine.run(4);
    hart.run(hart.cycle + 1);
    machine.clint.setSoftware(0, true);
    expect(hart.asleep).toBe(true);
  });
});

describe('the choice of family', () => {
  test.each([
    ['rv32imac_xcvmem_xpulpv2', "extensions 'xcvmem' and 'xpulpv2' exclude each other"],
    ['rv32imac_xcvmem_xdma', "extensions 'xcvmem' and 'xdma' exclude each other"],
    ['rv32imac_xcvsimd_xpulpv2', "extensions 'xcvsimd' and 'xpulpv2' exclude each other"],
  ])('%s is refused', (text, sentence) => {
    expect(() => parseIsa(text)).toThrow(sentence);
  });
  test('the preset computes with CORE-V', () => {
    const machine = guest([]);
    expect(machine.cluster.harts[0].isa.name).toBe(
      'rv32imac_zicntr_zicsr_zifencei_xcvalu_xcvbi_xcvbitmanip_xcvelw_xcvhwlp_xcvmac_xcvmem_xcvsimd',
    );
  });
  test('decides what a word means', () => {
    const word = encode(
      core.insns.find((i) => i.name === 'cv.setup')!,
      { loop: 1, rs1: 10, offset: 16 },
    );
    expect(disassemble(core, word)).toBe('cv.setup 1, a0, 16');
    expect(disassemble(older, word)).toBe('p.sb tp, a5(a0!)');
    expect(disassemble(parseIsa('rv32imac'), word)).toMatch(/^\.4byte/);
  });
});
