import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { countByQemu } from '../../bench/support/engines.ts';
import { installed } from '../../bench/support/process.ts';
import { integerWorkloads, otherWorkloads, type Workload, Workshop } from '../../bench/support/workloads.ts';
import { override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const workshop = new Workshop(new Workbench().directory);

/** Repetitions that take about a million instructions. */
const FEW: Readonly<Record<string, number>> = {
  matmul: 1,
  mixed: 30,
  algorithms: 1,
  chase: 15,
  arith64: 100,
  phases: 8,
  slices: 5,
  reduction: 5,
};

const workloads = [...integerWorkloads, ...otherWorkloads].map((w) => [w.name, w] as const);

beforeEach(needsToolchain);

interface Result {
  readonly outcome: unknown;
  /** What the guest printed: the checksum, and the instructions hart 0 counted. */
  readonly text: string;
  readonly statistics: unknown;
  readonly memoryHash: string;
}

function run(file: string, { harts }: Workload, engine: EngineChoice): Result & { regions: number } {
  const console = new CaptureConsole();
  const config = override(presets['octa'], { harts, dramBytes: 4 << 20 });
  const machine = new Machine(config, { console, engine });
  machine.load(parseElf(readFileSync(file), file));
  const outcome = machine.run(50_000_000);
  return {
    outcome,
    text: console.text(),
    statistics: machine.statistics,
    memoryHash: machine.memoryHash(),
    regions: machine.translators.reduce((sum, t) => sum + t.statistics.regions, 0),
  };
}

describe.each(workloads)('the workload %s', (name, workload) => {
  test('gives the same counts, cycles and memory translated and interpreted', () => {
    const { bare } = workshop.build(workload, FEW[name]);
    const { regions, ...translated } = run(bare, workload, 'translate');
    const { regions: none, ...interpreted } = run(bare, workload, 'interpret');
    expect(translated).toEqual(interpreted);
    expect(translated.outcome).toEqual({ kind: 'exit', code: 0 });
    expect(regions).toBeGreaterThan(0);
    expect(none).toBe(0);
  });

  test('prints the checksum of a native build', (context) => {
    context.skip(!installed('cc'), 'cc is not installed');
    const { bare } = workshop.build(workload, FEW[name]);
    const checksum = run(bare, workload, 'translate').text.slice(0, 8);
    expect(checksum).toBe(workshop.nativeChecksum(workload, FEW[name]));
  });

  test('gives the checksum and the count of QEMU', (context) => {
    context.skip(workload.harts > 1, 'instructions of several harts depend on who waits for whom');
    context.skip(!installed('qemu-riscv32'), 'qemu-riscv32 is not installed');
    const programs = workshop.build(workload, FEW[name]);
    const [checksum, count] = run(programs.bare, workload, 'translate').text.trim().split(' ');
    expect(execFileSync('qemu-riscv32', [programs.linux!], { encoding: 'utf8' })).toBe(`${checksum}\n`);
    const theirs = countByQemu(programs);
    context.skip(theirs === undefined, 'qemu-system-riscv32 is not installed');
    expect(Number.parseInt(count, 16)).toBe(theirs);
  });
});
