/** Debugging changes nothing: firmware ends as in a run that nobody watches, with the same output. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import type { TimingMode } from '../../src/cluster/timing.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { CaptureConsole, type HostConsole } from '../../src/host/console.ts';
import { buildApps } from '../support/apps.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { DATA } from '../support/guest.ts';
import { Workbench } from '../support/toolchain.ts';
import { deeds, disturb, outcome } from './disturb.ts';

const engines: readonly EngineChoice[] = ['interpret', 'translate'];

const bench = new Workbench();

buildApps(bench);

const machineWith = (
  program: Program,
  engine: EngineChoice,
  timing: TimingMode,
  console: HostConsole,
): Machine => {
  const machine = new Machine(override(presets['octa'], { dramBytes: 1 << 24, timing }), { engine, console });
  machine.load(program);
  return machine;
};

/** Addresses that are executed, from a look at all harts now and then. */
const placesOf = (program: Program): number[] => {
  const machine = machineWith(program, 'interpret', 'instruction', new CaptureConsole());
  const places = new Set<number>();
  for (let i = 0; i < 5000 && machine.run(1 + (i % 97)).kind === 'budget'; i++) {
    for (const hart of machine.cluster.harts) places.add(hart.pc >>> 0);
  }
  return [...places];
};

const apps = ['barrier', 'events', 'dma', 'ita', 'interrupts', 'matmul', 'counters'];
const timed = ['barrier', 'events', 'dma', 'interrupts', 'counters'];

describe.each([
  ...apps.map((app) => [app, 'instruction'] as const),
  ...timed.map((app) => [app, 'cluster'] as const),
])('%s in %s timing', (app, timing) => {
  test.each(engines)('ends as without a debugger (%s)', (engine) => {
    const program = parseElf(bench.read(`${app}.elf`), app);
    const expected = new CaptureConsole();
    const undisturbed = machineWith(program, engine, timing, expected);
    expect(undisturbed.run(1e8)).toMatchObject({ kind: 'exit' });
    const places = placesOf(program);
    const data = program.symbols.find('__bss_start')?.address ?? DATA;
    fc.assert(
      fc.property(deeds(30), (list) => {
        const console = new CaptureConsole();
        const debug = new Debugger((to) => machineWith(program, engine, timing, to), console);
        disturb(debug, list, places, data, 3000);
        debug.machine.run(1e8);
        expect(console.text()).toBe(expected.text());
        expect(outcome(debug.machine)).toEqual(outcome(undisturbed));
      }),
      randomRun(fullRun ? 50 : 2),
    );
  });
});
