import { expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { energyOf } from '../../src/energy/energy.ts';
import { buildApps } from '../support/apps.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();

buildApps(bench, ['product32', 'product8']);

function run(app: string, harts: number): Machine {
  const machine = new Machine(override(presets['octa'], { harts, timing: 'cluster' }));
  machine.load(parseElf(bench.read(`${app}.elf`), `${app}.elf`));
  expect(machine.run(20_000_000)).toEqual({ kind: 'exit', code: 0 });
  return machine;
}

test('an int8 product on one hart and on eight has the same elements; eight take less time and less energy', () => {
  const [one, eight] = [1, 8].map((harts) => run('product8', harts));
  expect(one.statistics.cycles / eight.statistics.cycles).toBeGreaterThan(6);
  const [alone, together] = [one, eight].map(
    ({ config, statistics }) => energyOf(config, statistics).millijoules.nominal,
  );
  expect(together).toBeLessThan(alone / 2);
});

test('an int32 product takes a multiplication for each multiply-accumulate, and half an access', () => {
  const { harts } = run('product32', 8).statistics;
  const total = (count: 'multiplies' | 'tcdmAccesses'): number =>
    harts.reduce((sum, { events }) => sum + (events?.[count] ?? NaN), 0);
  const macs = 8 * 64 ** 3;
  expect(total('multiplies') / macs).toBeCloseTo(1, 1);
  expect(total('tcdmAccesses') / macs).toBeCloseTo(0.5, 1);
});
