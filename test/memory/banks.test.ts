import { describe, expect, test } from 'vitest';
import { Banks, KEPT_CYCLES, RING_CYCLES } from '../../src/memory/banks.ts';
import { Memory } from '../../src/memory/memory.ts';
import { xorshift } from '../support/random.ts';

const TCDM = 0x1000_0000;

const memory = new Memory([], 1 << 23);
const banksOf = (count: number): Banks => new Banks(memory, TCDM, count);

describe('the banks of a TCDM', () => {
  test('interleave words of 64 bits', () => {
    const banks = banksOf(32);
    expect([0, 7, 8, 8 * 31, 8 * 32].map((offset) => banks.bankOf(TCDM + offset))).toEqual([0, 0, 1, 31, 0]);
  });

  test('serve one access in a cycle, and the next in the first free cycle', () => {
    const banks = banksOf(32);
    expect([5, 5, 5, 6, 9].map((cycle) => banks.take(TCDM + 4, cycle))).toEqual([0, 1, 2, 2, 0]);
    expect(banks.take(TCDM + 8, 5)).toBe(0);
  });

  test('are all needed by a wide request', () => {
    const banks = banksOf(32);
    banks.take(TCDM + 8 * 15, 3);
    banks.take(TCDM + 8 * 2, 4);
    expect(banks.takeAll(TCDM, 128, 3)).toBe(2);
    expect(banks.free(TCDM, 128, 5)).toBe(false);
    expect(banks.free(TCDM + 128, 128, 5)).toBe(true);
  });

  test('are taken beat after beat by whoever has priority', () => {
    const banks = banksOf(32);
    banks.take(TCDM + 64, 11);
    banks.occupyBeats(TCDM, 64, 4, 10);
    expect([10, 11, 12, 13].map((cycle) => banks.take(TCDM, cycle))).toEqual([1, 1, 1, 1]);
    expect(banks.take(TCDM + 64, 11)).toBe(1);
    expect(banks.take(TCDM + 3 * 64, 13)).toBe(1);
  });

  test.each([1, 2, 32, 64])('are %i, each with cycles of its own', (count) => {
    const banks = banksOf(count);
    for (let bank = 0; bank < count; bank++) expect(banks.take(TCDM + 8 * bank, 7)).toBe(0);
    for (let bank = 0; bank < count; bank++) expect(banks.take(TCDM + 8 * bank, 7)).toBe(1);
  });

  test('forget cycles that have passed, all around the ring', () => {
    const banks = banksOf(64);
    for (let cycle = 0; cycle < 3 * RING_CYCLES; cycle += 1000) {
      banks.advance(cycle);
      for (let at = cycle; at < cycle + 1000; at++)
        if (banks.take(TCDM + 8 * 63, at) !== 0) expect.fail(`${at}`);
    }
    expect(banks.take(TCDM + 8 * 63, 3 * RING_CYCLES - 100)).toBeGreaterThan(0);
  });

  test('are known to have been busy for some time afterwards', () => {
    const banks = banksOf(32);
    banks.take(TCDM + 8 * 5, 1000);
    banks.advance(1000 + KEPT_CYCLES);
    expect([banks.busy(0, 16, 1000), banks.busy(16, 16, 1000), banks.busy(0, 16, 1001)]).toEqual([
      true,
      false,
      false,
    ]);
    banks.advance(1001 + KEPT_CYCLES);
    expect(banks.busy(0, 16, 1000)).toBe(false);
  });

  test('are free in cycles beyond the ring and before its start', () => {
    const banks = banksOf(32);
    const start = 1000;
    banks.advance(start + KEPT_CYCLES);
    for (const cycle of [start - 1, start + RING_CYCLES]) {
      expect([banks.take(TCDM, cycle), banks.take(TCDM, cycle)]).toEqual([0, 0]);
    }
    expect(banks.free(TCDM, 8, start)).toBe(true);
    banks.advance(10 * RING_CYCLES);
    expect(banks.free(TCDM, 8, 10 * RING_CYCLES)).toBe(true);
  });

  test('are restored from a snapshot', () => {
    const banks = banksOf(64);
    banks.advance(12345);
    banks.take(TCDM + 8 * 40, 12346);
    banks.take(TCDM, 20000);
    const state = structuredClone(banks.snapshot());
    banks.reset();
    expect(banks.free(TCDM, 8, 20000)).toBe(true);
    banks.restore(state);
    expect(banks.snapshot()).toEqual(state);
    expect(banks.take(TCDM + 8 * 40, 12346)).toBe(1);
    expect(banks.take(TCDM, 20000)).toBe(1);
  });
});

/** Harts that access random words, with `gap` cycles of work between two accesses at most. */
interface Load {
  readonly harts: number;
  readonly banks: number;
  readonly gap: number;
}

/** Mean stall of an access with an arbiter for each bank that goes round robin, cycle by cycle. */
function stallPerCycle({ harts, banks, gap }: Load, cycles: number): number {
  const random = xorshift(11);
  const whole = (n: number): number => random() % n;
  const wants = Array.from({ length: harts }, () => ({ bank: whole(banks), from: whole(gap + 1) }));
  const last = Array.from({ length: banks }, () => 0);
  let [stalls, accesses] = [0, 0];
  for (let cycle = 0; cycle < cycles; cycle++) {
    for (let bank = 0; bank < banks; bank++) {
      const order = wants.map((_, i) => (last[bank] + 1 + i) % harts);
      const asking = order.filter((i) => wants[i].bank === bank && wants[i].from <= cycle);
      if (asking.length === 0) continue;
      const [served] = asking;
      last[bank] = served;
      accesses++;
      stalls += cycle - wants[served].from;
      wants[served] = { bank: -1, from: cycle + 1 + whole(gap + 1) };
    }
    for (const want of wants) if (want.bank < 0) want.bank = whole(banks);
  }
  return stalls / accesses;
}

/** The same with harts that run slice by slice, as the cluster does. */
function stallBySlices({ harts, banks: count, gap }: Load, cycles: number, quantum: number): number {
  const random = xorshift(12);
  const whole = (n: number): number => random() % n;
  const banks = banksOf(count);
  const times = Array.from({ length: harts }, () => whole(gap + 1));
  let [stalls, accesses] = [0, 0];
  for (let round = 0; Math.min(...times) < cycles; round++) {
    const start = Math.min(...times);
    banks.advance(start);
    for (let i = 0; i < harts; i++) {
      const hart = (i + round) % harts;
      while (times[hart] < start + quantum) {
        const stall = banks.take(TCDM + 8 * whole(count), times[hart]);
        stalls += stall;
        accesses++;
        times[hart] += 1 + stall + whole(gap + 1);
      }
    }
  }
  return stalls / accesses;
}

describe('stalls of harts that run slice by slice are those of an arbiter in each cycle, within a few percent', () => {
  test.each([
    { harts: 8, banks: 32, gap: 0 },
    { harts: 8, banks: 32, gap: 4 },
    { harts: 8, banks: 16, gap: 1 },
    { harts: 16, banks: 32, gap: 2 },
    { harts: 4, banks: 8, gap: 3 },
  ])('$harts harts, $banks banks, up to $gap cycles between accesses', (load) => {
    const exact = stallPerCycle(load, 20_000);
    for (const quantum of [1, 100, 500]) {
      expect(Math.abs(stallBySlices(load, 20_000, quantum) / exact - 1), `quantum ${quantum}`).toBeLessThan(
        0.08,
      );
    }
  });
});
