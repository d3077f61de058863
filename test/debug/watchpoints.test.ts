/** Watchpoints: reported before the access, for any overlap, for atomics and devices. */
import { describe, expect, test } from 'vitest';
import { DMA_BASE } from '../../src/device/address-map.ts';
import { dmaRegisters } from '../../src/device/dma.ts';
import type { Debugger } from '../../src/debug/debugger.ts';
import type { Access, Stop } from '../../src/debug/target.ts';
import { CODE, DATA, li, type Line } from '../support/guest.ts';
import { continueAll, debuggee, stepAlone } from './debuggee.ts';

const loopForever: Line = ['jal', { rd: 0, imm: 0 }];
const step = (hart: number): Stop => ({ kind: 'step', hart });

function backwards(debug: Debugger, hart?: number): Stop {
  debug.resumeBackwards(hart);
  for (;;) {
    const stop = debug.run(50);
    if (stop) return stop;
  }
}

const hit = (access: Access, address: number): object => ({
  kind: 'watchpoint',
  hart: 0,
  access,
  address,
  by: 'hart',
});

/** Loads and stores the word at DATA for ever, counting. */
const hot: Line[] = [
  ...li(1, DATA),
  ['lw', { rd: 5, rs1: 1, imm: 0 }],
  ['addi', { rd: 5, rs1: 5, imm: 1 }],
  ['sw', { rs1: 1, rs2: 5, imm: 0 }],
  ['addi', { rd: 6, rs1: 6, imm: 1 }],
  ['jal', { rd: 0, imm: -16 }],
];
const LOAD = CODE + 8;
const STORE = CODE + 16;

const word = (bytes: Uint8Array): number => new DataView(bytes.buffer).getInt32(0, true);

describe.each(['interpret', 'translate'] as const)('in hot code (%s), a watch', (engine) => {
  test.each([
    ['write', STORE],
    ['read', LOAD],
    ['access', LOAD],
  ] as const)('for %s halts before the access', (access, pc) => {
    const debug = debuggee(hot, { engine });
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    while (debug.position < 50_000) debug.advance(10_000);
    debug.setWatch({ access, address: DATA, bytes: 4 });
    expect(continueAll(debug)).toEqual(hit(access, DATA));
    expect(debug.harts[0].pc).toBe(pc);
    const before = word(debug.read(DATA, 4));
    debug.clearWatch({ access, address: DATA, bytes: 4 });
    stepAlone(debug, 0);
    expect(word(debug.read(DATA, 4))).toBe(access === 'write' ? before + 1 : before);
    debug.setWatch({ access, address: DATA, bytes: 4 });
    expect(continueAll(debug)).toEqual(hit(access, DATA));
    expect(debug.harts[0].pc).toBe(access === 'access' ? STORE : pc);
  });

  test('on a neighbouring word stops nothing', () => {
    const debug = debuggee(hot, { engine });
    debug.setWatch({ access: 'access', address: DATA + 4, bytes: 4 });
    debug.setWatch({ access: 'access', address: DATA - 4, bytes: 4 });
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    for (let i = 0; i < 10; i++) expect(debug.advance(10_000)).toBeUndefined();
  });
});

const access = (line: Line): Line[] => [
  ...li(1, DATA),
  ['addi', { rd: 2, rs1: 0, imm: 7 }],
  line,
  loopForever,
];

describe('an access is reported at its first watched byte', () => {
  test.each([
    ['a word over a watched byte', ['sw', { rs1: 1, rs2: 2, imm: 0 }], 3, 1, DATA + 3],
    ['a byte in a long range', ['sb', { rs1: 1, rs2: 2, imm: 100 }], 50, 500, DATA + 100],
    ['a misaligned word that begins before the range', ['sw', { rs1: 1, rs2: 2, imm: 3 }], 6, 2, DATA + 6],
    ['a misaligned half that ends in the range', ['lh', { rs1: 1, rd: 2, imm: 1 }], 2, 4, DATA + 2],
    ['a misaligned word over two pages', ['sw', { rs1: 1, rs2: 2, imm: -2 }], 0, 1, DATA],
  ] as const)('%s', (_, line, offset, bytes, address) => {
    const debug = debuggee(access(line));
    debug.setWatch({ access: 'access', address: DATA + offset, bytes });
    expect(continueAll(debug)).toEqual(hit('access', address));
    expect(debug.harts[0].pc).toBe(CODE + 12);
  });
});

describe('atomics', () => {
  const program: Line[] = [
    ...li(1, DATA),
    ['addi', { rd: 2, rs1: 0, imm: 7 }],
    ['amoadd.w', { rd: 3, rs1: 1, rs2: 2 }],
    ['lr.w', { rd: 3, rs1: 1 }],
    ['sc.w', { rd: 4, rs1: 1, rs2: 2 }],
    ['sc.w', { rd: 4, rs1: 1, rs2: 2 }],
    loopForever,
  ];
  test.each([
    ['write', [12, 20]],
    ['read', [12, 16]],
    ['access', [12, 16, 20]],
  ] as const)('count as loads and stores for a %s watch; an sc.w that fails is none', (access, offsets) => {
    const debug = debuggee(program);
    const watch = { access, address: DATA, bytes: 4 };
    const seen: number[] = [];
    debug.setWatch(watch);
    for (const offset of offsets) {
      expect(continueAll(debug)).toEqual(hit(access, DATA));
      expect(debug.harts[0].pc).toBe(CODE + offset);
      seen.push(word(debug.read(DATA, 4)));
      debug.clearWatch(watch);
      stepAlone(debug, 0);
      debug.setWatch(watch);
    }
    expect(seen[0]).toBe(0);
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    expect(debug.advance(1000)).toBeUndefined();
    expect([debug.harts[0].x(4), word(debug.read(DATA, 4))]).toEqual([1, 7]);
  });
});

/** Sets a register of the DMA, whose base is in x1. */
const set = (register: { offset: number }, value: number): Line[] => [
  ...li(2, value),
  ['sw', { rs1: 1, rs2: 2, imm: register.offset }],
];

describe('a DMA transfer', () => {
  const { SRC, DST, BYTES, SRC_STRIDE, DST_STRIDE, ROWS, LAUNCH_2D } = dmaRegisters.registers;
  /** Two rows of 8 bytes, 64 apart, to rows 32 apart. */
  const program: Line[] = [
    ...li(1, DMA_BASE),
    ...set(SRC, DATA),
    ...set(DST, DATA + 0x1000),
    ...set(BYTES, 8),
    ...set(SRC_STRIDE, 64),
    ...set(DST_STRIDE, 32),
    ...set(ROWS, 2),
    ['lw', { rd: 3, rs1: 1, imm: LAUNCH_2D.offset }],
    loopForever,
  ];
  const stopOf = (access: Access, offset: number): unknown => {
    const debug = debuggee(program);
    debug.setWatch({ access, address: DATA + offset, bytes: 2 });
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    return debug.advance(1000);
  };

  test('that writes a watched byte is reported after it', () => {
    expect(stopOf('write', 0x1026)).toEqual({ ...hit('write', DATA + 0x1026), by: 'dma' });
  });
  test('that reads one is too', () => {
    expect(stopOf('read', 0x3f)).toEqual({ ...hit('read', DATA + 0x40), by: 'dma' });
  });
  test('needs no step of a hart to be done, neither after it forwards nor before it backwards', () => {
    const debug = debuggee(program, { machine: { harts: 2 } });
    debug.setWatch({ access: 'write', address: DATA + 0x1000, bytes: 1 });
    for (let i = 0; i < 8; i++) debug.write(DATA + i, Uint8Array.of(9));
    const value = (): number => debug.read(DATA + 0x1000, 1)[0];
    const stop = continueAll(debug);
    expect(stop).toMatchObject({ kind: 'watchpoint', by: 'dma' });
    const hart = 'hart' in stop ? stop.hart : 0;
    const { position } = debug;
    expect([stepAlone(debug, hart), debug.position, value()]).toEqual([step(hart), position, 9]);
    expect(backwards(debug)).toMatchObject({ kind: 'watchpoint', by: 'dma' });
    expect([debug.position, value()]).toEqual([position, 0]);
    expect(continueAll(debug)).toMatchObject({ kind: 'watchpoint', by: 'dma' });
    stepAlone(debug, hart);
    expect([stepAlone(debug, hart).kind, debug.position, value()]).toEqual(['step', position + 1, 9]);
    expect(backwards(debug)).toMatchObject({ kind: 'watchpoint', by: 'dma' });
    expect(value()).toBe(0);
    expect([backwards(debug, hart), debug.position, value()]).toEqual([step(hart), position, 0]);
    expect([backwards(debug, hart).kind, debug.position]).not.toEqual(['step', position]);
  });
  test('does not touch what lies between its rows', () => {
    expect(stopOf('access', 0x1010)).toBeUndefined();
    expect(stopOf('access', 0x20)).toBeUndefined();
  });
  test('is not reported when devices are not watched', () => {
    const debug = debuggee(program);
    debug.watchDevices = false;
    debug.setWatch({ access: 'write', address: DATA + 0x1000, bytes: 4 });
    debug.resume(new Map([[0, { kind: 'continue' }]]));
    expect(debug.advance(1000)).toBeUndefined();
  });
});

test('loads of a device register can be watched', () => {
  const debug = debuggee([
    ...li(1, DMA_BASE),
    ['lw', { rd: 2, rs1: 1, imm: dmaRegisters.registers.BUSY.offset }],
    loopForever,
  ]);
  const address = DMA_BASE + dmaRegisters.registers.BUSY.offset;
  debug.setWatch({ access: 'read', address, bytes: 4 });
  expect(continueAll(debug)).toEqual(hit('read', address));
});
