import { describe, expect, test } from 'vitest';
import { presetOf } from '../../src/cluster/config.ts';
import { bill } from '../../src/energy/bill.ts';
import { constants, overrideProblem } from '../../src/energy/constants.ts';
import { energyOf } from '../../src/energy/energy.ts';
import { estimate, sumOf } from '../../src/energy/estimate.ts';
import type { RunStatistics } from '../../src/energy/events.ts';
import { operatingPoints } from '../../src/energy/operating-point.ts';

const EVENTS = {
  tcdmAccesses: 0,
  dramAccesses: 0,
  multiplies: 0,
  divisions: 0,
  fetches: 0,
  icacheMisses: 0,
};

/** A run of 8 sleeping harts and an idle accelerator over a million cycles, with what a test says instead. */
const run = (counts: Partial<RunStatistics> = {}, hart: Partial<typeof EVENTS> = {}): RunStatistics => ({
  cycles: 1e6,
  harts: Array.from({ length: 8 }, (_, i) => ({
    instructions: 0,
    cycles: 1e6,
    sleepCycles: 1e6,
    events: i === 0 ? { ...EVENTS, ...hart } : EVENTS,
  })),
  dma: { bytes: 0, busyCycles: 0 },
  ita: { jobs: 0, macs: 0, busyCycles: 0, words: 0 },
  ...counts,
});

const octa = { ...presetOf('octa'), operatingPoint: operatingPoints['0.8V'] };
const nominal = (statistics: RunStatistics, config = octa): number =>
  energyOf(config, statistics).millijoules.nominal;

/** Of the run in which nothing happens, mJ. */
function leakage(volts: number, megahertz: number): number {
  const { components } = energyOf({ ...octa, operatingPoint: { volts, megahertz } }, run());
  return components.find((c) => c.name === 'leakage')?.millijoules.nominal ?? NaN;
}

describe('the energy of a run', () => {
  test.each([
    ['tcdmAccesses', 'tcdmAccess'],
    ['dramAccesses', 'dramAccess'],
    ['multiplies', 'cv32e40pMultiply'],
    ['divisions', 'division'],
    ['fetches', 'fetch'],
    ['icacheMisses', 'icacheMiss'],
  ] as const)('grows by the table for each of the %s of a hart', (event, constant) => {
    const difference = nominal(run({}, { [event]: 1e6 })) - nominal(run());
    expect(difference).toBeCloseTo(constants[constant].value.nominal * 1e-3, 9);
  });

  test('grows by 16.9 TOPS/W for the multiply-adds of the accelerator, within the rounding of the table', () => {
    const macs = 1e9;
    const ita = { jobs: 1, macs, busyCycles: macs / 1024, words: 0 };
    const millijoules = nominal(run({ ita })) - nominal(run());
    expect((2 * macs) / 1e12 / (millijoules / 1e3)).toBeCloseTo(16.9, 1);
  });

  test('is the sum of its components', () => {
    const { components, millijoules } = energyOf(octa, run({ dma: { bytes: 4096, busyCycles: 80 } }));
    const sum = components.reduce((total, c) => total + c.millijoules.nominal, 0);
    expect(millijoules.nominal).toBeCloseTo(sum, 12);
    expect(millijoules.low).toBeLessThan(millijoules.nominal);
    expect(millijoules.high).toBeGreaterThan(millijoules.nominal);
  });

  test('per event follows the square of the supply and does not follow the clock', () => {
    const busy = run({}, { tcdmAccesses: 1e6 });
    const at = (volts: number, megahertz: number): number => {
      const config = { ...octa, operatingPoint: { volts, megahertz } };
      return nominal(busy, config) - nominal(run(), config);
    };
    expect(at(0.65, 425) / at(0.8, 425)).toBeCloseTo((0.65 / 0.8) ** 2, 6);
    expect(at(0.8, 250)).toBeCloseTo(at(0.8, 500), 9);
  });

  test('leaks for as long as the run takes, by the cube of the supply', () => {
    expect(leakage(0.8, 250) / leakage(0.8, 500)).toBeCloseTo(2, 9);
    expect(leakage(0.65, 425) / leakage(0.8, 425)).toBeCloseTo((0.65 / 0.8) ** 3, 9);
  });

  test('is lower for a hart that sleeps than for one that waits awake', () => {
    const awake = run({
      harts: Array.from({ length: 8 }, () => ({
        instructions: 0,
        cycles: 1e6,
        sleepCycles: 0,
        events: EVENTS,
      })),
    });
    expect(nominal(awake)).toBeGreaterThan(nominal(run()));
  });

  test('counts a hart as asleep from where its time ends', () => {
    const { harts } = run();
    const ended = run({ harts: harts.map((h) => ({ ...h, cycles: 0, sleepCycles: 0 })) });
    expect(nominal(ended)).toBeCloseTo(nominal(run()), 12);
  });

  test('is lower for a machine with less in it', () => {
    const small = { ...octa, ...presetOf('bare'), operatingPoint: octa.operatingPoint };
    expect(nominal(run(), small)).toBeLessThan(nominal(run()) / 3);
  });

  test('says so when accesses had to be estimated, and does not when they were counted', () => {
    const counted = run();
    const uncounted = run({ harts: counted.harts.map((hart) => ({ ...hart, events: undefined })) });
    expect(energyOf(octa, uncounted).notes.join(' ')).toContain('Instruction timing counts neither');
    expect(energyOf(octa, counted).notes.join(' ')).not.toContain('Instruction timing');
  });

  test('takes an energy of the machine file in place of the table’s', () => {
    const statistics = run({ dma: { bytes: 1e6, busyCycles: 0 } });
    const own = { ...octa, energy: { dmaByte: 10 } };
    const difference = nominal(statistics, own) - nominal(statistics);
    expect(difference).toBeCloseTo((10 - constants.dmaByte.value.nominal) * 1e-3, 9);
  });
});

describe('the bill of an inference', () => {
  test('turns cycles, operations and energy into rate, power and efficiency that agree', () => {
    const b = bill(octa, run(), 2e9);
    expect(b.infPerSecond).toBeCloseTo(500, 9);
    expect(b.gopPerSecond).toBeCloseTo(1000, 9);
    expect(b.milliwatts.nominal).toBeCloseTo(b.millijoulePerInference.nominal * b.infPerSecond, 9);
    expect(b.gopPerJoule.nominal).toBeCloseTo(b.gopPerSecond / (b.milliwatts.nominal / 1e3), 6);
    expect(b.gopPerJoule.low).toBeLessThan(b.gopPerJoule.high);
  });

  test('states the accelerator’s use of its multipliers apart from its being busy', () => {
    const ita = { jobs: 1, macs: 1024 * 250_000, busyCycles: 400_000, words: 0 };
    expect(bill(octa, run({ ita }), 1).utilisation).toMatchObject({
      itaBusy: 0.4,
      itaPeak: 0.25,
      dmaBusy: 0,
    });
  });
});

describe('estimates', () => {
  test('add their deviations as squares, each side apart', () => {
    expect(sumOf([estimate(7, 10, 14), estimate(16, 20, 23)])).toEqual({ low: 25, nominal: 30, high: 35 });
  });

  test('of the table are in ascending order and above zero', () => {
    for (const { value } of Object.values(constants)) {
      expect(value.low).toBeGreaterThan(0);
      expect(value.low).toBeLessThanOrEqual(value.nominal);
      expect(value.nominal).toBeLessThanOrEqual(value.high);
    }
  });

  test('of a machine file are refused unless they name an energy and are ascending', () => {
    expect(overrideProblem({ dmaByte: 1, itaWord: [1, 2, 3] })).toBeUndefined();
    expect(overrideProblem({ warp: 1 })?.field).toBe('warp');
    expect(overrideProblem({ dmaByte: [3, 2, 1] })?.expected).toContain('ascending');
    expect(overrideProblem({ dmaByte: -1 })?.field).toBe('dmaByte');
  });
});
