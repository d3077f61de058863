import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  calibrationForPage,
  comparisons,
  fitOf,
  type RecordedRun,
  recordedRuns,
  type RecordedRuns,
} from '../../src/energy/calibration.ts';
import { constants, constantsForPage } from '../../src/energy/constants.ts';
import { energyOf } from '../../src/energy/energy.ts';
import { published } from '../../src/energy/published.ts';

const runs = Object.fromEntries(
  recordedRuns.map((name) => {
    const file = new URL(`../../fixtures/energy/${name}.json`, import.meta.url);
    return [name, JSON.parse(readFileSync(file, 'utf8')) as RecordedRun];
  }),
) as RecordedRuns;

const page = readFileSync(new URL('../../docs/energy.md', import.meta.url), 'utf8');

describe('the calibration', () => {
  test('gives the constant that the table has, within rounding', () => {
    const { value } = constants.clusterCycle;
    const fit = fitOf(runs);
    expect(Math.abs(value.nominal - fit.nominal)).toBeLessThan(1);
    expect(Math.abs(value.low - fit.low)).toBeLessThan(1);
    expect(Math.abs(value.high - fit.high)).toBeLessThan(1);
  });

  test('fixes a part of the power only: other constants make up more than half of it', () => {
    const { components, millijoules } = energyOf(runs.mobilebert.config, runs.mobilebert.statistics);
    const fitted = components.find(({ name }) => name === 'clock tree')?.millijoules.nominal ?? NaN;
    expect(fitted).toBeLessThan(millijoules.nominal / 2);
  });

  test('leaves MobileBERT within 15 % of the published power and energy', () => {
    const model = new Map(comparisons(runs).map((c) => [c.what, c.model.nominal]));
    for (const { what, value } of [published.mobileBertPower, published.mobileBertEnergy]) {
      expect(Math.abs((model.get(what) ?? NaN) / value - 1)).toBeLessThan(0.15);
    }
  });

  test('leaves a multiply-accumulate of harts within its range of the published ones', () => {
    for (const { unit, value, model, tag } of comparisons(runs)) {
      if (unit !== 'pJ' || tag === 'recalled') continue;
      expect(value).toBeGreaterThan(model.low);
      expect(value).toBeLessThan(model.high);
    }
  });

  test('fits nothing to recalled figures', () => {
    for (const { tag, use } of Object.values(published)) expect(use === 'beside').toBe(tag === 'recalled');
  });

  test('of docs/energy.md is that of the counts, and its table that of the model', () => {
    const message = 'out of date; run `npm run docs` and commit the result';
    expect(page.includes(calibrationForPage(runs)), message).toBe(true);
    expect(page.includes(constantsForPage()), message).toBe(true);
  });
});
