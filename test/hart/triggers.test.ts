import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../src/cluster/machine.ts';
import type { Hart } from '../../src/hart/hart.ts';
import { access, MACHINE, USER } from '../../src/hart/privilege.ts';
import { Triggers } from '../../src/hart/triggers.ts';
import { assemble, CODE, DATA, guest, HANDLER, li, type Line } from '../support/guest.ts';

const MCONTROL = 2 << 28;
const MCONTROL6 = 6 << 28;
const DISABLED = 15 << 28;
const M = 1 << 6;
const U = 1 << 3;
const EXECUTE = 4;
const STORE = 2;
const LOAD = 1;
const MATCH = { equal: 0, napot: 1 << 7, atLeast: 2 << 7, below: 3 << 7 } as const;
const MIE = 1 << 3;
const UNTOUCHED = 99;

/** Sets trigger `index` as software would. */
function arm(
  { triggers }: { readonly triggers: Triggers },
  index: number,
  tdata1: number,
  tdata2: number,
): void {
  triggers.tselect = index;
  triggers.tdata2 = tdata2;
  triggers.tdata1 = tdata1;
}

/** Machine mode with interrupts enabled, so that its triggers can fire; the handler jumps to itself. */
function prepared(lines: readonly Line[]): { machine: Machine; hart: Hart } {
  const machine = guest(lines);
  machine.bus.poke(HANDLER, assemble([['jal', { rd: 0, imm: 0 }]]));
  const [hart] = machine.cluster.harts;
  hart.mcause = UNTOUCHED;
  hart.mstatus |= MIE;
  return { machine, hart };
}

describe('an execute trigger', () => {
  const program: Line[] = [
    ['addi', { rd: 5, rs1: 5, imm: 1 }],
    ['addi', { rd: 5, rs1: 5, imm: 10 }],
    ['addi', { rd: 5, rs1: 5, imm: 100 }],
  ];
  test('raises a breakpoint before the instruction at its address', () => {
    const { machine, hart } = prepared(program);
    arm(hart.protection, 0, MCONTROL | M | EXECUTE, CODE + 4);
    machine.run(3);
    expect([hart.mcause, hart.mtval, hart.mepc, hart.x[5]]).toEqual([3, (CODE + 4) | 0, (CODE + 4) | 0, 1]);
  });
  test('armed by a CSR write fires from the next instruction on', () => {
    const { machine, hart } = prepared([
      ['csrrw', { rd: 0, csr: 0x7a0, rs1: 10 }],
      ['csrrw', { rd: 0, csr: 0x7a2, rs1: 11 }],
      ['csrrw', { rd: 0, csr: 0x7a1, rs1: 12 }],
      ...program,
    ]);
    hart.x[10] = 3;
    hart.x[11] = (CODE + 12) | 0;
    hart.x[12] = MCONTROL | M | EXECUTE;
    machine.run(4);
    expect([hart.mcause, hart.mepc, hart.x[5]]).toEqual([3, (CODE + 12) | 0, 0]);
  });
  test('is silent inside the handler it led to, and fires again after mret', () => {
    const { machine, hart } = prepared(program);
    machine.bus.poke(HANDLER, assemble([['addi', { rd: 6, rs1: 6, imm: 1 }], ['mret']]));
    arm(hart.protection, 0, MCONTROL6 | M | EXECUTE | MATCH.atLeast, CODE + 4); // the handler lies above
    machine.run(7);
    expect([hart.x[5], hart.x[6]]).toEqual([1, 3]);
  });
  test('looks at the address of the instruction, not at its other bytes', () => {
    const { machine, hart } = prepared(program);
    arm(hart.protection, 0, MCONTROL | M | EXECUTE, CODE + 6);
    machine.run(3);
    expect([hart.mcause, hart.x[5]]).toEqual([UNTOUCHED, 111]);
  });
  test('once disarmed lets the hart run at full speed again', () => {
    const { machine, hart } = prepared(program);
    arm(hart.protection, 0, MCONTROL | M | EXECUTE, CODE + 0x100);
    machine.run(1);
    expect(hart.careful).toBe(true);
    hart.protection.triggers.tdata1 = 0;
    machine.run(1);
    expect(hart.careful).toBe(false);
  });
});

/** Runs one access at DATA + 8 under a trigger at `DATA + at`. */
function accessing(name: string, kinds: number, at: number): { machine: Machine; hart: Hart } {
  const { machine, hart } = prepared([[name, { rd: 5, rs1: 10, rs2: 11, imm: 0 }]]);
  hart.x[10] = (DATA + 8) | 0;
  hart.x[11] = -1;
  arm(hart.protection, 1, MCONTROL | M | kinds, DATA + at);
  machine.run(1);
  return { machine, hart };
}

describe('a data trigger', () => {
  test.each([
    ['lw', LOAD],
    ['lbu', LOAD],
    ['lr.w', LOAD],
    ['sw', STORE],
    ['sh', STORE],
    ['sc.w', STORE],
    ['amoswap.w', LOAD],
    ['amoswap.w', STORE],
  ])('on %s with access bits %i raises a breakpoint and nothing else happens', (name, kinds) => {
    const { machine, hart } = accessing(name, kinds, 8);
    expect([hart.mcause, hart.mtval, hart.mepc, hart.x[5]]).toEqual([3, (DATA + 8) | 0, CODE | 0, 0]);
    expect([...machine.bus.bytes(DATA + 8, 4)]).toEqual([0, 0, 0, 0]);
  });
  test.each([
    ['lw', LOAD, 11],
    ['lh', LOAD, 9],
    ['sw', STORE, 10],
  ])('on %s with access bits %i fires on its byte %i too', (name, kinds, at) => {
    expect(accessing(name, kinds, at).hart.mcause).toBe(3);
  });
  test.each([
    ['lb', LOAD, 9],
    ['lw', LOAD, 12],
    ['lw', LOAD, 7],
    ['lw', STORE, 8],
    ['sw', LOAD, 8],
    ['lr.w', STORE, 8],
  ])('on %s with access bits %i lets it pass at byte %i', (name, kinds, at) => {
    expect(accessing(name, kinds, at).hart.mcause).toBe(UNTOUCHED);
  });
  test('comes before the misaligned and access faults of the same instruction', () => {
    const { machine, hart } = prepared([['amoswap.w', { rd: 5, rs1: 10, rs2: 11 }]]);
    hart.x[10] = 0x4000_0002;
    arm(hart.protection, 0, MCONTROL | M | STORE, 0x4000_0002);
    machine.run(1);
    expect([hart.mcause, hart.mtval]).toEqual([3, 0x4000_0002]);
  });
  test('is silent in machine mode while interrupts are disabled', () => {
    const { machine, hart } = prepared([...li(10, DATA), ['lw', { rd: 5, rs1: 10, imm: 0 }]]);
    hart.mstatus &= ~MIE;
    arm(hart.protection, 0, MCONTROL | M | LOAD, DATA);
    machine.run(3);
    expect(hart.mcause).toBe(UNTOUCHED);
  });
  test('of user mode fires there, interrupts enabled or not, and not in machine mode', () => {
    const touch: Line[] = [...li(10, DATA), ['lw', { rd: 5, rs1: 10, imm: 0 }]];
    const { machine, hart } = prepared([...touch, ['mret'], ...touch]);
    hart.mepc = (CODE + 16) | 0;
    hart.mstatus = MIE; // MPP: user; mret clears MIE
    hart.protection.pmp.writeAddress(0, -1);
    hart.protection.pmp.writeConfig(0, 0x1f);
    arm(hart.protection, 2, MCONTROL | U | LOAD, DATA);
    machine.run(4);
    expect([hart.mcause, hart.privilege, hart.mstatus & MIE]).toEqual([UNTOUCHED, USER, 0]);
    machine.run(3);
    expect([hart.mcause, hart.mepc]).toEqual([3, (CODE + 24) | 0]);
  });
  test('without a handler ends the run with a sentence', () => {
    const { machine, hart } = prepared([...li(10, DATA), ['lw', { rd: 5, rs1: 10, imm: 0 }]]);
    hart.mtvec = 0;
    arm(hart.protection, 1, MCONTROL | M | LOAD, DATA);
    expect(() => machine.run()).toThrow(
      'load of 4 bytes from 0x80010000 by hart 0 at pc 0x80000008: trigger 1 fires',
    );
  });
});

/** What tdata1 makes of a value. */
const write = (tdata1: number): number => {
  const triggers = new Triggers();
  triggers.tdata1 = tdata1;
  return triggers.tdata1;
};

describe('the trigger registers', () => {
  test('are four sets, selected by tselect, which keeps its value when there is no such set', () => {
    const triggers = new Triggers();
    for (let i = 0; i < 4; i++) {
      triggers.tselect = i;
      triggers.tdata2 = 100 + i;
    }
    triggers.tselect = 4;
    expect([triggers.tselect, triggers.tdata2]).toEqual([3, 103]);
    triggers.tselect = -1;
    expect(triggers.tselect).toBe(3);
    triggers.tselect = 1;
    expect(triggers.tdata2).toBe(101);
  });
  test.each([
    ['mcontrol as it is', MCONTROL | M | U | 7, MCONTROL | M | U | 7],
    ['mcontrol6 as it is', MCONTROL6 | MATCH.napot | M | LOAD, MCONTROL6 | MATCH.napot | M | LOAD],
    ['0 as disabled', 0, DISABLED],
    ['an unknown type as disabled', 3 << 28, DISABLED],
    ['a legacy type as disabled', 1 << 28, DISABLED],
    ['NAPOT in mcontrol, whose maskmax is 0, as equal', MCONTROL | MATCH.napot | M, MCONTROL | M],
    ['a match that does not exist as equal', MCONTROL6 | (9 << 7) | M, MCONTROL6 | M],
    ['dmode, action, chain, select and s as 0', MCONTROL | 0x0fff_f800 | (1 << 4) | M, MCONTROL | M],
  ])('take %s', (_, written, read) => {
    expect(write(written)).toBe(read);
  });
  test('tell their types in tinfo, and have no tdata3 and no tcontrol', () => {
    const { machine, hart } = prepared([['csrrs', { rd: 5, csr: 0x7a4, rs1: 0 }]]);
    machine.run(1);
    expect(hart.x[5]).toBe(0x0100_8044);
    expect([0x7a3, 0x7a5, 0x7a8].map((number) => hart.peekCsr(number))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

/** The byte addresses a trigger covers, as bounds. */
function range(how: keyof typeof MATCH, tdata2: number): readonly [first: number, last: number] {
  const operand = tdata2 >>> 0;
  if (how === 'equal') return [operand, operand];
  if (how === 'atLeast') return [operand, 0xffff_ffff];
  if (how === 'below') return [0, operand - 1];
  let size = 2;
  for (let rest = operand; rest % 2 === 1; rest = Math.floor(rest / 2)) size *= 2;
  const first = Math.floor(operand / size) * size;
  return [first, Math.min(first + size - 1, 0xffff_ffff)];
}

describe('trigger matching', () => {
  const nearby = fc.integer({ min: 0, max: 63 }).map((n) => (DATA + n) | 0);

  test('agrees with a plain range of addresses, for every kind of match, mode and access', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(MATCH) as (keyof typeof MATCH)[])),
        fc.oneof(nearby, fc.constantFrom(0, -1, 0x7fff_ffff), fc.integer()),
        fc.integer({ min: 0, max: 7 }),
        fc.constantFrom(0, M, U, M | U),
        fc.constantFrom(MACHINE, USER),
        fc.constantFrom(access.load, access.store, access.fetch),
        fc.oneof(
          nearby,
          fc.integer().filter((a) => a >>> 0 < 0xffff_fff0),
        ),
        fc.constantFrom(1, 2, 4),
        (how, tdata2, kinds, modes, mode, kind, address, bytes) => {
          const triggers = new Triggers();
          arm({ triggers }, 2, MCONTROL6 | MATCH[how] | kinds | modes, tdata2);
          const [first, last] = range(how, tdata2);
          const from = address >>> 0;
          const hits = Math.max(first, from) <= Math.min(last, from + bytes - 1);
          const enabled = (kinds & kind) !== 0 && (modes & (mode === MACHINE ? M : U)) !== 0;
          expect(triggers.firing(mode, kind, address, bytes)).toBe(hits && enabled ? 2 : undefined);
          expect((triggers.watched(mode) & kind) !== 0).toBe(enabled);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
