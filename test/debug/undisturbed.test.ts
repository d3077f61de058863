/** Debugging changes nothing: instructions, cycles and memory end as in a run that nobody watches. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import type { Access, Action, Stop } from '../../src/debug/target.ts';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { CaptureConsole, type HostConsole } from '../../src/host/console.ts';
import { buildApps } from '../support/apps.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { CODE, DATA } from '../support/guest.ts';
import { randomProgram } from '../support/program.ts';
import { Workbench } from '../support/toolchain.ts';
import { go, machineOf, one } from './debuggee.ts';

const engines: readonly EngineChoice[] = ['interpret', 'translate'];

/** All that a run leaves behind. */
const outcome = (machine: Machine): unknown => ({
  hash: machine.memoryHash(),
  statistics: machine.statistics,
  pcs: machine.cluster.harts.map((h) => h.pc),
});

/** Something a user does; `n` says where or how much. */
interface Deed {
  readonly kind: 'break' | 'clear' | 'cut' | 'turn' | 'step' | 'range' | 'watch' | 'unwatch';
  readonly n: number;
}

const deeds = (most: number): fc.Arbitrary<Deed[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom<Deed['kind'][]>(
        'break',
        'break',
        'clear',
        'cut',
        'turn',
        'turn',
        'step',
        'range',
        'watch',
        'unwatch',
      ),
      n: fc.nat(1 << 20),
    }),
    { minLength: 1, maxLength: most },
  );

const accesses: readonly Access[] = ['write', 'read', 'access'];

/** Does what the deeds say, as GDB would: who is reported at a breakpoint is stepped alone while nothing is set. */
function disturb(
  debug: Debugger,
  list: readonly Deed[],
  places: readonly number[],
  data: number,
  most: number,
): number {
  let stops = 0;
  const everybody = (own: ReadonlyMap<number, Action> = new Map()): Map<number, Action> =>
    new Map(debug.harts.map(({ index }) => [index, own.get(index) ?? go]));
  const alone = (hart: number): void => {
    debug.resume(new Map([[hart, one]]));
    debug.advance(1);
  };
  const settle = (stop: Stop | undefined): void => {
    if (stop?.kind === 'breakpoint' || (stop?.kind === 'watchpoint' && stop.by === 'hart')) {
      stops++;
      set.forEach(({ clear }) => clear());
      alone(stop.hart);
      set.forEach(({ again }) => again());
    }
  };
  const set: { readonly clear: () => void; readonly again: () => void }[] = [];
  const add = (again: () => void, clear: () => void): void => {
    again();
    set.push({ again, clear });
  };
  for (const { kind, n } of list) {
    const { next } = debug.machine.cluster;
    switch (kind) {
      case 'break': {
        const at = places[n % places.length];
        add(
          () => debug.setBreakpoint(at, 'software'),
          () => debug.clearBreakpoint(at, 'software'),
        );
        break;
      }
      case 'watch': {
        const watch = { access: accesses[n % 3], address: data + (n % 0x400), bytes: 1 + (n % 9) };
        add(
          () => debug.setWatch(watch),
          () => debug.clearWatch(watch),
        );
        break;
      }
      case 'clear':
      case 'unwatch':
        set.splice(n % (set.length + 1), 1).forEach(({ clear }) => clear());
        break;
      case 'turn':
        for (let i = n % 20; i >= 0 && next === debug.machine.cluster.next && next; i--) alone(next.index);
        break;
      case 'step':
      case 'range': {
        const hart = n % debug.harts.length;
        const from = debug.harts[hart].pc;
        debug.resume(
          everybody(new Map([[hart, kind === 'step' ? one : { kind, from, to: from + (n % 40) }]])),
        );
        settle(debug.advance(n % most));
        break;
      }
      case 'cut':
        break;
    }
    debug.resume(everybody());
    settle(debug.advance(n % most));
  }
  debug.clearAll();
  debug.resume(everybody());
  return stops;
}

describe.each(engines)('in the engine "%s"', (engine) => {
  test('random programs of harts that share their data end as without a debugger', () => {
    let stops = 0;
    const total = 40_000;
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.constantFrom(1, 2, 3),
        fc.constantFrom(1, 17, 1000),
        deeds(25),
        (program, harts, quantum, list) => {
          const { code } = randomProgram(program);
          const make = (): Machine => {
            const machine = machineOf(code, { engine, machine: { harts, quantum } });
            for (const hart of machine.cluster.harts) hart.x[10] = hart.index * 77;
            return machine;
          };
          const undisturbed = make();
          undisturbed.run(total);
          const debug = new Debugger(make);
          const places = Array.from({ length: code.length / 4 }, (_, i) => CODE + 4 * i);
          stops += disturb(debug, list, places, DATA, 2000);
          debug.machine.run(total - debug.position);
          expect(outcome(debug.machine)).toEqual(outcome(undisturbed));
        },
      ),
      randomRun(fullRun ? 500 : 40),
    );
    expect(stops).toBeGreaterThan(20);
  });
});

const bench = new Workbench();

describe('firmware', () => {
  buildApps(bench);

  const machineWith = (program: Program, engine: EngineChoice, console: HostConsole): Machine => {
    const machine = new Machine(override(presets['octa'], { dramBytes: 1 << 24 }), { engine, console });
    machine.load(program);
    return machine;
  };

  /** Addresses that are executed, from a look at all harts now and then. */
  const placesOf = (program: Program): number[] => {
    const machine = machineWith(program, 'interpret', new CaptureConsole());
    const places = new Set<number>();
    for (let i = 0; i < 5000 && machine.run(1 + (i % 97)).kind === 'budget'; i++) {
      for (const hart of machine.cluster.harts) places.add(hart.pc >>> 0);
    }
    return [...places];
  };

  describe.each(['barrier', 'events', 'dma', 'ita', 'interrupts', 'matmul', 'counters'])('%s', (app) => {
    test.each(engines)('ends as without a debugger (%s)', (engine) => {
      const program = parseElf(bench.read(`${app}.elf`), app);
      const expected = new CaptureConsole();
      const undisturbed = machineWith(program, engine, expected);
      expect(undisturbed.run(1e8)).toMatchObject({ kind: 'exit' });
      const places = placesOf(program);
      const data = program.symbols.find('__bss_start')?.address ?? DATA;
      fc.assert(
        fc.property(deeds(30), (list) => {
          const console = new CaptureConsole();
          const debug = new Debugger((to) => machineWith(program, engine, to), console);
          disturb(debug, list, places, data, 3000);
          debug.machine.run(1e8);
          expect(console.text()).toBe(expected.text());
          expect(outcome(debug.machine)).toEqual(outcome(undisturbed));
        }),
        randomRun(fullRun ? 50 : 4),
      );
    });
  });
});
