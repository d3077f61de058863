import { describe, expect, test } from 'vitest';
import { STALL } from '../../src/device/device.ts';
import { EVENT, EventUnit, eventRegisters } from '../../src/device/event-unit.ts';
import { MachineError } from '../../src/errors.ts';
import { offsetOf, recordedLines } from './lines.ts';

const MEIP = 1 << 11;

function machine(harts = 4) {
  const lines = recordedLines(harts);
  const unit = new EventUnit(lines);
  type Name = keyof typeof eventRegisters.registers;
  const offset = (name: Name, index: number): number => offsetOf(eventRegisters, name, index);
  return {
    lines,
    unit,
    get: (hart: number, name: Name, index = 0) => unit.load(offset(name, index), 4, hart),
    set: (hart: number, name: Name, value: number, index = 0) =>
      unit.store(offset(name, index), 4, value, hart),
  };
}

function stalls(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (thrown) {
    if (thrown === STALL) return true;
    throw thrown;
  }
}

describe('WAIT', () => {
  test('stalls until an enabled event arrives, then returns it and removes it', () => {
    const { lines, unit, get, set } = machine();
    set(2, 'EVENT_MASK', 1 << EVENT.DMA);
    expect(stalls(() => get(2, 'WAIT'))).toBe(true);
    unit.raise(EVENT.ITA, 1 << 2);
    expect(lines.woken).toEqual([]);
    expect(stalls(() => get(2, 'WAIT'))).toBe(true);
    unit.raise(EVENT.DMA, 1 << 2);
    expect(lines.woken).toEqual([2]);
    expect(get(2, 'WAIT')).toBe(1 << EVENT.DMA);
    expect(get(2, 'BUFFER')).toBe(1 << EVENT.ITA);
    expect(stalls(() => get(2, 'WAIT'))).toBe(true);
  });

  test('does not lose an event that arrives before the hart goes to sleep', () => {
    const { unit, get, set } = machine();
    unit.raise(EVENT.DMA, 1);
    set(0, 'EVENT_MASK', 1 << EVENT.DMA);
    expect(unit.pending(0)).toBe(true);
    expect(get(0, 'WAIT')).toBe(1 << EVENT.DMA);
    expect(unit.pending(0)).toBe(false);
  });

  test('is not consumed by a debugger', () => {
    const { unit, set } = machine();
    set(0, 'EVENT_MASK', 1);
    unit.raise(0, 1);
    const { offset } = eventRegisters.registers.WAIT;
    expect([unit.peek(offset, 4, 0), unit.peek(offset, 4, 0)]).toEqual([1, 1]);
    expect(unit.peek(offset, 4, 1)).toBe(0);
  });
});

describe('events', () => {
  test('reach the harts of the mask only, and every hart without a mask', () => {
    const { unit, get } = machine();
    unit.raise(EVENT.DMA, 0b0101);
    expect([0, 1, 2, 3].map((hart) => get(hart, 'BUFFER') >>> EVENT.DMA)).toEqual([1, 0, 1, 0]);
    unit.raise(EVENT.ITA);
    expect([0, 1, 2, 3].map((hart) => (get(hart, 'BUFFER') >>> EVENT.ITA) & 1)).toEqual([1, 1, 1, 1]);
  });

  test('of software are raised by a store whose value is the mask of harts', () => {
    const { lines, get, set } = machine();
    set(3, 'EVENT_MASK', 1 << 5);
    set(0, 'SW_EVENT', 0b1010, 5);
    expect([0, 1, 2, 3].map((hart) => get(hart, 'BUFFER'))).toEqual([0, 32, 0, 32]);
    expect(lines.woken).toEqual([3]);
  });

  test('interrupt the hart while they are in BUFFER and IRQ_MASK', () => {
    const { lines, unit, set } = machine();
    unit.raise(EVENT.DMA, 0b10);
    expect(lines.mip[1]).toBe(0);
    set(1, 'IRQ_MASK', 1 << EVENT.DMA);
    expect(lines.mip).toEqual([0, MEIP, 0, 0]);
    set(1, 'CLEAR', 1 << EVENT.ITA);
    expect(lines.mip[1]).toBe(MEIP);
    set(1, 'CLEAR', 1 << EVENT.DMA);
    expect(lines.mip[1]).toBe(0);
  });
});

describe('a barrier of the event unit', () => {
  test('raises its event on the participants when the last has arrived, and can be used again', () => {
    const { get, set } = machine();
    set(0, 'BARRIER_MASK', 0b0111, 1);
    for (let round = 0; round < 2; round++) {
      set(0, 'BARRIER_ARRIVE', 1, 1);
      set(2, 'BARRIER_ARRIVE', 1, 1);
      set(2, 'BARRIER_ARRIVE', 1, 1);
      expect(get(3, 'BARRIER_STATUS', 1)).toBe(0b0101);
      expect(get(0, 'BUFFER')).toBe(0);
      set(1, 'BARRIER_ARRIVE', 1, 1);
      expect([0, 1, 2, 3].map((hart) => get(hart, 'BUFFER') >>> EVENT.BARRIER)).toEqual([1, 1, 1, 0]);
      expect(get(0, 'BARRIER_STATUS', 1)).toBe(0);
      for (let hart = 0; hart < 3; hart++) set(hart, 'CLEAR', -1);
    }
  });

  test('takes all harts after reset', () => {
    const { get } = machine(16);
    expect(get(0, 'BARRIER_MASK', 3)).toBe(0xffff);
  });

  test('reports a hart that does not take part', () => {
    const { set } = machine();
    set(0, 'BARRIER_MASK', 0b0011, 0);
    expect(() => set(2, 'BARRIER_ARRIVE', 1, 0)).toThrow(MachineError);
    expect(() => set(2, 'BARRIER_ARRIVE', 1, 0)).toThrow(
      /hart 2 arrived at barrier 0 .* participants are 0x3/,
    );
  });
});

test('a snapshot carries masks, latched events and barriers, and restores the interrupt line', () => {
  const original = machine();
  original.set(1, 'EVENT_MASK', 1 << EVENT.DMA);
  original.set(1, 'IRQ_MASK', 1 << EVENT.DMA);
  original.set(3, 'BARRIER_ARRIVE', 1, 2);
  original.unit.raise(EVENT.DMA);
  const copy = machine();
  copy.unit.restore(original.unit.snapshot());
  expect(copy.unit.pending(1)).toBe(true);
  expect(copy.lines.mip).toEqual([0, MEIP, 0, 0]);
  expect(copy.get(0, 'BARRIER_STATUS', 2)).toBe(0b1000);
  copy.unit.reset();
  expect(copy.lines.mip).toEqual([0, 0, 0, 0]);
  expect(copy.unit.pending(1)).toBe(false);
});
