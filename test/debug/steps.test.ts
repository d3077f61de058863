/** Steps: one retired instruction, ranges, sleep, and interrupts on the way. */
import { describe, expect, test } from 'vitest';
import { CLINT_BASE, EVENT_UNIT_BASE, PERIPHERALS_BASE } from '../../src/device/address-map.ts';
import { clintRegisters } from '../../src/device/clint.ts';
import { clusterRegisters } from '../../src/device/cluster-peripherals.ts';
import { eventRegisters } from '../../src/device/event-unit.ts';
import { CODE, HANDLER, li, type Line } from '../support/guest.ts';
import { continueAll, debuggee, go, one, stepAlone, untilStop } from './debuggee.ts';

const nop: Line = ['addi', { rd: 0, rs1: 0, imm: 0 }];
const loopForever: Line = ['jal', { rd: 0, imm: 0 }];
const step = (hart: number): object => ({ kind: 'step', hart });

test('a range step ends at the first instruction outside the range, after at least one instruction', () => {
  const debug = debuggee([nop, nop, nop, ['jal', { rd: 0, imm: -8 }], loopForever]);
  const range = { kind: 'range', from: CODE, to: CODE + 12 } as const;
  expect(untilStop(debug, new Map([[0, range]]))).toEqual(step(0));
  expect(debug.harts[0].pc).toBe(CODE + 12);
  expect(untilStop(debug, new Map([[0, { ...range, to: CODE }]]))).toEqual(step(0));
  expect(debug.harts[0].pc).toBe(CODE + 4);
});

test('a step over a compressed instruction moves by 2', () => {
  const debug = debuggee([['c.addi', { rd: 5, rs1: 5, imm: 1 }], loopForever]);
  stepAlone(debug, 0);
  expect([debug.harts[0].pc, debug.harts[0].x(5)]).toEqual([CODE + 2, 1]);
});

test('time that passed while a hart was frozen has passed for it too, as far as devices have acted in it', () => {
  const { MTIMECMP } = clintRegisters.registers;
  const debug = debuggee(
    [
      ...li(1, CLINT_BASE + MTIMECMP.offset),
      ['addi', { rd: 2, rs1: 0, imm: 30 }],
      ['sw', { rs1: 1, rs2: 0, imm: 4 }],
      ['sw', { rs1: 1, rs2: 2, imm: 0 }],
      loopForever,
    ],
    { machine: { harts: 2 } },
  );
  stepAlone(debug, 0);
  for (let i = 0; i < 50; i++) stepAlone(debug, 1);
  expect(debug.harts.map((h) => h.cycle)).toEqual([1, 50]);
  expect(debug.harts[0].csr(0x344)).toBe(0x80);
  stepAlone(debug, 0);
  expect(debug.harts.map((h) => [h.cycle, h.instret])).toEqual([
    [31, 2],
    [50, 50],
  ]);
});

test('a step while others run ends with the turn of the stepping hart', () => {
  const debug = debuggee([nop, ['jal', { rd: 0, imm: -4 }]], { machine: { harts: 3 } });
  expect(continueAll(debug, { 1: one })).toEqual(step(1));
  expect(debug.harts.map((h) => h.instret)).toEqual([1000, 1, 0]);
  expect(continueAll(debug, { 1: one })).toEqual(step(1));
  expect(debug.harts.map((h) => h.instret)).toEqual([1000, 2, 0]);
});

describe('a hardware barrier', () => {
  const barrier = PERIPHERALS_BASE + clusterRegisters.registers.BARRIER.offset;
  const program: Line[] = [...li(1, barrier), ['lw', { rd: 2, rs1: 1, imm: 0 }], nop, loopForever];
  const at = CODE + 8;

  test('ends a lone step asleep, and its breakpoint is not reported again when the hart wakes', () => {
    const debug = debuggee(program, { machine: { harts: 2 } });
    debug.setBreakpoint(at, 'software');
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint', hart: 0 });
    debug.clearBreakpoint(at, 'software');
    expect(stepAlone(debug, 0)).toEqual(step(0));
    debug.setBreakpoint(at, 'software');
    expect([debug.harts[0].pc, debug.harts[0].state]).toEqual([
      at,
      'waits at the hardware barrier (missing: hart 1)',
    ]);
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint', hart: 1 });
    debug.clearBreakpoint(at, 'software');
    stepAlone(debug, 1);
    debug.setBreakpoint(at, 'software');
    debug.setBreakpoint(at + 4, 'software');
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint', hart: 1 });
    expect(debug.harts[1].pc).toBe(at + 4);
    debug.clearBreakpoint(at + 4, 'software');
    stepAlone(debug, 1);
    debug.setBreakpoint(at + 4, 'software');
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint', hart: 0 });
    expect(debug.harts[0].pc).toBe(at + 4);
  });

  test('lets a step end when the others have arrived', () => {
    const debug = debuggee(program, { machine: { harts: 2 } });
    stepAlone(debug, 0);
    stepAlone(debug, 0);
    expect(continueAll(debug, { 0: one })).toEqual(step(0));
    expect(debug.harts[0].pc).toBe(at + 4);
  });

  test('where a hart waits for frozen ones, keeps the machine running without progress until it is interrupted', () => {
    const debug = debuggee(program, { machine: { harts: 2 } });
    for (let i = 0; i < 3; i++) stepAlone(debug, 0);
    debug.resume(new Map([[0, go]]));
    expect(debug.run(1000)).toBeUndefined();
    expect(debug.interrupt(0)).toEqual({ kind: 'interrupted', hart: 0 });
    expect(debug.stopped).toEqual({ kind: 'interrupted', hart: 0 });
  });

  test('lets a step of a hart that sleeps there end at once while the others are frozen', () => {
    const debug = debuggee(program, { machine: { harts: 2 } });
    for (let i = 0; i < 3; i++) stepAlone(debug, 0);
    expect(debug.harts[0].state).toContain('waits at the hardware barrier');
    const { position, cycles } = debug;
    expect(stepAlone(debug, 0)).toEqual(step(0));
    expect([debug.harts[0].pc, debug.position, debug.cycles]).toEqual([at, position, cycles]);
  });

  test('is left by a hart whose pc is set', () => {
    const debug = debuggee(program, { machine: { harts: 2 } });
    for (let i = 0; i < 3; i++) stepAlone(debug, 0);
    debug.harts[0].pc = at + 4;
    expect(debug.harts[0].state).toBe('running');
    expect(stepAlone(debug, 0)).toEqual(step(0));
    expect(debug.harts[0].pc).toBe(at + 8);
  });
});

test('states say for which events a hart waits', () => {
  const { EVENT_MASK, WAIT } = eventRegisters.registers;
  const wait = (mask: number, sleep: Line): string => {
    const debug = debuggee(
      [
        ...li(1, EVENT_UNIT_BASE),
        ...li(2, mask),
        ['sw', { rs1: 1, rs2: 2, imm: EVENT_MASK.offset }],
        sleep,
        loopForever,
      ],
      { machine: { harts: 2 } },
    );
    for (let i = 0; i < 6; i++) stepAlone(debug, 0);
    return debug.harts[0].state;
  };
  const load: Line = ['lw', { rd: 3, rs1: 1, imm: WAIT.offset }];
  expect(wait(0b11, load)).toBe('waits for software events 0, 1');
  expect(wait(1 << 9, load)).toBe('waits for the end of an accelerator job');
  expect(wait(1 << 8, ['wfi'])).toBe('asleep in wfi, waits for the end of a DMA transfer or an interrupt');
  expect(wait(0, ['wfi'])).toBe('asleep in wfi');
});

describe.each(['interpret', 'translate'] as const)(
  'a timer interrupt in the way of a step (%s)',
  (engine) => {
    const { MTIMECMP } = clintRegisters.registers;
    const enable = 0x80;
    /** Sets the timer to cycle 20 and enables it, then counts x6 up. */
    const program: Line[] = [
      ...li(1, CLINT_BASE + MTIMECMP.offset),
      ['sw', { rs1: 1, rs2: 0, imm: 4 }],
      ['addi', { rd: 2, rs1: 0, imm: 20 }],
      ['sw', { rs1: 1, rs2: 2, imm: 0 }],
      ['addi', { rd: 3, rs1: 0, imm: enable }],
      ['csrrs', { rd: 0, csr: 0x304, rs1: 3 }],
      ['csrrsi', { rd: 0, csr: 0x300, zimm: 8 }],
      ['addi', { rd: 6, rs1: 6, imm: 1 }],
      ['jal', { rd: 0, imm: -4 }],
    ];
    const handler: Line[] = [
      ['addi', { rd: 7, rs1: 7, imm: 1 }],
      ['addi', { rd: 4, rs1: 0, imm: -1 }],
      ['sw', { rs1: 1, rs2: 4, imm: 0 }],
      ['sw', { rs1: 1, rs2: 4, imm: 4 }],
      ['mret'],
    ];
    const body = CODE + 4 * (program.length - 2);

    test('is run through', () => {
      const debug = debuggee(program, { engine, handler });
      const pcs = new Set<number>();
      for (let i = 0; i < 40; i++) {
        expect(stepAlone(debug, 0)).toEqual(step(0));
        pcs.add(debug.harts[0].pc);
      }
      expect(Math.max(...pcs)).toBe(body + 4);
      expect(debug.harts[0].x(7)).toBe(1);
      expect(debug.position).toBe(40 + handler.length);
    });

    test('is shown when asked for', () => {
      const debug = debuggee(program, { engine, handler });
      debug.stepInterrupts = true;
      const pcs: number[] = [];
      for (let i = 0; i < 40; i++) {
        stepAlone(debug, 0);
        pcs.push(debug.harts[0].pc);
      }
      expect(pcs).toContain(HANDLER + 4);
      expect(debug.position).toBe(40);
    });

    test('halts at a breakpoint in its handler', () => {
      const debug = debuggee(program, { engine, handler });
      debug.setBreakpoint(HANDLER + 8, 'hardware');
      let stop = stepAlone(debug, 0);
      for (let i = 0; i < 40 && stop.kind === 'step'; i++) stop = stepAlone(debug, 0);
      expect(stop).toEqual({ kind: 'breakpoint', hart: 0, type: 'hardware' });
      expect(debug.harts[0].pc).toBe(HANDLER + 8);
    });
  },
);
