import { describe, expect, test } from 'vitest';
import { parseAxis, type Point, pointsOf, type Sweep } from '../../src/explore/sweep.ts';

const sweep = (overrides: Partial<Sweep>): Sweep => ({
  networks: ['mobilebert'],
  axes: [],
  machine: {},
  options: [],
  ...overrides,
});

const settings = (points: readonly Point[]): unknown[] =>
  points.map((p) => [p.network, ...Object.values(p.settings)]);

const key = (overrides: Partial<Sweep>): string => pointsOf(sweep(overrides))[0].key;

describe('an axis', () => {
  test('reads numbers, sizes, words and null', () => {
    expect(parseAxis('tcdmBytes=65536,128KiB,1M')).toEqual({
      name: 'tcdmBytes',
      values: [65536, 131072, 1048576],
    });
    expect(parseAxis('operatingPoint.volts=0.65,0.8').values).toEqual([0.65, 0.8]);
    expect(parseAxis('preset=octa,snitch-ita').values).toEqual(['octa', 'snitch-ita']);
    expect(parseAxis('ita=null').values).toEqual([null]);
  });

  test.each(['tcdmBytes', 'tcdmBytes=', '=1', 'harts=1,,2', 'harts=1=2', '--harts=1'])(
    'is not %s',
    (text) => {
      expect(() => parseAxis(text)).toThrow(`--vary ${text}: expected a name and its values`);
    },
  );

  test('has no value twice', () => {
    expect(() => parseAxis('harts=2,4,2')).toThrow('--vary harts=2,4,2: a value stands there twice');
  });
});

describe('the points of a sweep', () => {
  test('are all combinations, the last axis fastest', () => {
    const axes = [parseAxis('harts=2,4'), parseAxis('l1=32KiB,48KiB')];
    expect(settings(pointsOf(sweep({ networks: ['a', 'b'], axes })))).toEqual([
      ['a', 2, 32768],
      ['a', 2, 49152],
      ['a', 4, 32768],
      ['a', 4, 49152],
      ['b', 2, 32768],
      ['b', 2, 49152],
      ['b', 4, 32768],
      ['b', 4, 49152],
    ]);
    expect(pointsOf(sweep({}))).toHaveLength(1);
  });

  test('put fields into the machine file, dotted ones inside, and the rest into the options', () => {
    const axes = ['harts=2', 'dma.busBytes=32', 'ita.contexts=2', 'l1=32KiB', 'schedule=sequential'].map(
      parseAxis,
    );
    const machine = { preset: 'octa', dma: { startCycles: 20 } };
    const [point] = pointsOf(sweep({ axes, machine, options: ['--layers', '1'] }));
    expect(point.machine).toEqual({
      preset: 'octa',
      harts: 2,
      dma: { startCycles: 20, busBytes: 32 },
      ita: { contexts: 2 },
    });
    expect(point.options).toEqual(['--layers', '1', '--l1', '32768', '--schedule', 'sequential']);
    expect(point.problem).toBeUndefined();
    expect(machine).toEqual({ preset: 'octa', dma: { startCycles: 20 } });
  });

  test('say why there is no such machine', () => {
    const points = pointsOf(sweep({ axes: [parseAxis('tcdmBytes=100,4KiB'), parseAxis('dma.bus=1')] }));
    expect(points[0].problem).toMatch(/^machine: unknown field 'dma\.bus'; expected startCycles, .*busBytes/);
    const [bad, good] = pointsOf(sweep({ axes: [parseAxis('tcdmBytes=100,4KiB')] }));
    expect(bad.problem).toBe('machine: tcdmBytes is 100, expected a multiple of 4096 from 0 to 131072');
    expect(good.problem).toBeUndefined();
  });

  test('have one key where the same would run, and different ones otherwise', () => {
    expect(key({ axes: [parseAxis('harts=8')] })).toBe(key({})); // octa has eight
    expect(key({ machine: { preset: 'octa' } })).toBe(key({}));
    const others = [
      key({ axes: [parseAxis('harts=4')] }),
      key({ networks: ['kwt1'] }),
      key({ options: ['--seed', '2'] }),
      key({ axes: [parseAxis('harts=99')] }),
      key({ axes: [parseAxis('harts=98')] }),
    ];
    expect(new Set([key({}), ...others]).size).toBe(6);
  });

  test('refuse an axis that is stated twice', () => {
    const axes = [parseAxis('harts=1'), parseAxis('harts=2')];
    expect(() => pointsOf(sweep({ axes }))).toThrow('--vary harts stands there twice');
  });
});
