/** `octet explore`: runs networks on many machines and says which are the best. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { parseMachineFile, presets } from '../cluster/config.ts';
import { UsageError } from '../errors.ts';
import { explore } from '../explore/explore.ts';
import { type FigureName, figureNames } from '../explore/figures.ts';
import { emitExplorationPage } from '../explore/page.ts';
import { type Result, ResultsFile } from '../explore/results.ts';
import { type Axis, isMachineField, parseAxis, pointsOf } from '../explore/sweep.ts';
import { csvOf, type Exploration, jsonOf, rowsOf } from '../explore/tables.ts';
import { addInfer } from './infer.ts';
import { parsePositive, parseWhole, readText, writeOutput } from './options.ts';
import { Progress, table } from './text.ts';

interface ExploreFlags {
  readonly vary: readonly string[];
  readonly preset?: string;
  readonly machine?: string;
  readonly results: string;
  readonly jobs: number;
  readonly timeout?: number;
  readonly retry?: boolean;
  readonly front: readonly [FigureName, FigureName];
  readonly csv?: string;
  readonly page?: string;
  readonly json?: boolean;
}

/** Exit status when a point has failed. */
const FAILED = 1;

/** Exit status after an interrupt, as a shell has it. */
const STOPPED = 130;

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

export function addExplore(program: Command): void {
  program
    .command('explore')
    .summary('run networks on many machines')
    .description(
      'Runs each network on every combination of the settings that vary, each in a process of its own (octet infer), and\n' +
        'says which points no other beats. Finished points are kept in the results file and not run again; a point that\n' +
        'fails is reported and stops nothing. Words after -- are options of octet infer for all points.',
    )
    .argument('<networks...>', 'networks of octet infer; words after -- are its options')
    .option(
      '--vary <name=values>',
      'a field of the machine file (tcdmBytes=64KiB,128KiB, dma.busBytes=32,64) or an option of octet infer (l1=48KiB,64KiB); may stand several times',
      collect,
      [],
    )
    .addOption(new Option('--preset <name>', 'machine to start from').choices(Object.keys(presets)))
    .option('--machine <file.json>', 'machine file to start from')
    .option('--results <file>', 'finished points, one a line', 'explore.jsonl')
    .option('-j, --jobs <n>', 'points at a time', parseWhole(1, 256), availableParallelism())
    .option('--timeout <seconds>', 'a point that takes longer has failed', parsePositive)
    .option('--retry', 'run again what failed before')
    .option(
      '--front <figure,figure>',
      `what the best points are best in: two of ${figureNames.join(', ')}`,
      parseFront,
      ['infPerSecond', 'millijoules'],
    )
    .option('--csv <file>', 'write a table')
    .option('--page <file.html>', 'write a page with a plot')
    .option('--json', 'print one JSON object')
    .action(async (words: readonly string[], flags: ExploreFlags) => {
      process.exitCode = await run(words, flags);
    });
}

const isFigure = (name: string): name is FigureName => (figureNames as readonly string[]).includes(name);

function parseFront(list: string): [FigureName, FigureName] {
  const names = list.split(',');
  const [first, second] = names;
  if (names.length !== 2 || first === second || !isFigure(first) || !isFigure(second))
    throw new UsageError(`--front ${list}: expected two different ones of ${figureNames.join(', ')}`);
  return [first, second];
}

async function run(words: readonly string[], flags: ExploreFlags): Promise<number> {
  const { networks, options } = separated(words);
  const axes = flags.vary.map(parseAxis);
  checkOptions(axes);
  const points = pointsOf({ networks, axes, machine: baseMachine(flags, axes), options });
  const bar = new Progress();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(name));
  const script = process.argv[1];
  const results = await explore(points, {
    command: [process.execPath, ...process.execArgv, script],
    jobs: flags.jobs,
    results: new ResultsFile(flags.results),
    signal: stop.signal,
    ...(flags.retry ? { retry: true } : {}),
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
    onResult: (result, done, of) => bar.show(`${done} of ${of} points: ${describe(result)}`),
  })
    .catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
      return undefined;
    })
    .finally(() => bar.done());
  if (results === undefined) {
    process.stderr.write(
      `octet: stopped by ${String(stop.signal.reason)}; ${flags.results} has the finished points\n`,
    );
    return STOPPED;
  }
  const exploration: Exploration = { networks, axes, results, front: flags.front };
  if (flags.csv !== undefined) writeOutput(flags.csv, csvOf(exploration));
  if (flags.page !== undefined) writeOutput(flags.page, emitExplorationPage(exploration));
  process.stdout.write(flags.json ? `${JSON.stringify(jsonOf(exploration))}\n` : summary(exploration));
  return results.some(({ error }) => error !== undefined) ? FAILED : 0;
}

/** The networks, and the words after `--`, which commander hands over as one list. */
function separated(words: readonly string[]): { networks: string[]; options: string[] } {
  const dashes = process.argv.indexOf('--');
  const after = dashes < 0 ? 0 : process.argv.length - dashes - 1;
  const networks = words.slice(0, words.length - after);
  if (networks.length === 0) throw new UsageError('octet explore: expected a network before --');
  const twice = networks.find((name, i) => networks.indexOf(name) < i);
  if (twice !== undefined) throw new UsageError(`octet explore: ${twice} stands there twice`);
  return { networks, options: words.slice(words.length - after) };
}

/** Options of `octet infer` that an exploration states itself, or that write files. */
const TAKEN = ['machine', 'json', 'report', 'timeline', 'export-weights', 'workspace'];

/** Refuses axes that are nothing of the machine's and nothing `octet infer` knows, before anything runs. */
function checkOptions(axes: readonly Axis[]): void {
  const program = new Command();
  addInfer(program);
  const infer = program.commands[0].options.map(({ long }) => (long ?? '').slice(2));
  const known = infer.filter((name) => !TAKEN.includes(name));
  for (const { name } of axes) {
    if (isMachineField(name) || known.includes(name)) continue;
    throw new UsageError(
      `--vary ${name}: is neither a field of the machine file (octet machine prints them) nor an option of octet infer`,
    );
  }
}

/** The machine file all points start from; in cluster timing unless it or an axis says otherwise. */
function baseMachine({ preset, machine }: ExploreFlags, axes: readonly Axis[]): Record<string, unknown> {
  if (preset !== undefined && machine !== undefined)
    throw new UsageError('--preset and --machine exclude each other; a machine file names its preset itself');
  const base: Record<string, unknown> = preset === undefined ? {} : { preset };
  if (machine !== undefined) {
    const text = readText(machine);
    parseMachineFile(text, machine);
    Object.assign(base, JSON.parse(text));
  }
  if (axes.some(({ name }) => name === 'timing')) return base;
  return { ...base, timing: { mode: 'cluster', ...(base['timing'] as object | undefined) } };
}

const settingsText = ({ settings }: Result): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');

const describe = (result: Result): string => {
  const point = `${result.network} ${settingsText(result)}`.trimEnd();
  return result.error === undefined ? point : `${point}: ${result.error}`;
};

/** Columns of the table in the terminal, beside the settings. */
const SHOWN: readonly string[] = [
  'cycles',
  'infPerSecond',
  'milliwatts',
  'millijoules',
  'gopPerJoule',
  'itaBusy',
  'pareto',
];

function summary(exploration: Exploration): string {
  const { axes, results } = exploration;
  const [head, ...rows] = rowsOf(exploration);
  const columns = head.flatMap((name, i) => (i <= axes.length || SHOWN.includes(name) ? [i] : []));
  const ran = rows.filter((_, i) => results[i].figures);
  const failed = results.filter(({ error }) => error !== undefined);
  const cells = [head, ...ran].map((row) => columns.map((i) => row[i]));
  return [
    ...(ran.length > 0 ? [table(cells)] : []),
    ...failed.map((result) => `FAILED: ${describe(result)}`),
    '',
  ].join('\n');
}
