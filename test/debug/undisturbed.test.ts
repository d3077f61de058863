/** Debugging changes nothing: random programs end as in a run that nobody watches. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { timingModes } from '../../src/cluster/timing.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { CODE, DATA } from '../support/guest.ts';
import { randomProgram } from '../support/program.ts';
import { machineOf } from './debuggee.ts';
import type { Access, Action } from '../../src/debug/target.ts';
import { deeds, disturb, outcome } from './disturb.ts';

const engines: readonly EngineChoice[] = ['interpret', 'translate'];

/** What a user asks for: what each hart does (or that it is frozen), and for how long. */
const request = fc.record({
  harts: fc.array(
    fc.constantFrom<('frozen' | Action['kind'])[]>('frozen', 'continue', 'continue', 'step', 'range'),
    {
      minLength: 3,
      maxLength: 3,
    },
  ),
  instructions: fc.integer({ min: 1, max: 3000 }),
  breakpoint: fc.option(fc.nat(500)),
  watch: fc.option(
    fc.record({ access: fc.constantFrom<Access[]>('read', 'write', 'access'), offset: fc.nat(0x3ff) }),
  ),
});

test('a session that freezes harts is the same in both engines, stop for stop', () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.constantFrom(17, 1000),
      fc.constantFrom(...timingModes),
      fc.array(request, { maxLength: 40 }),
      (program, quantum, timing, list) => {
        const { code } = randomProgram(program);
        const session = (engine: EngineChoice): unknown => {
          const debug = new Debugger(() =>
            machineOf(code, { engine, machine: { harts: 3, quantum, timing } }),
          );
          const stops: unknown[] = [];
          for (const { harts, instructions, breakpoint, watch } of list) {
            debug.clearAll();
            if (breakpoint !== null) debug.setBreakpoint(CODE + 4 * breakpoint, 'hardware');
            if (watch) debug.setWatch({ access: watch.access, address: DATA + watch.offset, bytes: 4 });
            const actions = new Map<number, Action>();
            harts.forEach((kind, hart) => {
              const { pc } = debug.harts[hart];
              if (kind === 'range') actions.set(hart, { kind, from: pc, to: pc + 32 });
              else if (kind !== 'frozen') actions.set(hart, { kind });
            });
            debug.resume(actions);
            stops.push([debug.advance(instructions), debug.position, debug.harts.map(({ pc }) => pc)]);
          }
          return { stops, outcome: outcome(debug.machine) };
        };
        expect(session('translate')).toEqual(session('interpret'));
      },
    ),
    randomRun(fullRun ? 500 : 25),
  );
});

describe.each(engines)('in the engine "%s"', (engine) => {
  test('random programs of harts that share their data end as without a debugger', () => {
    let stops = 0;
    const total = 45_000; // more than all deeds together can take
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.constantFrom(1, 2, 3),
        fc.constantFrom(1, 17, 1000),
        fc.constantFrom(...timingModes),
        deeds(25),
        (program, harts, quantum, timing, list) => {
          const { code } = randomProgram(program);
          const make = (): Machine => {
            const machine = machineOf(code, { engine, machine: { harts, quantum, timing } });
            for (const hart of machine.cluster.harts) hart.x[10] = hart.index * 77;
            return machine;
          };
          const undisturbed = make();
          undisturbed.run(total);
          const debug = new Debugger(make);
          const places = Array.from({ length: code.length / 4 }, (_, i) => CODE + 4 * i);
          stops += disturb(debug, list, places, DATA, 800);
          expect(debug.position).toBeLessThan(total);
          debug.machine.run(total - debug.position);
          expect(outcome(debug.machine)).toEqual(outcome(undisturbed));
        },
      ),
      randomRun(fullRun ? 500 : 25),
    );
    expect(stops).toBeGreaterThan(20);
  });
});
