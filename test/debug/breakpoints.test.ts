/** Breakpoints: where harts halt, who is reported, and that memory stays as it is. */
import { describe, expect, test } from 'vitest';
import { assemble, CODE, li, type Line } from '../support/guest.ts';
import { continueAll, debuggee, machineOf, stepAlone } from './debuggee.ts';

/** Counts x5 up for ever. */
const counting: Line[] = [
  ['addi', { rd: 5, rs1: 5, imm: 1 }],
  ['addi', { rd: 6, rs1: 6, imm: 2 }],
  ['jal', { rd: 0, imm: -8 }],
];

describe.each(['interpret', 'translate'] as const)('a breakpoint (%s)', (engine) => {
  test('halts the hart before the instruction, again on each resume until it is stepped off', () => {
    const debug = debuggee(counting, { engine });
    debug.setBreakpoint(CODE + 4, 'software');
    const stop = { kind: 'breakpoint', hart: 0, type: 'software' };
    expect(continueAll(debug)).toEqual(stop);
    expect([debug.harts[0].pc, debug.position]).toEqual([CODE + 4, 1]);
    expect(continueAll(debug)).toEqual(stop);
    expect(debug.position).toBe(1);
    debug.clearBreakpoint(CODE + 4, 'software');
    expect(stepAlone(debug, 0)).toEqual({ kind: 'step', hart: 0 });
    expect(debug.harts[0].pc).toBe(CODE + 8);
    debug.setBreakpoint(CODE + 4, 'software');
    expect(continueAll(debug)).toEqual(stop);
    expect([debug.harts[0].x(5), debug.position]).toEqual([2, 4]);
  });

  test('set after the code has run hot halts there', () => {
    const debug = debuggee(counting, { engine });
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    while (debug.position < 100_000) expect(debug.run(1)).toBeUndefined();
    debug.setBreakpoint(CODE + 8, 'hardware');
    expect(continueAll(debug)).toEqual({ kind: 'breakpoint', hart: 0, type: 'hardware' });
    expect(debug.harts[0].pc).toBe(CODE + 8);
    debug.clearAll();
    const { position } = debug;
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    while (debug.position < position + 100_000) expect(debug.run(1)).toBeUndefined();
    expect(debug.harts[0].x(5)).toBe(Math.ceil(debug.position / 3));
    expect(debug.harts[0].x(6)).toBe(2 * Math.floor((debug.position + 1) / 3));
  });

  test('is reported for one hart at a time, in order of index', () => {
    const debug = debuggee(counting, { engine, machine: { harts: 3 } });
    debug.setBreakpoint(CODE, 'software');
    const seen: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      const stop = continueAll(debug);
      if (stop.kind !== 'breakpoint') throw new Error(stop.kind);
      seen.push([stop.hart, debug.harts[stop.hart].x(5)]);
      debug.clearBreakpoint(CODE, 'software');
      stepAlone(debug, stop.hart);
      debug.setBreakpoint(CODE, 'software');
    }
    expect(seen).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 3],
      [0, 4],
    ]); // the first hart has a quantum of time
  });
});

const count = (rd: number): Line => ['addi', { rd, rs1: rd, imm: 1 }];

describe.each(['interpret', 'translate'] as const)('in a hardware loop (%s)', (engine) => {
  /** The body at CODE + 16 is entered again and again by an outer loop. */
  const program: Line[] = [
    ['addi', { rd: 9, rs1: 0, imm: 2000 }],
    ['cv.starti', { loop: 0, offset: 12 }],
    ['cv.endi', { loop: 0, offset: 20 }],
    ['cv.counti', { loop: 0, count: 5 }],
    count(5),
    count(6),
    count(7),
    ['addi', { rd: 9, rs1: 9, imm: -1 }],
    ['bne', { rs1: 9, rs2: 0, imm: -28 }],
    ['jal', { rd: 0, imm: 0 }],
  ];
  test.each([0, 4, 8])('a breakpoint at byte %i of the body halts in each pass', (offset) => {
    const debug = debuggee(program, { engine });
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    expect(debug.advance(20_000)).toBeUndefined(); // the loop is hot
    const at = CODE + 16 + offset;
    debug.setBreakpoint(at, 'software');
    const passes: number[] = [];
    for (let i = 0; i < 12; i++) {
      expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
      expect(debug.harts[0].pc).toBe(at);
      passes.push(debug.harts[0].x(5 + offset / 4));
      debug.clearBreakpoint(at, 'software');
      stepAlone(debug, 0);
      debug.setBreakpoint(at, 'software');
    }
    expect(passes).toEqual(passes.map((_, i) => passes[0] + i));
    debug.clearAll();
    debug.setBreakpoint(CODE + 36, 'software');
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
    expect([5, 6, 7].map((r) => debug.harts[0].x(r))).toEqual([10_000, 10_000, 10_000]);
  });

  test('a step from the end of the body leads to its start, with one pass less to go', () => {
    const debug = debuggee(program, { engine });
    debug.setBreakpoint(CODE + 24, 'software');
    continueAll(debug);
    debug.clearAll();
    expect(debug.harts[0].csr(0xcc2)).toBe(5);
    stepAlone(debug, 0);
    expect([debug.harts[0].pc, debug.harts[0].csr(0xcc2)]).toEqual([CODE + 16, 4]);
  });
});

test('a breakpoint leaves guest memory as it is', () => {
  const debug = debuggee(counting);
  debug.setBreakpoint(CODE, 'software');
  continueAll(debug);
  expect(debug.read(CODE, 12)).toEqual(assemble(counting));
});

test('a breakpoint survives a store to its instruction', () => {
  const [nop] = new Uint32Array(assemble([['addi', { rd: 0, rs1: 0, imm: 0 }]]).buffer);
  const target = CODE + 6 * 4;
  const debug = debuggee([
    ...li(5, target),
    ...li(6, nop),
    ['sw', { rs1: 5, rs2: 6, imm: 0 }],
    ['addi', { rd: 7, rs1: 0, imm: 1 }],
    ['ebreak'],
  ]);
  debug.setBreakpoint(target, 'software');
  expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
  expect(debug.harts[0].pc).toBe(target);
});

test('breakpoints stay over a reset', () => {
  const debug = debuggee(counting);
  debug.setBreakpoint(CODE + 8, 'software');
  continueAll(debug);
  debug.reset();
  expect(debug.position).toBe(0);
  expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
  expect(debug.position).toBe(2);
});

test('harts not resumed retire nothing', () => {
  const debug = debuggee(counting, { machine: { harts: 2 } });
  for (let i = 0; i < 10; i++) stepAlone(debug, 1);
  expect(debug.harts.map((h) => h.instret)).toEqual([0, 10]);
});

test('without a debugger marks are none', () => {
  const machine = machineOf(counting);
  expect(machine.run(100)).toEqual({ kind: 'budget' });
});
