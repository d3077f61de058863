/** Machines that run the same program on both engines, and what is compared. */
import { expect } from 'vitest';
import { override, presets, type MachineOverrides } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { word } from '../../src/hart/words.ts';
import { CODE } from './guest.ts';
import { randomProgram, type RandomProgram } from './program.ts';

/** What is different from a small machine of the preset. */
export type Overrides = MachineOverrides & { readonly preset?: keyof typeof presets };

/** Everything a guest or a user can see of a machine. */
export function stateOf(machine: Machine): object {
  return {
    harts: machine.cluster.harts.map((h) => ({
      pc: h.pc >>> 0,
      x: [...h.x.subarray(0, 32)],
      loops: [...h.loops.registers],
      instret: h.instret,
      cycle: h.cycle,
      asleep: h.asleep,
      stall: h.stall,
      l0: machine.icache && [...h.words.subarray(word.l0)],
    })),
    icache: machine.icache?.snapshot(),
    banks: machine.banks?.snapshot(),
    statistics: machine.statistics,
    memory: machine.memoryHash(),
  };
}

/** A machine with a random program, and the address at which that ends. */
export function randomMachine(
  seed: number,
  engine: EngineChoice,
  overrides: Overrides,
  program: (seed: number) => RandomProgram = randomProgram,
): { machine: Machine; end: number } {
  const { preset = 'octa', ...rest } = overrides;
  const machine = new Machine(override(presets[preset], { harts: 1, dramBytes: 1 << 20, ...rest }), {
    engine,
  });
  const { code, end } = program(seed);
  machine.bus.poke(CODE, code);
  for (const hart of machine.cluster.harts) {
    hart.pc = CODE | 0;
    hart.mtvec = (CODE + code.length) | 0;
  }
  return { machine, end };
}

/** Runs one program on both engines, stopping at each of the budgets, and compares everything each time. */
export function agree(
  seed: number,
  budgets: readonly number[],
  overrides: Overrides = {},
  program: (seed: number) => RandomProgram = randomProgram,
): Machine {
  const [a, b] = (['interpret', 'translate'] as const).map(
    (engine) => randomMachine(seed, engine, overrides, program).machine,
  );
  for (const [i, budget] of budgets.entries()) {
    a.run(budget);
    b.run(budget);
    expect(stateOf(b), `seed ${seed} after stop ${i}`).toEqual(stateOf(a));
  }
  return b;
}
