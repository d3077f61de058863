/**
 * The energy model beside published figures (docs/energy.md). `npx tsx scripts/calibrate-energy.ts` prints the fit and the
 * comparison from the counts kept in fixtures/energy; `--record` runs the firmware again and keeps new counts,
 * `--record product32,product8` of some.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MachineConfig, parseMachineFile } from '../src/cluster/config.ts';
import { Machine, type Statistics } from '../src/cluster/machine.ts';
import { inferMobileBert } from '../src/deploy/run/mobilebert.ts';
import { MOBILEBERT } from '../src/deploy/models/mobilebert.ts';
import { defaultTokens } from '../src/deploy/models/tokens.ts';
import { parseElf } from '../src/elf/elf.ts';
import {
  calibrationForPage,
  type RecordedRun,
  recordedRuns,
  type RecordedRuns,
} from '../src/energy/calibration.ts';
import type { RunStatistics } from '../src/energy/events.ts';

type RunName = (typeof recordedRuns)[number];

const root = fileURLToPath(new URL('..', import.meta.url));
const fileOf = (name: RunName): string => join(root, 'fixtures/energy', `${name}.json`);

const machineOf = (fields: object): MachineConfig => parseMachineFile(JSON.stringify(fields), 'calibration');

const cluster = { mode: 'cluster' };
const snitch = { mode: 'cluster', core: 'snitch' };

/** What each run is: in words, the machine, and the program. */
const plans: Readonly<
  Record<RunName, { about: string; machine: object; run: (machine: MachineConfig) => unknown }>
> = {
  mobilebert: {
    about: 'octet infer mobilebert --preset snitch-ita --timing cluster: 24 layers, 128 tokens, seed 1',
    machine: { preset: 'snitch-ita', timing: cluster },
    run: inferred,
  },
  product32: {
    about: 'firmware/apps/product32.c on eight Snitch harts beside an idle accelerator',
    machine: { preset: 'octa', timing: snitch },
    run: (machine) => statisticsOf('product32', machine),
  },
  product8: {
    about: 'firmware/apps/product8.c on eight CV32E40P harts, without an accelerator, at 0.65 V',
    machine: { preset: 'octa', ita: null, timing: cluster },
    run: (machine) => statisticsOf('product8', machine),
  },
  attention: {
    about: 'firmware/apps/attention_stream.c on snitch-ita, from the first transfer to the last job',
    machine: { preset: 'snitch-ita', timing: cluster },
    run: attention,
  },
};

async function inferred(machine: MachineConfig): Promise<Statistics> {
  const { statistics } = await inferMobileBert({
    config: MOBILEBERT,
    machine,
    seed: 1,
    tokens: defaultTokens(MOBILEBERT),
    check: 'none',
    workspace: join(root, 'build/workspace'),
  });
  return statistics;
}

/** The program built and loaded. */
function loaded(app: string, config: MachineConfig): Machine {
  const build = mkdtempSync(join(tmpdir(), 'octet-energy-'));
  try {
    execFileSync('make', ['-s', '-C', join(root, 'firmware'), `BUILD=${build}`, join(build, `${app}.elf`)]);
    const machine = new Machine(config);
    machine.load(parseElf(readFileSync(join(build, `${app}.elf`)), `${app}.elf`));
    return machine;
  } finally {
    rmSync(build, { recursive: true });
  }
}

function statisticsOf(app: string, config: MachineConfig): Statistics {
  const machine = loaded(app, config);
  const outcome = machine.run();
  if (outcome.kind !== 'exit' || outcome.code !== 0)
    throw new Error(`${app} ended with ${JSON.stringify(outcome)}`);
  return machine.statistics;
}

/** The counts of the part in which the accelerator works, within some hundred cycles. */
function attention(config: MachineConfig): unknown {
  const machine = loaded('attention_stream', config);
  const goUntil = (reached: (statistics: Statistics) => boolean): Statistics => {
    while (!reached(machine.statistics)) {
      if (machine.run(100).kind === 'exit') throw new Error('attention_stream ended early');
    }
    return machine.statistics;
  };
  const start = goUntil(({ dma }) => dma.bytes > 0);
  return difference(
    goUntil(({ ita }) => ita.jobs === 24),
    start,
  );
}

/** Numbers of `b` taken from those of `a`, whatever they are in; the numbers of harts stay. */
function difference(a: unknown, b: unknown, key = ''): unknown {
  if (typeof a === 'number') return key === 'hart' ? a : a - (b as number);
  if (Array.isArray(a)) return a.map((value, i) => difference(value, (b as unknown[])[i]));
  const entries = Object.entries(a as Record<string, unknown>);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, difference(value, (b as Record<string, unknown>)[name], name)]),
  );
}

async function record(name: RunName): Promise<void> {
  const { about, machine, run } = plans[name];
  const statistics = (await run(machineOf(machine))) as RunStatistics;
  const { harts, tcdmBytes, tcdmBanks, ita, operatingPoint, energy, timing } = machineOf(machine);
  const recorded: RecordedRun = {
    about,
    config: { harts, tcdmBytes, tcdmBanks, ita, operatingPoint, energy, timing: { core: timing.core } },
    statistics,
  };
  writeFileSync(fileOf(name), `${JSON.stringify(recorded, null, 1)}\n`);
}

const [option, only] = process.argv.slice(2);
if (option === '--record') {
  const names = recordedRuns.filter((name) => only === undefined || only.split(',').includes(name));
  for (const name of names) await record(name);
}
const runs = Object.fromEntries(
  recordedRuns.map((name) => [name, JSON.parse(readFileSync(fileOf(name), 'utf8')) as RecordedRun]),
) as RecordedRuns;
process.stdout.write(calibrationForPage(runs));
