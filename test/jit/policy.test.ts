import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { integerWorkloads, Workshop } from '../../bench/support/workloads.ts';
import { override, presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import type { TranslatorStatistics } from '../../src/jit/translator.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const workshop = new Workshop(new Workbench().directory);

beforeEach(needsToolchain);

function translated(name: string, repeat: number, quantum: number, slice = Infinity): TranslatorStatistics {
  const { bare } = workshop.build(
    integerWorkloads.find((w) => w.name === name)!,
    repeat,
  );
  const config = override(presets['octa'], { harts: 1, dramBytes: 4 << 20, quantum });
  const machine = new Machine(config, { engine: 'translate' });
  machine.load(parseElf(readFileSync(bare), bare));
  while (machine.run(slice).kind === 'budget');
  return machine.translators[0].statistics;
}

describe('what is translated', () => {
  test('a program that is stopped very often is translated about as much as one that runs through', () => {
    const whole = translated('mixed', 300, 1000);
    const cut = translated('mixed', 300, 1000, 97);
    expect(whole.instructions).toBeLessThan(1500);
    expect(cut.instructions).toBeLessThan(3 * whole.instructions);
  });

  test('a loop nest is translated a few times, not once for each block it gains', () => {
    const { regions, instructions } = translated('matmul', 20, 1000);
    expect(regions).toBeLessThan(10);
    expect(instructions).toBeLessThan(1000);
  });
});
