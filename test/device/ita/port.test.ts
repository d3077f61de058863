import { describe, expect, it } from 'vitest';
import { STREAM } from '../../../src/device/ita/registers.ts';
import type { BankUse } from '../../../src/device/ita/port.ts';
import { Rig } from './rig.ts';

/** Banks that are busy for a request in a cycle with the given probability, the same in every run (xorshift). */
function refusing(probability: number): BankUse {
  const threshold = probability * 2 ** 32;
  return {
    count: 32,
    busy: (first, _count, cycle) => {
      let x = (cycle * 0x9e37_79b1 + first + 1) | 0;
      for (let round = 0; round < 3; round++) {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
      }
      return x >>> 0 < threshold;
    },
  };
}

const { preload, nextload, outputDisable } = STREAM;

/** A job of a linear layer with `inner` inner tiles. */
const submit = (rig: Rig, inner: number, stream: number): void => {
  rig.submit({
    TILES: 0x1001 | (inner << 4),
    CTRL_ENGINE: 2,
    OUTPUT_PTR: 0x4000,
    WEIGHT_PTR0: 0x1000,
    WEIGHT_PTR1: 0x1000,
    BIAS_PTR: 0x3000,
    CTRL_STREAM: stream,
  });
  rig.idle(1500);
};

/** Mean busy cycles of jobs with output, or of inner ones, each behind another. */
function meanCycles(probability: number, output: boolean): number {
  const rig = new Rig({ banks: refusing(probability) });
  const inner = output ? 1 : 3;
  for (let job = 0; job < 40 * inner; job++) {
    const last = job % inner === inner - 1;
    submit(rig, inner, (job === 0 ? preload : 0) | nextload | (last ? 0 : outputDisable));
  }
  const counted = rig.busyCycles.filter((_, job) => (output ? job > 0 : job % inner === 1));
  return counted.reduce((sum, cycles) => sum + cycles, 0) / counted.length;
}

describe('a job whose requests are refused at random', () => {
  // specs/ita.md §11.2: cycles of the register-transfer simulation at each probability.
  it.each([
    [0, 306],
    [0.05, 319],
    [0.1, 337],
    [0.2, 377],
    [0.3, 427],
    [0.5, 594],
  ])('with output, at %f: within 5 %% of %i cycles', (probability, measured) => {
    const mean = meanCycles(probability, true);
    expect(Math.abs(mean / measured - 1)).toBeLessThan(0.05);
  });

  it.each([
    [0, 271],
    [0.3, 274],
    [0.4, 295],
    [0.5, 343],
  ])('without output, at %f: within 5 %% of %i cycles', (probability, measured) => {
    expect(Math.abs(meanCycles(probability, false) / measured - 1)).toBeLessThan(0.05);
  });

  it('counts what refusals added', () => {
    const rig = new Rig({ banks: refusing(0.5) });
    submit(rig, 1, preload);
    const { busyCycles, stallCycles } = rig.ita.statistics;
    expect(busyCycles - stallCycles).toBe(306);
    expect(stallCycles).toBeGreaterThan(200);
  });
});

it('a memory whose banks are never busy changes nothing', () => {
  const cycles = [undefined, { count: 32, busy: () => false }].map((banks) => {
    const rig = new Rig(banks ? { banks } : {});
    submit(rig, 1, preload);
    return rig.busyCycles;
  });
  expect(cycles[0]).toEqual(cycles[1]);
});
