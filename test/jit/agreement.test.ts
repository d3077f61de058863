import { describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { agree, randomMachine, stateOf } from '../support/agreement.ts';
import { buildApps } from '../support/apps.ts';
import { fullRun } from '../support/effort.ts';
import { tangledProgram } from '../support/program.ts';
import { Workbench } from '../support/toolchain.ts';

describe('random programs end in the same state on both engines', () => {
  test.each(Array.from({ length: fullRun ? 300 : 25 }, (_, i) => i + 1))('program %i', (seed) => {
    const machine = agree(seed, [1000, 1, 17, 5000, 200_000]);
    expect(machine.translators[0].statistics.regions).toBeGreaterThan(0);
  });
  test.each([1, 2, 3, 7, 19, 50])('when stopped every %i instructions', (stride) => {
    agree(100 + stride, [20_000, ...Array.from({ length: 400 }, () => stride), 10_000]);
  });
  test.each([1, 7, 1000])('on three harts that take turns every %i cycles', (quantum) => {
    agree(200 + quantum, [30_000, 333, 30_000], { harts: 3, quantum });
  });
});

describe('programs of loops with several entries end in the same state on both engines', () => {
  test.each(Array.from({ length: fullRun ? 400 : 30 }, (_, i) => i + 1))('program %i', (seed) => {
    agree(seed, [3000, 1, 17, 5000, 40_000, 200_000], {}, tangledProgram);
  });
  test.each([1, 2, 3, 7, 19, 50])('when stopped every %i instructions', (stride) => {
    agree(100 + stride, [20_000, ...Array.from({ length: 400 }, () => stride), 10_000], {}, tangledProgram);
  });
  test.each([1, 7, 1000])('on three harts that take turns every %i cycles', (quantum) => {
    agree(200 + quantum, [30_000, 333, 30_000], { harts: 3, quantum }, tangledProgram);
  });
});

test('code that is replaced after it was translated runs in its new form', () => {
  for (const engine of ['interpret', 'translate'] as const) {
    const { machine, end } = randomMachine(7, engine, {});
    machine.run(100_000);
    const [hart] = machine.cluster.harts;
    expect(hart.pc >>> 0).toBe(end);
    machine.bus.store(end, 4, 0x0010_0293, 0); // addi t0, zero, 1, and on to the trap handler
    machine.run(1);
    expect(hart.x[5]).toBe(1);
    expect(hart.pc >>> 0).toBe(end + 4);
  }
});

describe('firmware behaves the same on both engines', () => {
  const bench = new Workbench();
  buildApps(bench);
  test.each(['hello', 'barrier', 'dma', 'events', 'interrupts', 'counters', 'ita', 'guard'])('%s', (app) => {
    const [a, b] = (['interpret', 'translate'] as const).map((engine) => {
      const console = new CaptureConsole();
      const machine = new Machine(presets['octa'], { console, engine });
      machine.load(parseElf(bench.read(`${app}.elf`), app));
      const outcome = machine.run(1e8);
      return { outcome, text: console.text(), state: stateOf(machine) };
    });
    expect(b).toEqual(a);
  });
});
