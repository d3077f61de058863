/**
 * Runs one built network many times in this process, as a server would, and prints times, memory and one breakdown as
 * JSON. A program of its own, so that the memory it reports is that of the inferences alone.
 *
 *     inferences.ts <project directory> <runs>
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clockModule, library } from './built.ts';
import { Stopwatch } from './stopwatch.ts';

export interface Inferences {
  /** Wall seconds of each inference, from building the machine to the result read; the first one is cold. */
  readonly seconds: readonly number[];
  /** Processor seconds of each, over all threads. */
  readonly cpuSeconds: readonly number[];
  /** Resident bytes of the process after each. */
  readonly residentBytes: readonly number[];
  /** The most it ever was, after the first and after the last. */
  readonly peakBytes: readonly [first: number, last: number];
  /** Of all guest memory after each inference: equal hashes are equal results. */
  readonly memoryHashes: readonly string[];
  readonly instructions: number;
  /** Multiply-accumulates of the accelerator in one inference. */
  readonly macs: number;
  /** Of one more inference with every device timed, which costs some time itself. */
  readonly parts: Parts;
}

/** Milliseconds of one inference. */
export interface Parts {
  /** Building the machine and loading the program. */
  readonly machine: number;
  readonly translation: number;
  readonly devices: Readonly<Record<string, number>>;
  /** The rest: guest instructions and the order of harts. */
  readonly harts: number;
  readonly whole: number;
}

async function main(projectDirectory: string, runs: number): Promise<Inferences> {
  const octet = await library();
  const { Clock } = await clockModule();
  const elf = join(projectDirectory, 'network.elf');
  const program = octet.parseElf(readFileSync(elf), elf);
  const plan = JSON.parse(readFileSync(join(projectDirectory, 'plan.json'), 'utf8')) as Parameters<
    typeof octet.execute
  >[1];
  const inputs = octet.tokenInputs(octet.defaultTokens(octet.MOBILEBERT));
  const config = octet.presets['octa'];
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  const residentBytes: number[] = [];
  const memoryHashes: string[] = [];
  const peak: number[] = [];
  let instructions = 0;
  let macs = 0;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    const before = process.cpuUsage();
    const execution = octet.execute(program, plan, config, inputs);
    execution.read(plan.outputs[0]);
    seconds.push((performance.now() - start) / 1000);
    const { user, system } = process.cpuUsage(before);
    cpuSeconds.push((user + system) / 1e6);
    instructions = execution.statistics.instructions;
    macs = execution.statistics.ita.macs;
    memoryHashes.push(execution.machine.memoryHash());
    residentBytes.push(process.memoryUsage.rss());
    peak.push(process.resourceUsage().maxRSS * 1024);
  }

  const stopwatch = new Stopwatch();
  const start = performance.now();
  const machine = stopwatch.timers(Clock, () => new octet.Machine(config));
  stopwatch.devices(machine.bus);
  machine.load(program);
  const loaded = performance.now();
  machine.run();
  const end = performance.now();
  const translation = machine.translators.reduce((sum, t) => sum + t.statistics.milliseconds, 0);
  const devices = Object.fromEntries(stopwatch.milliseconds);
  const inDevices = [...stopwatch.milliseconds.values()].reduce((sum, ms) => sum + ms, 0);
  const parts = {
    machine: loaded - start,
    translation,
    devices,
    harts: end - loaded - translation - inDevices,
    whole: end - start,
  };
  return {
    seconds,
    cpuSeconds,
    residentBytes,
    peakBytes: [peak[0], peak[peak.length - 1]],
    memoryHashes,
    instructions,
    macs,
    parts,
  };
}

const [directory, runs] = process.argv.slice(2);
console.log(JSON.stringify(await main(directory, Number(runs))));
