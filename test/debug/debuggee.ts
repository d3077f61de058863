/** Machines under a debugger, for tests. */
import { type MachineOverrides, override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import type { Action, Stop } from '../../src/debug/target.ts';
import { CaptureConsole, type HostConsole } from '../../src/host/console.ts';
import { assemble, CODE, HANDLER, type Line } from '../support/guest.ts';

export interface DebuggeeOptions {
  readonly machine?: MachineOverrides;
  readonly engine?: EngineChoice;
  readonly handler?: readonly Line[];
}

/** All harts start at CODE; traps lead to HANDLER where `handler` is given, else nowhere. */
export function machineOf(
  code: readonly Line[] | Uint8Array,
  { machine: overrides = {}, engine = 'interpret', handler }: DebuggeeOptions = {},
  console: HostConsole = new CaptureConsole(),
): Machine {
  const machine = new Machine(override(presets['octa'], { harts: 1, dramBytes: 1 << 20, ...overrides }), {
    engine,
    console,
  });
  machine.bus.poke(CODE, code instanceof Uint8Array ? code : assemble(code));
  if (handler) machine.bus.poke(HANDLER, assemble(handler));
  for (const hart of machine.cluster.harts) {
    hart.pc = CODE | 0;
    hart.mtvec = handler ? HANDLER | 0 : 0;
  }
  return machine;
}

export const debuggee = (code: readonly Line[] | Uint8Array, options?: DebuggeeOptions): Debugger =>
  new Debugger((console) => machineOf(code, options, console));

export const go: Action = { kind: 'continue' };
export const one: Action = { kind: 'step' };

/** Runs until the machine halts; fails where that takes a second. */
export function untilStop(debug: Debugger, actions: ReadonlyMap<number, Action>): Stop {
  debug.resume(actions);
  const limit = performance.now() + 1000;
  while (performance.now() < limit) {
    const stop = debug.run(50);
    if (stop) return stop;
  }
  throw new Error(`no stop within a second; harts: ${debug.harts.map((h) => h.state).join('; ')}`);
}

/** All harts go on, but for those with an action of their own. */
export const continueAll = (debug: Debugger, own: Record<number, Action> = {}): Stop =>
  untilStop(debug, new Map(debug.harts.map(({ index }) => [index, own[index] ?? go])));

/** Only this hart runs, one instruction. */
export const stepAlone = (debug: Debugger, hart: number): Stop => untilStop(debug, new Map([[hart, one]]));
