/**
 * What debugging costs: guest speed with breakpoints and watches that are never hit, against the same run without a
 * debugger, and single steps per second. Run with `npx tsx bench/debugger.ts`; results are checked by the exit code.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { override, presets } from '../src/cluster/config.ts';
import { Machine } from '../src/cluster/machine.ts';
import { Debugger } from '../src/debug/debugger.ts';
import type { Access, Action } from '../src/debug/target.ts';
import { parseElf, type Program } from '../src/elf/elf.ts';
import { CaptureConsole, type HostConsole } from '../src/host/console.ts';
import { median } from './support/process.ts';
import { integerWorkloads, Workshop } from './support/workloads.ts';

const RUNS = 3;
/** Part of the full repetition count: some 600 million instructions. */
const SCALE = 1 / 2;
const STEPS = 20_000;
const NOTHING = 'debugger, nothing set';

const config = override(presets['octa'], { harts: 1 });
const go = new Map<number, Action>([[0, { kind: 'continue' }]]);
const one = new Map<number, Action>([[0, { kind: 'step' }]]);

const machineWith = (program: Program, console: HostConsole = new CaptureConsole()): Machine => {
  const machine = new Machine(config, { console });
  machine.load(program);
  return machine;
};

/** Millions of instructions per second of processor time, which others on the machine disturb less than wall time. */
function speed(machine: Machine, run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  if (machine.exitCode !== 0) throw new Error(`the workload ended with ${machine.exitCode}, expected 0`);
  return machine.cluster.instret / (user + system);
}

function plain(program: Program): number {
  const machine = machineWith(program);
  return speed(machine, () => machine.run());
}

function debugged(program: Program, prepare: (debug: Debugger) => void): number {
  const debug = new Debugger((console) => machineWith(program, console));
  prepare(debug);
  return speed(debug.machine, () => {
    debug.resume(go);
    for (let stop; !stop || stop.kind !== 'exit';) {
      stop = debug.run(10);
      if (stop && stop.kind !== 'exit') throw new Error(`stopped by ${stop.kind}, expected none`);
    }
  });
}

/** Addresses that a short run executes, with counts. */
function executed(program: Program): Map<number, number> {
  const machine = machineWith(program);
  const counts = new Map<number, number>();
  const [hart] = machine.cluster.harts;
  while (machine.run(1).kind === 'budget') counts.set(hart.pc >>> 0, (counts.get(hart.pc >>> 0) ?? 0) + 1);
  return counts;
}

/** An instruction that is not executed, as near as possible to the one executed most. */
function unexecutedNear(counts: ReadonlyMap<number, number>): number {
  const [[hottest]] = [...counts].toSorted(([, a], [, b]) => b - a);
  for (let distance = 2; distance < 4096; distance += 2) {
    // Behind an executed instruction of four bytes its second half is no instruction, and nobody halts there either.
    for (const at of [hottest + distance, hottest - distance]) {
      if (!counts.has(at) && !counts.has(at - 2)) return at;
    }
  }
  throw new Error('every instruction near the hottest is executed');
}

/** Least part of the speed with nothing set that a breakpoint nobody comes to may leave. */
const FLOOR = 0.9;
let least = 1;

const directory = mkdtempSync(join(tmpdir(), 'octet-bench-'));
try {
  const workshop = new Workshop(directory);
  for (const workload of integerWorkloads.filter(({ name }) => ['matmul', 'mixed', 'chase'].includes(name))) {
    const build = (repeat: number): Program => {
      const { bare } = workshop.build(workload, Math.max(1, Math.round(repeat)));
      return parseElf(readFileSync(bare), workload.name);
    };
    const near = unexecutedNear(executed(build(1)));
    const program = build(workload.repeat * SCALE);
    const elsewhere = 0x8100_0000;
    const watch = (access: Access) => (debug: Debugger) =>
      debug.setWatch({ access, address: elsewhere, bytes: 4 });
    const cases: Readonly<Record<string, (debug: Debugger) => void>> = {
      [NOTHING]: () => {},
      'breakpoint in another page': (debug) => debug.setBreakpoint(elsewhere, 'software'),
      'breakpoint beside the hottest instruction': (debug) => debug.setBreakpoint(near, 'software'),
      'write watch in another page': watch('write'),
      'read watch in another page': watch('read'),
    };
    const speeds: Record<string, number[]> = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
    const base: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      base.push(plain(program));
      for (const [name, prepare] of Object.entries(cases)) speeds[name].push(debugged(program, prepare));
    }
    console.log(`${workload.name}: ${median(base).toFixed(0)} MIPS without a debugger`);
    for (const [name, list] of Object.entries(speeds)) {
      if (name.startsWith('breakpoint'))
        least = Math.min(least, median(list.map((s, i) => s / speeds[NOTHING][i])));
      const ratioTo = (peer: readonly number[]): string => median(list.map((s, i) => s / peer[i])).toFixed(3);
      const ratios = `${ratioTo(base)} of the speed without, ${ratioTo(speeds[NOTHING])} of that with nothing set`;
      console.log(`  ${name}: ${median(list).toFixed(0)} MIPS, ${ratios}`);
    }
    const debug = new Debugger((console) => machineWith(program, console));
    const start = performance.now();
    for (let i = 0; i < STEPS; i++) {
      debug.resume(one);
      debug.run(10);
    }
    if (debug.position !== STEPS) throw new Error(`${debug.position} instructions, expected ${STEPS}`);
    console.log(`  ${Math.round((STEPS * 1000) / (performance.now() - start))} single steps per second`);
  }
  const cost = (100 * (1 - least)).toFixed(1);
  console.log(
    `debugger/breakpoint never hit: costs ${cost} % at most, required less than ${(100 * (1 - FLOOR)).toFixed(0)} %`,
  );
  if (least < FLOOR) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
