import { describe, expect, test } from 'vitest';
import { type MachineConfig, presets } from '../../src/cluster/config.ts';
import { Machine, type Outcome } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { MachineError } from '../../src/errors.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { buildApps, firmware } from '../support/apps.ts';
import { RV32_FLAGS, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();

buildApps(bench);

interface Run {
  readonly machine: Machine;
  readonly outcome: Outcome;
  readonly text: string;
}

/** Runs a program of `firmware/apps` that was built for this test. */
function run(app: string, overrides: Partial<MachineConfig> = {}, input = ''): Run {
  const console = new CaptureConsole();
  const machine = new Machine({ ...presets['octa'], ...overrides }, { console });
  machine.load(parseElf(bench.read(`${app}.elf`), `${app}.elf`));
  machine.uart.receive(Buffer.from(input));
  const outcome = machine.run(100_000_000);
  return { machine, outcome, text: console.text() };
}

const success = { kind: 'exit', code: 0 };

describe('start-up', () => {
  test.each([1, 8, 16])('brings all of %i harts to main with a stack and a console', (harts) => {
    const { outcome, text } = run('hello', { harts });
    const lines = Array.from({ length: harts }, (_, hart) => `hello from hart ${hart} of ${harts}\n`);
    expect({ outcome, text }).toEqual({ outcome: success, text: lines.join('') });
  });

  test('refuses a machine with more harts than the program has stacks for', () => {
    const flags = RV32_FLAGS.filter((flag) => !/nostdlib|freestanding|static/.test(flag));
    const link = [
      '--specs=picolibc.specs',
      '-nostartfiles',
      '-T',
      `${firmware}/link.ld`,
      '-Wl,--gc-sections',
    ];
    const inputs = ['apps/hello.o', 'libruntime.a'];
    bench.run('gcc', [...flags, ...link, '-Wl,--defsym=__hart_limit=4', ...inputs, '-o', 'four.elf']);
    const { outcome, text } = run('four', { harts: 8 });
    expect(outcome).toEqual({ kind: 'exit', code: 70 });
    expect(text).toBe(
      'this program has stacks for 4 harts, the machine has 8; link with -Wl,--defsym=__hart_limit=8\n',
    );
    expect(run('four', { harts: 4 }).outcome).toEqual(success);
  });

  test('leaves harts that have nothing to do asleep', () => {
    const { machine } = run('ita');
    const [first, ...others] = machine.statistics.harts;
    for (const hart of others) {
      expect(hart.instructions).toBeGreaterThan(0);
      expect(hart.instructions).toBeLessThan(first.instructions);
    }
    expect(Math.min(...others.map((hart) => hart.sleepCycles))).toBeGreaterThan(10_000);
  });
});

describe.each([1, 7, 1000])('with harts that run %i cycles at a time', (quantum) => {
  test('the hardware barrier lets nobody pass early', () => {
    const { outcome, text } = run('barrier', { quantum });
    expect({ outcome, text }).toEqual({ outcome: success, text: 'barrier: 8 harts met 20 times, 0 early\n' });
  });

  test('1D and 2D transfers of all harts at once arrive whole and in place', () => {
    const { machine, outcome, text } = run('dma', { quantum });
    expect(text).toBe(
      'dma: 8 harts; the 1D copy is right, the gathered tile is right, the scattered tile is right\n',
    );
    expect(outcome).toEqual(success);
    const perHart = { transfers: 12 + 2, bytes: 12 * 80 + 2 * 24 * 16 };
    expect(machine.dma.statistics).toMatchObject({
      transfers: 8 * perHart.transfers,
      bytes: 8 * perHart.bytes,
    });
  });

  test('software events wake sleeping harts and none is lost', () => {
    const { outcome, text } = run('events', { quantum });
    expect(text).toBe('events: the token was passed 400 times, expected 400\n');
    expect(outcome).toEqual(success);
  });
});

test('software, timer and external interrupts reach the handler of every hart once', () => {
  const { outcome, text } = run('interrupts');
  expect({ outcome, text }).toEqual({
    outcome: success,
    text: 'interrupts: 8 harts, 0 counts are wrong\n',
  });
});

test('performance counters count instructions, DMA bytes and sleep', () => {
  const { outcome, text } = run('counters');
  expect(text).toMatch(/^counters: 20\d\d instructions, 4096 bytes in 1 transfer, \d+ cycles asleep\n$/);
  expect(outcome).toEqual(success);
});

describe('the accelerator', () => {
  test.each([2, 4] as const)('with %i contexts computes two queued layers as plain loops do', (contexts) => {
    const { machine, outcome, text } = run('ita', {
      ita: { contexts, softmaxShift: 0, revision: 'B', units: 16, ports: 16 },
    });
    expect({ outcome, text }).toEqual({ outcome: success, text: 'ita: 0 of 16384 elements differ\n' });
    expect(machine.statistics.ita).toMatchObject({ jobs: 12, macs: 12 * 64 ** 3 });
  });
});

test('the serial port sends a line and echoes its input', () => {
  const { outcome, text } = run('uart', {}, 'ping');
  expect({ outcome, text }).toEqual({ outcome: success, text: 'uart ready\nping' });
});

test('two runs agree in counts and memory', () => {
  const [first, second] = [run('dma'), run('dma')];
  expect(second.machine.statistics).toEqual(first.machine.statistics);
  expect(second.machine.memoryHash()).toBe(first.machine.memoryHash());
});

describe('a program that goes wrong', () => {
  test.each([
    [
      'fault_load',
      /load of 2 bytes from 0x20000000 by hart 3 .*main.*fault_load\.c.*nothing is mapped there/s,
    ],
    ['fault_amo', /AMO on 0x8000\w+[26ae] by hart 2 .*main.*fault_amo\.c.*not 4-byte aligned/s],
    [
      'fault_dma',
      /DMA transfer of hart 1 .*3 rows.*destination of row 2 leaves writable memory at 0x10020000/s,
    ],
    ['fault_ita', /ITA job in context 0 .*PRELOAD is 0, but no weights wait/s],
  ])('ends %s with a sentence that says who, where and why', (app, sentence) => {
    expect(() => run(app)).toThrow(MachineError);
    expect(() => run(app)).toThrow(sentence);
  });

  test('by skipping a barrier is reported as a deadlock that names every hart', () => {
    expect(() => run('deadlock')).toThrow(MachineError);
    expect(() => run('deadlock')).toThrow(
      /hart 0 waits at the hardware barrier[^]*hart 7 sleeps in wfi .*deadlock\.c/,
    );
  });

  test('by overflowing the stack of hart 0 traps below the TCDM', () => {
    expect(() => run('overflow')).toThrow(MachineError);
    expect(() => run('overflow')).toThrow(/store of 4 bytes to 0x0fffff.*by hart 0 .*depth.*overflow\.c/s);
  });

  test('by overflowing the stack of another hart is told at the next barrier', () => {
    const { outcome, text } = run('guard');
    expect(outcome).toEqual({ kind: 'exit', code: 70 });
    expect(text).toBe('stack overflow of hart 1: more than 2048 bytes below 0x10001000 were used\n');
  });
});
