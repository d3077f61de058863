import { describe, expect, test } from 'vitest';
import { override, presets, type MachineOverrides } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { TCDM_BASE } from '../../src/device/address-map.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { agree, type Overrides, stateOf } from '../support/agreement.ts';
import { buildApps } from '../support/apps.ts';
import { fullRun } from '../support/effort.ts';
import { DATA } from '../support/guest.ts';
import { randomProgram, type RandomProgram, tangledProgram } from '../support/program.ts';
import { Workbench } from '../support/toolchain.ts';

/** Both memories. */
const PLACES = [TCDM_BASE, DATA];
const EXTENSIONS = ['i', 'm', 'a', 'xcvalu', 'xcvbitmanip', 'xcvmac', 'xcvsimd'];
const nested = (seed: number): RandomProgram => randomProgram(seed, EXTENSIONS, PLACES);
const tangled = (seed: number): RandomProgram => tangledProgram(seed, EXTENSIONS, PLACES);

const timing = 'cluster';

/** Machines whose parts of the model differ in shape. */
const machines: readonly (readonly [name: string, overrides: Overrides])[] = [
  ['one hart', { harts: 1 }],
  ['three harts in lockstep', { harts: 3, quantum: 1 }],
  ['four harts and 4 banks', { harts: 4, quantum: 37, tcdmBanks: 4 }],
  ['eight harts and 64 banks', { harts: 8, tcdmBanks: 64 }],
  ['two harts with a scoreboard', { preset: 'snitch-ita', harts: 2 }],
  ['a machine without cluster memory, in long slices', { harts: 2, quantum: 100_000 }],
];

describe.each(machines)(
  'in cluster timing on %s, random programs cost the same on both engines',
  (_, overrides) => {
    test.each(Array.from({ length: fullRun ? 60 : 2 }, (_unused, i) => i + 1))('nested loops %i', (seed) => {
      const machine = agree(seed, [1000, 1, 17, 5000, 60_000], { timing, ...overrides }, nested);
      // A slice of one instruction is left to the interpreter; some of the later programs end before they are hot.
      if (overrides.quantum !== 1 && seed <= 2)
        expect(machine.translators[0].statistics.regions).toBeGreaterThan(0);
    });
    test.each(Array.from({ length: fullRun ? 60 : 2 }, (_unused, i) => i + 1))('tangled loops %i', (seed) => {
      agree(seed, [3000, 1, 17, 5000, 30_000], { timing, ...overrides }, tangled);
    });
  },
);

describe('in cluster timing random programs cost the same', () => {
  test.each([1, 7, 50])('when stopped every %i instructions', (stride) => {
    const budgets = [20_000, ...Array.from({ length: 100 }, () => stride), 10_000];
    const cut = agree(100 + stride, budgets, { timing, harts: 2 }, nested);
    const whole = agree(100 + stride, [budgets.reduce((sum, n) => sum + n, 0)], { timing, harts: 2 }, nested);
    expect(stateOf(cut)).toEqual(stateOf(whole));
  });
});

describe('in cluster timing firmware behaves and costs the same on both engines', () => {
  const bench = new Workbench();
  buildApps(bench);
  const run = (app: string, engine: 'interpret' | 'translate', overrides: MachineOverrides): object => {
    const console = new CaptureConsole();
    const machine = new Machine(override(presets['octa'], { timing, ...overrides }), { console, engine });
    machine.load(parseElf(bench.read(`${app}.elf`), app));
    const outcome = machine.run(1e8);
    return { outcome, text: console.text(), state: stateOf(machine) };
  };
  test.each(['hello', 'barrier', 'dma', 'events', 'interrupts', 'counters', 'ita', 'guard'])('%s', (app) => {
    expect(run(app, 'translate', {})).toEqual(run(app, 'interpret', {}));
  });
  test.each(['barrier', 'events'])('%s in lockstep', (app) => {
    expect(run(app, 'translate', { quantum: 1 })).toEqual(run(app, 'interpret', { quantum: 1 }));
  });
});
