import { expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { buildApps } from '../support/apps.ts';
import { xorshift } from '../support/random.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench);

test('translated code stops exactly where its budget ends, wherever that is', () => {
  const machine = new Machine(presets['octa'], { engine: 'translate' });
  machine.load(parseElf(bench.read('matmul.elf'), 'matmul.elf'));
  const next = xorshift(3);
  for (;;) {
    const wanted = machine.cluster.instret + 1 + (next() % 5000);
    if (machine.run(wanted - machine.cluster.instret).kind === 'exit') break;
    expect(machine.cluster.instret).toBe(wanted);
  }
  expect(machine.translators.some(({ statistics }) => statistics.regions > 0)).toBe(true);
});
