/** Registers and memory as a debugger reads and writes them. */
import { describe, expect, test } from 'vitest';
import {
  BOOT_ROM_BASE,
  DMA_BASE,
  DRAM_BASE,
  EVENT_UNIT_BASE,
  TCDM_BASE,
} from '../../src/device/address-map.ts';
import { eventRegisters } from '../../src/device/event-unit.ts';
import { assemble, CODE, DATA, type Line } from '../support/guest.ts';
import { continueAll, debuggee, stepAlone } from './debuggee.ts';

const count: Line = ['addi', { rd: 6, rs1: 6, imm: 1 }];
const loop: Line[] = [count, ['jal', { rd: 0, imm: -4 }]];

describe('registers', () => {
  test('x0 stays 0 and the others keep what is written, as unsigned numbers', () => {
    const [hart] = debuggee(loop).harts;
    hart.setX(0, 1);
    hart.setX(31, 0xffff_fffe);
    expect([hart.x(0), hart.x(31)]).toEqual([0, 0xffff_fffe]);
  });

  test('every CSR can be read without effect, and absent ones are undefined', () => {
    const debug = debuggee(loop);
    const [hart] = debug.harts;
    stepAlone(debug, 0);
    const read = (): unknown[] => hart.csrs.map((number) => hart.csr(number));
    expect(read()).toEqual(read());
    expect(read()).not.toContain(undefined);
    expect(hart.csr(0x123)).toBeUndefined();
    expect(hart.csr(0xb02)).toBe(1);
  });

  test('CSRs are legalised, and read-only or absent ones refused', () => {
    const [hart] = debuggee(loop).harts;
    expect(hart.setCsr(0x300, 0xffff_ffff)).toBe(true);
    expect(hart.csr(0x300)).toBe(0x0022_1888);
    expect(hart.setCsr(0x305, 0x8000_0003)).toBe(true);
    expect(hart.csr(0x305)).toBe(0x8000_0000);
    expect(hart.setCsr(0xf14, 5)).toBe(false);
    expect(hart.setCsr(0xc00, 5)).toBe(false);
    expect(hart.setCsr(0x123, 5)).toBe(false);
    expect(hart.csr(0xf14)).toBe(0);
  });

  test('a counter reads what was written and counts on from there', () => {
    const debug = debuggee(loop);
    const [hart] = debug.harts;
    for (const [number, high] of [
      [0xb00, 0xb80],
      [0xb02, 0xb82],
    ]) {
      expect([hart.setCsr(number, 0xffff_ffff), hart.setCsr(high, 7)]).toEqual([true, true]);
      expect([hart.csr(number), hart.csr(high)]).toEqual([0xffff_ffff, 7]);
    }
    stepAlone(debug, 0);
    expect([hart.csr(0xb00), hart.csr(0xb80), hart.csr(0xb02), hart.csr(0xb82)]).toEqual([0, 8, 0, 8]);
    expect(hart.instret).toBe(1);
  });

  test.each(['interpret', 'translate'] as const)('hardware loops can be set up (%s)', (engine) => {
    const body: Line[] = [count, count, count, ['jal', { rd: 0, imm: 0 }]];
    const debug = debuggee(body, { engine });
    const [hart] = debug.harts;
    for (const [number, value] of [
      [0xcc0, CODE],
      [0xcc1, CODE + 12],
      [0xcc2, 5],
    ]) {
      expect(hart.setCsr(number, value)).toBe(true);
      expect(hart.csr(number)).toBe(value);
    }
    debug.setBreakpoint(CODE + 12, 'hardware');
    expect(continueAll(debug)).toMatchObject({ kind: 'breakpoint' });
    expect([hart.x(6), hart.csr(0xcc2)]).toEqual([15, 0]);
  });

  test('privilege can be changed', () => {
    const debug = debuggee([['csrrs', { rd: 5, csr: 0x300, rs1: 0 }], ...loop]);
    debug.harts[0].privilege = 0;
    expect(continueAll(debug)).toMatchObject({ kind: 'fault', reason: expect.stringContaining('user mode') });
    expect(debug.harts[0].privilege).toBe(0);
    debug.harts[0].privilege = 3;
    expect(stepAlone(debug, 0)).toEqual({ kind: 'step', hart: 0 });
  });
});

describe('memory', () => {
  const debug = debuggee(loop);

  test('is read up to where it ends', () => {
    expect(debug.read(CODE, 8)).toEqual(assemble(loop));
    expect(debug.read(DRAM_BASE + (1 << 20) - 3, 8)).toHaveLength(3);
    expect(debug.read(0, 4)).toHaveLength(0);
    expect(debug.read(0xffff_fffe, 8).length).toBeLessThanOrEqual(2);
  });

  test('is written as a whole or not at all', () => {
    const end = DRAM_BASE + (1 << 20);
    expect(debug.write(DATA, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(debug.read(DATA, 4)).toEqual(Uint8Array.of(1, 2, 3, 0));
    expect(debug.write(end - 2, Uint8Array.of(1, 2, 3))).toBe(false);
    expect(debug.read(end - 2, 2)).toEqual(Uint8Array.of(0, 0));
    expect(debug.write(BOOT_ROM_BASE, Uint8Array.of(1))).toBe(false);
    expect(debug.write(DMA_BASE, Uint8Array.of(1))).toBe(false);
    expect(debug.write(0, Uint8Array.of(1))).toBe(false);
    expect(debug.write(0, new Uint8Array())).toBe(true);
  });

  test('of devices is read without effect, in any pieces', () => {
    const running = debuggee([
      ['lui', { rd: 1, imm: EVENT_UNIT_BASE }],
      ['addi', { rd: 2, rs1: 0, imm: 0x7f }],
      ['sw', { rs1: 1, rs2: 2, imm: eventRegisters.registers.EVENT_MASK.offset }],
      ['sw', { rs1: 1, rs2: 2, imm: eventRegisters.registers.SW_EVENT.offset }],
      ['jal', { rd: 0, imm: 0 }],
    ]);
    for (let i = 0; i < 4; i++) stepAlone(running, 0);
    const wait = EVENT_UNIT_BASE + eventRegisters.registers.WAIT.offset;
    for (let i = 0; i < 2; i++) expect(running.read(wait, 4)).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(running.read(wait - 1, 3)).toEqual(Uint8Array.of(0, 1, 0));
  });

  test('once written is what harts execute', () => {
    const hot = debuggee(loop, { engine: 'translate' });
    hot.resume(new Map([[0, { kind: 'continue' }]]));
    while (hot.position < 50_000) hot.advance(10_000);
    hot.write(CODE, assemble([['ebreak']]));
    expect(continueAll(hot)).toEqual({ kind: 'ebreak', hart: 0 });
  });

  test('is listed with what it is', () => {
    expect(debug.regions).toContainEqual({ name: 'TCDM', base: TCDM_BASE, bytes: 128 << 10, kind: 'ram' });
    expect(debug.regions).toContainEqual({ name: 'boot ROM', base: BOOT_ROM_BASE, bytes: 4096, kind: 'rom' });
    expect(debug.regions).toContainEqual({ name: 'dma', base: DMA_BASE, bytes: 4096, kind: 'device' });
    const ends = debug.regions.map(({ base, bytes }) => base + bytes);
    debug.regions.slice(1).forEach(({ base }, i) => expect(base).toBeGreaterThanOrEqual(ends[i]));
  });
});

test('what the guest prints is told once', () => {
  const printed: number[] = [];
  const debug = debuggee([
    ['lui', { rd: 1, imm: 0x0300_0000 }],
    ['addi', { rd: 2, rs1: 0, imm: 65 }],
    ['sb', { rs1: 1, rs2: 2, imm: 0 }],
    ...loop,
  ]);
  debug.onOutput = (bytes) => printed.push(...bytes);
  for (let i = 0; i < 5; i++) stepAlone(debug, 0);
  expect(printed).toEqual([65]);
});
