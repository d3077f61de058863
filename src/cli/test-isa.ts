/** `octet test-isa`: runs instruction-set tests of the riscv-tests kind, in parallel, and reports on them. */
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { type EngineChoice, engineChoices } from '../cluster/machine.ts';
import { discoverTests } from '../conformance/discover.ts';
import { emitJunit } from '../conformance/junit.ts';
import { runTests } from '../conformance/pool.ts';
import type { TestResult, Verdict } from '../conformance/test-run.ts';
import { InputError, UsageError } from '../errors.ts';
import { parseIsa } from '../isa/isa.ts';
import { parseWhole, writeOutput } from './options.ts';
import { grouped, Progress, table } from './text.ts';

interface TestIsaFlags {
  readonly isa?: string;
  readonly engine: EngineChoice;
  readonly jobs: number;
  readonly maxInstructions: number;
  readonly filter?: string;
  readonly junit?: string;
  readonly json?: boolean;
}

const BUDGET = 10_000_000;

export function addTestIsa(program: Command): void {
  program
    .command('test-isa')
    .summary('run instruction-set tests')
    .description(
      'Runs ELF files of the riscv-tests kind (environment -p-, result over HTIF) and prints a table.\n' +
        'The instruction set of each is chosen by the suite in its name (rv32ui, rv32uzbb, rv32mi, …), else by\n' +
        'its .riscv.attributes. Exit status: 0 when all pass, 1 when one fails, 2 for wrong input.',
    )
    .argument('<path...>', 'ELF files, or directories of them (other files there are ignored)')
    .option('--isa <string>', 'instruction set of every test; tests that need more are skipped')
    .addOption(new Option('--engine <name>', 'how the hart executes').choices(engineChoices).default('auto'))
    .option('--filter <text>', 'only tests whose name contains the text')
    .option('--jobs <n>', 'tests at a time', parseWhole(1, 256), availableParallelism())
    .option('--max-instructions <n>', 'budget of one test', parseWhole(1), BUDGET)
    .option('--junit <file>', 'write the results as JUnit XML')
    .option('--json', 'print the results as one JSON object instead of the table')
    .action(async (paths: string[], flags: TestIsaFlags) => {
      process.exitCode = await testIsa(paths, flags);
    });
}

async function testIsa(paths: readonly string[], flags: TestIsaFlags): Promise<number> {
  const isa = flags.isa === undefined ? {} : { isa: parseIsa(flags.isa).name };
  const { engine, filter = '', jobs, maxInstructions } = flags;
  const files = discoverTests(paths).filter((file) => basename(file).includes(filter));
  if (files.length === 0) throw new UsageError(`--filter ${filter}: no test's name contains this`);
  const progress = new Progress();
  const start = performance.now();
  const results = await runTests(files, {
    ...isa,
    engine,
    jobs,
    maxInstructions,
    onResult: ({ name }, done) => progress.show(`${done} of ${files.length} tests: ${name}`),
  });
  progress.done();
  const seconds = (performance.now() - start) / 1000;
  if (flags.junit !== undefined) writeOutput(flags.junit, emitJunit(results));
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ ...tally(results), seconds, results })}\n`
      : `${resultTable(results)}\n${summary(results, seconds)}\n`,
  );
  if (results.every((r) => r.verdict === 'skip')) {
    throw new InputError(`${paths.join(', ')}: all ${results.length} tests were skipped, nothing was run`);
  }
  return results.some((r) => r.verdict === 'fail' || r.verdict === 'timeout') ? 1 : 0;
}

/** Number of tests by verdict. */
function tally(results: readonly TestResult[]): Record<Verdict, number> {
  const counts = { pass: 0, fail: 0, timeout: 0, skip: 0 };
  for (const { verdict } of results) counts[verdict]++;
  return counts;
}

function resultTable(results: readonly TestResult[]): string {
  return table([
    ['test', 'result', 'instructions', 'ms', ''],
    ...results.map(({ name, verdict, instructions, seconds, reason }) => {
      const ran = verdict !== 'skip';
      return [
        name,
        verdict,
        ran ? grouped(instructions) : '',
        ran ? (seconds * 1000).toFixed(1) : '',
        reason.split('\n')[0],
      ];
    }),
  ]);
}

function summary(results: readonly TestResult[], seconds: number): string {
  const { pass, fail, timeout, skip } = tally(results);
  return `${results.length} tests: ${pass} passed, ${fail} failed, ${timeout} timed out, ${skip} skipped in ${seconds.toFixed(1)} s`;
}
