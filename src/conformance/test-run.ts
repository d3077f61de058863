/**
 * Runs one test of the riscv-tests kind: a program for the `-p-` environment that reports over HTIF, 1 in `tohost`
 * for success and 2n + 1 for the failure of its test n (riscv-tests README, "env/p").
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { override, presets } from '../cluster/config.ts';
import { type EngineChoice, Machine } from '../cluster/machine.ts';
import { parseElf, type Program } from '../elf/elf.ts';
import { ElfError, MachineError } from '../errors.ts';
import { selectIsa } from './selection.ts';

/** `timeout`: no result within the instruction budget. */
export type Verdict = 'pass' | 'fail' | 'timeout' | 'skip';

export interface TestResult {
  /** File name without directories: `rv32ui-p-add`. */
  readonly name: string;
  readonly file: string;
  readonly verdict: Verdict;
  /** Why it failed or was skipped; empty when it passed. */
  readonly reason: string;
  /** The instruction set it ran with; empty when it did not run. */
  readonly isa: string;
  /** Instructions retired. */
  readonly instructions: number;
  readonly seconds: number;
}

export interface TestOptions {
  /** Instruction set of every test instead of the one its name and attributes ask for. */
  readonly isa?: string;
  /** How the hart executes; the machine's choice when absent. */
  readonly engine?: EngineChoice;
  /** Instructions a test may take. */
  readonly maxInstructions: number;
}

const GP = 3;
const ELF_CLASS_OFFSET = 4;
const ELF_CLASS_64 = 2;
/** What the environment reports, or-ed with the test's number, for a trap that no test expects. */
const UNEXPECTED_TRAP = 1337;

/** Runs the test in `file` to its verdict. @throws UsageError where `options.isa` is no instruction set */
export function runTest(file: string, options: TestOptions): TestResult {
  const name = basename(file);
  const start = performance.now();
  const result = (verdict: Verdict, reason = '', isa = '', instructions = 0): TestResult => {
    const seconds = (performance.now() - start) / 1000;
    return { name, file, verdict, reason, isa, instructions, seconds };
  };
  const program = load(file);
  if ('verdict' in program) return result(program.verdict, program.reason);
  const selection = selectIsa(name, program.arch, options.isa);
  if ('skip' in selection) return result('skip', selection.skip);
  if (!program.symbols.find('tohost')) {
    return result('skip', "has no symbol 'tohost', through which a test reports its result");
  }
  const machine = new Machine(
    override(presets['bare'], { isa: selection.isa }),
    options.engine === undefined ? {} : { engine: options.engine },
  );
  const [verdict, reason] = execute(machine, program, options.maxInstructions);
  return result(verdict, reason, selection.isa, machine.statistics.instructions);
}

/** The program, or the verdict on a file that is none octet runs. */
function load(file: string): Program | { readonly verdict: Verdict; readonly reason: string } {
  const bytes = readFileSync(file);
  if (bytes[ELF_CLASS_OFFSET] === ELF_CLASS_64)
    return { verdict: 'skip', reason: '64-bit ELF; octet runs RV32' };
  try {
    return parseElf(bytes, basename(file));
  } catch (error) {
    if (error instanceof ElfError) return { verdict: 'fail', reason: error.message };
    throw error;
  }
}

function execute(machine: Machine, program: Program, budget: number): [Verdict, string] {
  try {
    machine.load(program);
    const outcome = machine.run(budget);
    if (outcome.kind === 'budget') {
      const [hart] = machine.cluster.harts;
      const where = `pc ${machine.describe(hart.pc)}, test ${hart.x[GP]} in gp`;
      return ['timeout', `no result after ${budget} instructions: ${where}`];
    }
    return outcome.code === 0 ? ['pass', ''] : ['fail', describeFailure(machine, outcome.code)];
  } catch (error) {
    if (error instanceof MachineError || error instanceof ElfError) return ['fail', error.message];
    // A bug of octet: the other tests still count, and the trace says where.
    return ['fail', `internal error of octet: ${error instanceof Error ? error.stack : String(error)}`];
  }
}

/** `test 17 at 0x800001c4 (test_17, add.S:31)`. */
function describeFailure(machine: Machine, code: number): string {
  if ((((code << 1) | 1) & UNEXPECTED_TRAP) === UNEXPECTED_TRAP) {
    const [{ mcause, mepc, mtval }] = machine.cluster.harts;
    const [cause, value] = [mcause, mtval].map((v) => `0x${(v >>> 0).toString(16)}`);
    return `unexpected trap: mcause ${cause}, mtval ${value} at ${machine.describe(mepc)}`;
  }
  const at = machine.program?.symbols.find(`test_${code}`)?.address;
  return `test ${code}${at === undefined ? '' : ` at ${machine.describe(at)}`}`;
}
