/** Debugging changes nothing: random programs end as in a run that nobody watches. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import { fullRun, randomRun } from '../support/effort.ts';
import { CODE, DATA } from '../support/guest.ts';
import { randomProgram } from '../support/program.ts';
import { machineOf } from './debuggee.ts';
import { deeds, disturb, outcome } from './disturb.ts';

const engines: readonly EngineChoice[] = ['interpret', 'translate'];

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
