/** What the guest does wrong, and its end: where the machine halts, and how it goes on. */
import { describe, expect, test } from 'vitest';
import { DMA_BASE, ITA_BASE } from '../../src/device/address-map.ts';
import { dmaRegisters } from '../../src/device/dma.ts';
import { ITA } from '../../src/device/ita/registers.ts';
import type { Stop } from '../../src/debug/target.ts';
import { CODE, HANDLER, li, type Line } from '../support/guest.ts';
import { continueAll, debuggee, stepAlone } from './debuggee.ts';

const nop: Line = ['addi', { rd: 0, rs1: 0, imm: 0 }];
const count: Line = ['addi', { rd: 6, rs1: 6, imm: 1 }];
const loopForever: Line = ['jal', { rd: 0, imm: 0 }];
/** Goes on behind the instruction that trapped. */
const skip: Line[] = [
  ['csrrs', { rd: 28, csr: 0x341, rs1: 0 }],
  ['addi', { rd: 28, rs1: 28, imm: 4 }],
  ['csrrw', { rd: 0, csr: 0x341, rs1: 28 }],
  ['mret'],
];

const faults: readonly (readonly [name: string, lines: Line[], fault: object])[] = [
  ['an illegal instruction', [['csrrw', { rd: 0, csr: 0x123, rs1: 0 }]], { fault: 'illegal' }],
  ['a load from nowhere', [['lw', { rd: 2, rs1: 0, imm: 16 }]], { fault: 'memory' }],
  ['a store to nowhere', [['sw', { rs1: 0, rs2: 0, imm: 16 }]], { fault: 'memory' }],
  ['a misaligned atomic', [['amoadd.w', { rd: 2, rs1: 1, rs2: 2 }]], { fault: 'misaligned' }],
  ['an ecall', [['ecall']], { fault: 'call' }],
];

describe.each(['interpret', 'translate'] as const)('%s:', (engine) => {
  describe.each(faults)('%s', (_, lines, fault) => {
    const program: Line[] = [...li(1, CODE + 0x1001), ...lines, count, loopForever];
    const at = CODE + 8;

    test('without a handler halts at the instruction with nothing changed, and can be left', () => {
      const debug = debuggee(program, { engine });
      const stop = continueAll(debug);
      expect(stop).toMatchObject({ kind: 'fault', hart: 0, ...fault });
      expect((stop as Stop & { reason: string }).reason).toContain('by hart 0 at pc 0x80000008');
      expect([debug.harts[0].pc, debug.position, debug.harts[0].csr(0x342)]).toEqual([at, 2, 0]);
      expect(continueAll(debug)).toEqual(stop);
      debug.harts[0].pc = at + 4;
      expect(stepAlone(debug, 0)).toEqual({ kind: 'step', hart: 0 });
      expect(debug.harts[0].x(6)).toBe(1);
    });

    test('with a handler halts only when asked for, and then goes to the handler', () => {
      const debug = debuggee(program, { engine, handler: skip });
      debug.setBreakpoint(at + 8, 'software');
      expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
      debug.reset();
      debug.catchFaults = new Set(['illegal', 'memory', 'misaligned', 'call']);
      expect(continueAll(debug)).toMatchObject({ kind: 'fault', ...fault });
      expect([debug.harts[0].pc, debug.position]).toEqual([at, 2]);
      debug.setBreakpoint(HANDLER, 'software');
      expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
      expect([debug.harts[0].pc, debug.harts[0].csr(0x341)]).toEqual([HANDLER, at]);
    });
  });
});

describe("the guest's own ebreak", () => {
  test('halts before it until pc is set', () => {
    const debug = debuggee([nop, ['ebreak'], count, loopForever], { handler: skip });
    expect(continueAll(debug)).toEqual({ kind: 'ebreak', hart: 0 });
    expect(continueAll(debug)).toEqual({ kind: 'ebreak', hart: 0 });
    expect(debug.harts[0].pc).toBe(CODE + 4);
    debug.harts[0].pc = CODE + 8;
    stepAlone(debug, 0);
    expect(debug.harts[0].x(6)).toBe(1);
  });

  test('goes to the handler where asked for', () => {
    const debug = debuggee([nop, ['ebreak'], count, loopForever], { handler: skip });
    debug.stopsAtEbreak = false;
    debug.setBreakpoint(CODE + 12, 'software');
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
  });
});

test('a machine error halts for good, and the machine can be inspected and reset', () => {
  const { TRIGGER } = ITA.registers;
  const program: Line[] = [
    ...li(1, ITA_BASE),
    ['sw', { rs1: 1, rs2: 0, imm: TRIGGER.offset }],
    ['wfi'],
    ['jal', { rd: 0, imm: -4 }],
  ];
  const debug = debuggee(program);
  const stop = continueAll(debug);
  expect(stop).toMatchObject({ kind: 'machine error', hart: 0 });
  expect((stop as Stop & { reason: string }).reason).toMatch(/ITA/);
  const { position } = debug;
  debug.reset();
  expect(debug.position).toBe(0);
  expect(continueAll(debug)).toEqual(stop);
  expect(debug.position).toBe(position);
});

test('a bad DMA launch halts at the load that made it, again and again', () => {
  const { DST, BYTES, LAUNCH_1D } = dmaRegisters.registers;
  const debug = debuggee([
    ...li(1, DMA_BASE),
    ['addi', { rd: 2, rs1: 0, imm: 4 }],
    ['sw', { rs1: 1, rs2: 2, imm: DST.offset }],
    ['sw', { rs1: 1, rs2: 2, imm: BYTES.offset }],
    ['lw', { rd: 3, rs1: 1, imm: LAUNCH_1D.offset }],
    loopForever,
  ]);
  const stop = continueAll(debug);
  expect(stop).toMatchObject({ kind: 'machine error', hart: 0, reason: expect.stringContaining('DMA') });
  expect([debug.harts[0].pc, debug.position]).toEqual([CODE + 20, 5]);
  expect(continueAll(debug)).toEqual(stop);
});

test('from a deadlock a hart is freed by setting its pc', () => {
  const debug = debuggee([['wfi'], count, loopForever]);
  const stop = continueAll(debug);
  expect(stop).toMatchObject({ kind: 'machine error' });
  expect((stop as Stop & { reason: string }).reason).toMatch(/deadlock/);
  expect(debug.harts[0].state).toBe('asleep in wfi');
  debug.harts[0].pc = CODE + 4;
  stepAlone(debug, 0);
  expect(debug.harts[0].x(6)).toBe(1);
});

test('the end of the program is reported with its code, and for good', () => {
  const semihosting: Line[] = [
    ['addi', { rd: 0, rs1: 0, imm: 0 }],
    ...li(10, 0x18),
    ...li(11, 0x2_0026),
    ['slli', { rd: 0, rs1: 0, shamt: 0x1f }],
    ['ebreak'],
    ['srai', { rd: 0, rs1: 0, shamt: 7 }],
    loopForever,
  ];
  const debug = debuggee(semihosting);
  expect(continueAll(debug)).toEqual({ kind: 'exit', code: 0 });
  expect(continueAll(debug)).toEqual({ kind: 'exit', code: 0 });
});
