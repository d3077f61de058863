/** Going back and forth in the life of a machine, with real firmware. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { encodeSnapshot } from '../../src/cluster/snapshot-file.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import type { Action, Stop } from '../../src/debug/target.ts';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { buildApps } from '../support/apps.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench);

const small = override(presets['octa'], { dramBytes: 1 << 20 });
const programOf = (name: string): Program => parseElf(bench.read(`${name}.elf`), name);

function debugged(program: Program, engine: EngineChoice = 'auto', limitBytes = 64 << 20, interval = 20_000) {
  const output: number[] = [];
  const debug = new Debugger(
    (console) => {
      const machine = new Machine(small, { engine, console });
      machine.load(program);
      return machine;
    },
    new CaptureConsole(),
    { limitBytes, interval },
  );
  debug.onOutput = (bytes) => output.push(...bytes);
  return { debug, output };
}

/** A word for the whole state. */
const stateOf = (machine: Machine): string =>
  createHash('sha256').update(encodeSnapshot(machine)).digest('hex');

/** The state of an undisturbed machine at a position. */
function undisturbed(program: Program, position: number): string {
  const machine = new Machine(small);
  machine.load(program);
  machine.run(position);
  return stateOf(machine);
}

/** Goes on, backwards or forwards, until the machine halts. */
function halt(debug: Debugger): Stop {
  for (;;) {
    const stop = debug.run(50);
    if (stop) return stop;
  }
}

const go: Action = { kind: 'continue' };

function continueAll(debug: Debugger): Stop {
  debug.resume(new Map(debug.harts.map(({ index }) => [index, go])));
  return halt(debug);
}

function stepAlone(debug: Debugger, hart: number): Stop {
  debug.resume(new Map([[hart, { kind: 'step' }]]));
  return halt(debug);
}

const back = (debug: Debugger, hart?: number): Stop => {
  debug.resumeBackwards(hart);
  return halt(debug);
};

describe.each(['interpret', 'translate'] as const)('with engine %s', (engine) => {
  test.each(['matmul', 'ita', 'interrupts', 'events'])(
    'every position of %s can be gone to, in any order, and is what it was',
    (name) => {
      const program = programOf(name);
      const { debug, output } = debugged(program, engine);
      expect(continueAll(debug)).toMatchObject({ kind: 'exit', code: 0 });
      const { last } = debug.history;
      const [end, printed] = [stateOf(debug.machine), output.length];
      fc.assert(
        fc.property(fc.integer({ min: 0, max: last - 1 }), (position) => {
          expect(debug.goto(position)).toBe(true);
          expect(debug.position).toBe(position);
          expect(stateOf(debug.machine)).toBe(undisturbed(program, position));
        }),
        randomRun(fullRun ? 200 : 4),
      );
      expect(debug.goto(last)).toBe(true);
      expect(stateOf(debug.machine)).toBe(end);
      expect(output.length).toBe(printed);
      expect(debug.goto(last + 1)).toBe(false);
    },
  );

  test('breakpoints are hit backwards as they were forwards', () => {
    const { debug } = debugged(programOf('matmul'), engine);
    const { address } = debug.machine.program!.symbols.find('matmul_s8_xpulp') ?? { address: 0 };
    expect(address).not.toBe(0);
    debug.setBreakpoint(address, 'hardware');
    const hits: object[] = [];
    for (let i = 0; i < 3; i++) {
      const stop = continueAll(debug);
      hits.push({ stop, position: debug.position });
      expect(stop.kind).toBe('breakpoint');
      debug.clearBreakpoint(address, 'hardware'); // as GDB steps off a breakpoint
      if ('hart' in stop) stepAlone(debug, stop.hart);
      debug.setBreakpoint(address, 'hardware');
    }
    for (const hit of hits.toReversed()) expect({ stop: back(debug), position: debug.position }).toEqual(hit);
    expect(back(debug)).toEqual({ kind: 'history', hart: 0, at: 'begin' });
    expect(debug.position).toBe(0);
  });
});

test('a step back of any hart is undone by a step forward', () => {
  const { debug } = debugged(programOf('matmul'));
  continueAll(debug);
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: debug.history.last }), fc.nat(7), (position, hart) => {
      debug.goto(position);
      const { instret } = debug.harts[hart];
      fc.pre(instret > 0);
      expect(back(debug, hart)).toEqual({ kind: 'step', hart });
      expect(debug.harts[hart].instret).toBe(instret - 1);
      expect(debug.position).toBeLessThan(position);
      const at = debug.position;
      debug.goto(at + 1);
      expect(debug.harts[hart].instret).toBe(instret);
    }),
    randomRun(fullRun ? 300 : 10),
  );
});

test('steps of single harts and changes from outside are part of history', () => {
  const { debug } = debugged(programOf('matmul'), 'auto', 64 << 20, 500);
  const states = new Map<number, string>();
  const remember = (): void => void states.set(debug.position, stateOf(debug.machine));
  const random = fc.sample(fc.tuple(fc.nat(3), fc.nat(7), fc.integer({ min: 1, max: 3000 })), {
    numRuns: fullRun ? 300 : 60,
    seed: 7,
  });
  continueFor(debug, 40_000);
  for (const [kind, hart, amount] of random) {
    if (kind === 0) debug.harts[hart].setX(31, amount);
    else if (kind === 1)
      debug.write(0x8000_0000 + (small.dramBytes - 0x1000) + amount, Uint8Array.of(amount));
    else if (kind === 2) {
      for (let i = 0; i < amount % 5 && debug.harts[hart].state === 'running'; i++) stepAlone(debug, hart);
    } else continueFor(debug, amount);
    remember();
  }
  const { last } = debug.history;
  const visits = [...states.keys()];
  for (const position of [...visits.toReversed(), ...visits.filter((_, i) => i % 3 === 0)]) {
    debug.goto(position);
    expect(stateOf(debug.machine), `position ${position}`).toBe(states.get(position));
  }
  expect(debug.history.last).toBe(last);
});

/** Lets all harts go on for so many instructions. */
function continueFor(debug: Debugger, instructions: number): void {
  debug.resume(new Map(debug.harts.map(({ index }) => [index, { kind: 'continue' }])));
  for (const end = debug.position + instructions; debug.position < end;) debug.advance(end - debug.position);
}

test.each([
  ['thins out where it is short', 2 << 20, 0],
  ['loses its oldest part where it is very short', 300 << 10, 1],
])('history keeps within its memory: it %s', (_, limitBytes, lost) => {
  const { debug } = debugged(programOf('matmul'), 'auto', limitBytes, 20_000);
  continueAll(debug);
  const { first, bytes, limit } = debug.history;
  expect(bytes).toBeLessThanOrEqual(limit);
  expect(Math.sign(first)).toBe(lost);
  expect(debug.goto(first - 1)).toBe(false);
  expect(back(debug)).toEqual({ kind: 'history', hart: 0, at: 'begin' });
  expect(debug.position).toBe(first);
});

test('a change in the past cuts off what was known to come, and the guest prints from there on', () => {
  const { debug, output } = debugged(programOf('hello'));
  continueAll(debug);
  const { last } = debug.history;
  const whole = Buffer.from(output).toString();
  const half = Math.floor(last / 2);
  debug.goto(half);
  expect(debug.history.last).toBe(last);
  debug.harts[0].setX(0, 1); // changes nothing
  expect(debug.history.last).toBe(last);
  debug.write(0x800f_0000, Uint8Array.of(1));
  expect(debug.history.last).toBe(half);
  expect(continueAll(debug)).toEqual({ kind: 'exit', code: 0 });
  expect(debug.history.last).toBe(last);
  const again = Buffer.from(output).toString();
  expect(again.startsWith(whole)).toBe(true);
  expect(whole.endsWith(again.slice(whole.length))).toBe(true);
  expect(again.length).toBeGreaterThan(whole.length);
});

test('a watch finds the last store to a range, backwards', () => {
  const { debug } = debugged(programOf('matmul'));
  const [address, bytes] = [0x1000_0000, 0x2000];
  continueAll(debug);
  const value = debug.read(address, bytes);
  debug.setWatch({ access: 'write', address, bytes });
  expect(back(debug)).toMatchObject({ kind: 'watchpoint', access: 'write', by: 'hart' });
  const { position } = debug;
  debug.goto(position + 1);
  expect(debug.read(address, bytes)).toEqual(value);
  expect(continueAll(debug)).toMatchObject({ kind: 'exit' });
});
