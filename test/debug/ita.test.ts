/** Watches on what the accelerator reads and writes by itself. */
import { expect, test } from 'vitest';
import { override, presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import { ITA_BASE } from '../../src/device/address-map.ts';
import { ITA } from '../../src/device/ita/registers.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { buildApps } from '../support/apps.ts';
import { Workbench } from '../support/toolchain.ts';
import { continueAll } from './debuggee.ts';

const { TRIGGER, INPUT_PTR, WEIGHT_PTR0, OUTPUT_PTR } = ITA.registers;

const bench = new Workbench();
buildApps(bench);

/** A machine that is about to start its first job. */
function beforeFirstJob(): Debugger {
  const program = parseElf(bench.read('ita.elf'), 'ita.elf');
  const debug = new Debugger((console) => {
    const machine = new Machine(override(presets['octa'], { dramBytes: 1 << 24 }), { console });
    machine.load(program);
    return machine;
  });
  const trigger = { access: 'write', address: ITA_BASE + TRIGGER.offset, bytes: 4 } as const;
  debug.setWatch(trigger);
  expect(continueAll(debug)).toMatchObject({ kind: 'watchpoint', by: 'hart', address: trigger.address });
  debug.clearWatch(trigger);
  return debug;
}

/** Of the job being programmed. */
function jobRegister(debug: Debugger, { offset }: { readonly offset: number }): number {
  const bytes = debug.read(ITA_BASE + offset, 4);
  return new DataView(bytes.buffer).getUint32(0, true);
}

test.each([
  ['its input', 'read', INPUT_PTR, 4095, false],
  ['its weights', 'access', WEIGHT_PTR0, 100, false],
  ['its output', 'write', OUTPUT_PTR, 17, true],
] as const)('the accelerator is reported for %s', (_, access, pointer, offset, done) => {
  const debug = beforeFirstJob();
  const address = jobRegister(debug, pointer) + offset;
  debug.setWatch({ access, address, bytes: 1 });
  expect(continueAll(debug)).toMatchObject({ kind: 'watchpoint', access, address, by: 'ita' });
  expect(debug.machine.ita?.busy).toBe(!done);
});

test('a program with watches on the accelerator ends as it should', () => {
  const debug = beforeFirstJob();
  debug.setWatch({ access: 'write', address: jobRegister(debug, OUTPUT_PTR), bytes: 4096 });
  expect(continueAll(debug)).toMatchObject({ by: 'ita' });
  let stop = continueAll(debug);
  for (let i = 0; i < 1000 && stop.kind === 'watchpoint' && stop.by === 'ita'; i++) stop = continueAll(debug);
  debug.clearAll();
  while (stop.kind === 'watchpoint') stop = continueAll(debug);
  expect(stop).toEqual({ kind: 'exit', code: 0 });
});
