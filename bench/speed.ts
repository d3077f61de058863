/**
 * Guest speed: the workloads of bench/workloads on octet's translating engine, on its interpreter, and on QEMU and Spike
 * where they are installed; then MobileBERT and start-up. docs/performance.md explains what is measured.
 *
 *     npm run bench -- [--quick] [--runs n] [--only name,…] [--clock wall|cpu] [--json] [--write docs/performance.md]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '../src/cli/text.ts';
import { type CompareOptions, type Measurement, measure } from './support/compare.ts';
import { measureHello } from './support/hello.ts';
import { measureMobileBert } from './support/mobilebert.ts';
import { type Clock, type Figures, geometricMeans, host, report, writeInto } from './support/report.ts';
import { integerWorkloads, otherWorkloads, type Workload, Workshop } from './support/workloads.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string' },
    clock: { type: 'string', default: 'wall' },
    json: { type: 'boolean', default: false },
    write: { type: 'string' },
  },
});

/** The layers of MobileBERT that are run, and how often everything is. */
const effort = flags.quick
  ? { runs: 1, scale: 1 / 8, layers: 2, inferences: 3, commands: 1, hello: 3 }
  : { runs: 5, scale: 1, layers: 24, inferences: 10, commands: 5, hello: 10 };
const runs = flags.runs === undefined ? effort.runs : Number(flags.runs);
if (!Number.isInteger(runs) || runs < 1)
  throw new Error(`--runs is ${flags.runs}, expected a whole number from 1`);
if (flags.clock !== 'wall' && flags.clock !== 'cpu')
  throw new Error(`--clock is ${flags.clock}, expected wall or cpu`);
const clock: Clock = flags.clock;
const wanted = flags.only?.split(',');
const known = [...integerWorkloads, ...otherWorkloads].map((w) => w.name).concat('mobilebert');
for (const name of wanted ?? []) {
  if (!known.includes(name)) throw new Error(`there is no workload ${name}; expected ${known.join(', ')}`);
}
const chosen = (name: string): boolean => !wanted || wanted.includes(name);

const bar = new Progress();
const progress = (text: string): void => bar.show(text);
const directory = mkdtempSync(join(tmpdir(), 'octet-bench-'));
const workshop = new Workshop(directory);
const measureAll = (workloads: readonly Workload[], options: Partial<CompareOptions> = {}): Measurement[] =>
  workloads
    .filter(({ name }) => chosen(name))
    .map((workload) => measure(workload, workshop, { runs, scale: effort.scale, progress, ...options }));

let figures: Figures;
try {
  const [loadBefore] = loadavg();
  progress('start-up');
  const hello = measureHello(effort.hello);
  const integer = measureAll(integerWorkloads);
  const short = measureAll(integerWorkloads, { scale: effort.scale / 4, engines: ['octet', 'qemu'] });
  const other = measureAll(otherWorkloads);
  const mobilebert = chosen('mobilebert') ? measureMobileBert({ ...effort, progress }) : null;
  figures = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    host: host(),
    runs,
    load: [loadBefore, loadavg()[0]],
    integer,
    short,
    other,
    mobilebert,
    hello,
  };
} finally {
  bar.done();
  rmSync(directory, { recursive: true });
}
if (flags.write !== undefined) await writeInto(flags.write, report(figures));
process.stdout.write(flags.json ? `${JSON.stringify(json(figures))}\n` : `${report(figures)}\n`);

/** The figures by name; speeds and ratios by the chosen clock, with both and the rest beside them. */
function json({
  integer,
  short,
  other,
  mobilebert,
  hello,
  ...circumstances
}: Figures): Record<string, unknown> {
  const all = [...integer, ...other];
  return {
    ...circumstances,
    clock,
    quick: flags.quick,
    workloads: Object.fromEntries(all.map((row) => [row.name, { ...row[clock], ...row }])),
    short: Object.fromEntries(short.map((row) => [row.name, { ...row[clock], ...row }])),
    geomean: geometricMeans(integer, clock),
    geomeans: { wall: geometricMeans(integer, 'wall'), cpu: geometricMeans(integer, 'cpu') },
    mobilebert,
    hello,
  };
}
