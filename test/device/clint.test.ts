import { describe, expect, test } from 'vitest';
import { Clint, clintRegisters } from '../../src/device/clint.ts';
import { Clock } from '../../src/device/clock.ts';
import { BusError } from '../../src/errors.ts';
import { offsetOf, recordedLines } from './lines.ts';

const MSIP = 1 << 3;
const MTIP = 1 << 7;

function machine() {
  const clock = new Clock();
  const lines = recordedLines(2);
  const clint = new Clint(clock, lines);
  type Name = keyof typeof clintRegisters.registers;
  const offset = (name: Name, index: number): number => offsetOf(clintRegisters, name, index);
  return {
    clock,
    lines,
    clint,
    get: (name: Name, index = 0) => clint.load(offset(name, index), 4, 0),
    set: (name: Name, value: number, index = 0) => clint.store(offset(name, index), 4, value, 0),
  };
}

describe('mtime', () => {
  test('advances by one per cycle and carries into the high word', () => {
    const { clock, get, set } = machine();
    clock.advance(100);
    expect(get('MTIME')).toBe(100);
    set('MTIME', -2);
    set('MTIME_HIGH', 6);
    clock.advance(103);
    expect([get('MTIME'), get('MTIME_HIGH')]).toEqual([1, 7]);
  });
});

describe('the timer interrupt', () => {
  test('is pending from the cycle in which mtime reaches mtimecmp, for that hart alone', () => {
    const { clock, lines, set } = machine();
    set('MTIMECMP', 500, 1);
    set('MTIMECMP_HIGH', 0, 1);
    clock.advance(499);
    expect(lines.mip).toEqual([0, 0]);
    clock.advance(500);
    expect(lines.mip).toEqual([0, MTIP]);
  });

  test('goes away when mtimecmp moves into the future, and comes again', () => {
    const { clock, lines, set } = machine();
    clock.advance(10);
    set('MTIMECMP_HIGH', 0);
    set('MTIMECMP', 10);
    expect(lines.mip[0]).toBe(MTIP);
    set('MTIMECMP', 20);
    expect(lines.mip[0]).toBe(0);
    clock.advance(20);
    expect(lines.mip[0]).toBe(MTIP);
  });

  test('follows a change of mtime', () => {
    const { clock, lines, set } = machine();
    set('MTIMECMP', 1000);
    set('MTIMECMP_HIGH', 0);
    set('MTIME', 990);
    clock.advance(9);
    expect(lines.mip[0]).toBe(0);
    clock.advance(10);
    expect(lines.mip[0]).toBe(MTIP);
  });

  test('never comes while mtimecmp holds its reset value', () => {
    const { clock, get } = machine();
    expect([get('MTIMECMP'), get('MTIMECMP_HIGH'), clock.next]).toEqual([-1, -1, Infinity]);
  });
});

test('msip drives the software interrupt with bit 0 alone', () => {
  const { lines, clint, get, set } = machine();
  set('MSIP', 1, 1);
  expect(lines.mip).toEqual([0, MSIP]);
  set('MSIP', 2, 1);
  expect(lines.mip).toEqual([0, 0]);
  clint.setSoftware(0, true);
  expect([get('MSIP', 0), get('MSIP', 1)]).toEqual([1, 0]);
});

test('the registers of an absent hart are a bus error', () => {
  const { get } = machine();
  expect(() => get('MSIP', 2)).toThrow(BusError);
  expect(() => get('MTIMECMP', 2)).toThrow('CLINT: there is no hart 2; the harts are 0 to 1');
});

test('a snapshot keeps the time and the wait, whatever the clock of the other machine says', () => {
  const original = machine();
  original.set('MTIMECMP', 300);
  original.set('MTIMECMP_HIGH', 0);
  original.set('MSIP', 1);
  original.clock.advance(250);
  const copy = machine();
  copy.clock.advance(7000);
  copy.clint.restore(original.clint.snapshot());
  expect([copy.get('MTIME'), copy.lines.mip[0]]).toEqual([250, MSIP]);
  copy.clock.advance(7050);
  expect(copy.lines.mip[0]).toBe(MSIP | MTIP);
});
