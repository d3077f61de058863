import { describe, expect, test } from 'vitest';
import { override, parseMachineFile, presetOf } from '../../src/cluster/config.ts';
import { energyOf } from '../../src/energy/energy.ts';

const parse = (fields: object) => parseMachineFile(JSON.stringify(fields), 'mine.json');

const RUN = {
  cycles: 1000,
  harts: [],
  dma: { bytes: 1e6, busyCycles: 0 },
  ita: { jobs: 0, macs: 0, busyCycles: 0, words: 0 },
};

/** What the DMA of a machine with these energies takes for a million bytes at 0.8 V, mJ. */
const dma = (energy: object): object | undefined =>
  energyOf(parse({ energy, operatingPoint: { volts: 0.8 } }), RUN).components.find(
    ({ name }) => name === 'DMA',
  )?.millijoules;

describe('the operating point of a machine', () => {
  test('is that of the published cluster unless the file or an option says otherwise, one number or both', () => {
    expect(presetOf('octa').operatingPoint).toEqual({ volts: 0.65, megahertz: 425 });
    expect(parse({ operatingPoint: { volts: 0.8 } }).operatingPoint).toEqual({ volts: 0.8, megahertz: 425 });
    const base = parse({ operatingPoint: { volts: 0.7, megahertz: 450 } });
    const faster = override(base, { operatingPoint: { volts: undefined, megahertz: 500 } });
    expect(faster.operatingPoint).toEqual({ volts: 0.7, megahertz: 500 });
  });

  test.each([
    [{ operatingPoint: { volts: 12 } }, 'operatingPoint.volts is 12, expected a supply from 0.4 to 1.2 V'],
    [
      { operatingPoint: { megahertz: 0 } },
      'operatingPoint.megahertz is 0, expected a clock from 1 to 2000 MHz',
    ],
    [{ operatingPoint: { hertz: 1 } }, "unknown field 'operatingPoint.hertz'"],
    [{ operatingPoint: null }, 'operatingPoint is null, expected an object'],
  ])('refuses %j', (fields, sentence) => {
    expect(() => parse(fields)).toThrow(`mine.json: ${sentence}`);
  });
});

describe('the energies of a machine file', () => {
  test('replace those of the table, as one number or as a range', () => {
    expect(dma({ dmaByte: 2 })).toEqual({ low: 2e-3, nominal: 2e-3, high: 2e-3 });
    expect(dma({ dmaByte: [1, 2, 4] })).toEqual({ low: 1e-3, nominal: 2e-3, high: 4e-3 });
  });

  test.each([
    [{ energy: { warp: 1 } }, 'energy.warp is 1, expected one of the fields snitchInstruction,'],
    [{ energy: { dmaByte: 'much' } }, 'energy.dmaByte is "much", expected a number of pJ'],
    [
      { energy: { leakage: [3, 2, 1] } },
      'energy.leakage is [3,2,1], expected a number of mW, or three in ascending order',
    ],
    [{ energy: null }, 'energy is null, expected an object'],
  ])('are refused where they are %j', (fields, sentence) => {
    expect(() => parse(fields)).toThrow(`mine.json: ${sentence}`);
  });
});
