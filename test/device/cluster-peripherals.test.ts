import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/device/clock.ts';
import { ClusterPeripherals, clusterRegisters } from '../../src/device/cluster-peripherals.ts';
import { type PerformanceEvent, performanceEvents } from '../../src/device/performance-events.ts';
import { STALL } from '../../src/device/device.ts';
import { BusError } from '../../src/errors.ts';
import { offsetOf, recordedLines } from './lines.ts';

function machine(harts = 3) {
  const clock = new Clock();
  const lines = recordedLines(harts);
  const software = Array.from({ length: harts }, () => false);
  const totals: Record<string, number> = {};
  const state = { busy: false };
  const marks: (readonly [hart: number, id: number, end: boolean])[] = [];
  const peripherals = new ClusterPeripherals({
    clock,
    lines,
    tcdmBytes: 0x2_0000,
    count: (event: PerformanceEvent, hart) => totals[`${event}${hart}`] ?? 0,
    setSoftware: (hart, level) => {
      software[hart] = level;
    },
    accelerator: () => state.busy,
    mark: (...mark) => marks.push(mark),
  });
  type Name = keyof typeof clusterRegisters.registers;
  const offset = (name: Name, index: number): number => offsetOf(clusterRegisters, name, index);
  return {
    clock,
    lines,
    software,
    totals,
    state,
    marks,
    peripherals,
    get: (name: Name, hart = 0, index = 0) => peripherals.load(offset(name, index), 4, hart),
    set: (name: Name, value: number, index = 0) => peripherals.store(offset(name, index), 4, value, 0),
  };
}

/** Reads the barrier as a hart does: whether the read returned. */
function arrives(m: ReturnType<typeof machine>, hart: number): boolean {
  try {
    expect(m.get('BARRIER', hart)).toBe(0);
    return true;
  } catch (thrown) {
    if (thrown === STALL) return false;
    throw thrown;
  }
}

describe('the hardware barrier', () => {
  test('stalls every hart but the last, wakes them, and lets their repeated reads return', () => {
    const m = machine();
    expect([arrives(m, 1), arrives(m, 0)]).toEqual([false, false]);
    expect(m.lines.woken).toEqual([]);
    expect(m.peripherals.waiting).toBe(0b011);
    expect(arrives(m, 2)).toBe(true);
    expect(m.lines.woken).toEqual([0, 1]);
    expect([arrives(m, 0), arrives(m, 1)]).toEqual([true, true]);
  });

  test('stalls again a hart that was woken for another reason', () => {
    const m = machine();
    expect([arrives(m, 0), arrives(m, 0), arrives(m, 1), arrives(m, 0)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(arrives(m, 2)).toBe(true);
  });

  test('keeps rounds apart when a fast hart reaches the next one before the others have left', () => {
    const m = machine();
    arrives(m, 0);
    arrives(m, 1);
    expect(arrives(m, 2)).toBe(true);
    expect(arrives(m, 2)).toBe(false);
    expect([arrives(m, 0), arrives(m, 1)]).toEqual([true, true]);
    expect([arrives(m, 0), arrives(m, 1), arrives(m, 2)]).toEqual([false, true, true]);
    expect(arrives(m, 0)).toBe(true);
  });

  test('is passed at once by a single hart', () => {
    expect(arrives(machine(1), 0)).toBe(true);
  });

  test('survives a snapshot between arrival and release', () => {
    const original = machine();
    arrives(original, 0);
    arrives(original, 1);
    arrives(original, 2);
    arrives(original, 0);
    const copy = machine();
    copy.peripherals.restore(original.peripherals.snapshot());
    expect([arrives(copy, 1), arrives(copy, 0)]).toEqual([true, false]);
  });
});

describe('a performance counter', () => {
  test('counts from the moment it is enabled, for the chosen hart, and stops when disabled', () => {
    const { totals, get, set } = machine();
    Object.assign(totals, { INSTRUCTIONS0: 5, INSTRUCTIONS2: 1000 });
    set('PERF_HART', 2, 4);
    set('PERF_ENABLE', performanceEvents.INSTRUCTIONS.code, 4);
    totals['INSTRUCTIONS2'] = 1234;
    totals['INSTRUCTIONS0'] = 77;
    expect(get('PERF_COUNTER', 0, 4)).toBe(234);
    set('PERF_ENABLE', 0, 4);
    totals['INSTRUCTIONS2'] = 9999;
    expect(get('PERF_COUNTER', 0, 4)).toBe(234);
    expect(get('PERF_COUNTER', 0, 5)).toBe(0);
  });

  test('is 64 bits wide and restarts from the value written', () => {
    const { totals, get, set } = machine();
    set('PERF_ENABLE', performanceEvents.CYCLES.code);
    totals['CYCLES0'] = 2 ** 32 + 7;
    expect([get('PERF_COUNTER'), get('PERF_COUNTER_HIGH')]).toEqual([7, 1]);
    set('PERF_COUNTER', 0);
    totals['CYCLES0'] += 3;
    expect([get('PERF_COUNTER'), get('PERF_COUNTER_HIGH')]).toEqual([3, 0]);
  });

  test('refuses an unknown event and an absent hart', () => {
    const { set } = machine();
    expect(() => set('PERF_ENABLE', 99, 1)).toThrow('CLUSTER.PERF_ENABLE[1]: there is no event 99');
    expect(() => set('PERF_HART', 3, 1)).toThrow(BusError);
  });

  test('has an event table without equal codes', () => {
    const codes = Object.values(performanceEvents).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes).not.toContain(0);
  });
});

describe('the other registers', () => {
  test('raise and clear the software interrupts of a mask of harts', () => {
    const { software, set } = machine();
    set('CLINT_SET', 0b1101);
    expect(software).toEqual([true, false, true]);
    set('CLINT_CLEAR', 0b0100);
    expect(software).toEqual([true, false, false]);
  });

  test('show the accelerator: busy as a level, the end of a job for one cycle', () => {
    const { clock, state, peripherals, get } = machine();
    state.busy = true;
    expect([get('HWPE_BUSY'), get('HWPE_EVT')]).toEqual([1, 0]);
    clock.advance(40);
    peripherals.jobFinished(1);
    expect(get('HWPE_EVT')).toBe(0b0100);
    clock.advance(41);
    expect(get('HWPE_EVT')).toBe(0);
  });

  test('pass marks on with the hart that made them, and read as nothing', () => {
    const { marks, peripherals, get, set } = machine();
    set('MARK', 7);
    peripherals.store(clusterRegisters.registers.MARK.offset, 4, 0x8000_0007 | 0, 2);
    expect(marks).toEqual([
      [0, 7, false],
      [2, 7, true],
    ]);
    expect(() => get('MARK')).toThrow('register MARK is write-only');
  });

  test('state the size of the cluster', () => {
    const { get } = machine();
    expect([get('HART_COUNT'), get('TCDM_BYTES')]).toEqual([3, 0x2_0000]);
  });
});
