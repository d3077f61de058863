/** The octet command: one subcommand per file; errors become a sentence and the exit status of design §6. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { MachineError, UsageError } from '../errors.ts';
import { packageRoot } from '../root.ts';

const WRONG_INPUT = 2;
const MACHINE_ERROR = 3;

/** The subcommands in the order of the help; each is loaded only when it is asked for, so that all start fast. */
const subcommands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  run: async () => (await import('./run.ts')).addRun,
  debug: async () => (await import('./debug.ts')).addDebug,
  infer: async () => (await import('./infer.ts')).addInfer,
  explore: async () => (await import('./explore.ts')).addExplore,
  report: async () => (await import('./report.ts')).addReport,
  deploy: async () => (await import('./deploy.ts')).addDeploy,
  quantise: async () => (await import('./quantise.ts')).addQuantise,
  disasm: async () => (await import('./disasm.ts')).addDisasm,
  machine: async () => (await import('./machine.ts')).addMachine,
  isa: async () => (await import('./isa.ts')).addIsa,
  'test-isa': async () => (await import('./test-isa.ts')).addTestIsa,
};

/** @param asked the first argument: the subcommand, or anything else, for which all are needed */
async function createProgram(asked: string | undefined): Promise<Command> {
  const { version, description } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
    description: string;
  };
  const program = new Command('octet')
    .description(`${description}.`)
    .version(version)
    .showHelpAfterError('(octet <command> --help explains the options)')
    .addHelpText(
      'after',
      "\nExit status: the guest's; 2 for wrong usage or input; 3 for a machine error (hazard, deadlock, unhandled trap); 124 when an instruction budget is used up.",
    )
    .exitOverride();
  const known = asked !== undefined && Object.hasOwn(subcommands, asked);
  const needed = known ? [subcommands[asked]] : Object.values(subcommands);
  for (const add of await Promise.all(needed.map((load) => load()))) add(program);
  // Subcommands inherit the override only when they are made with it.
  for (const command of program.commands) command.exitOverride().showHelpAfterError('(see --help)');
  return program;
}

/** Writes the failure to standard error and returns the exit status. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_INPUT; // commander has printed it
  if (error instanceof UsageError) {
    process.stderr.write(`octet: ${error.message}\n`);
    return WRONG_INPUT;
  }
  if (error instanceof MachineError) {
    process.stderr.write(`octet: machine error: ${error.message}\n`);
    return MACHINE_ERROR;
  }
  throw error;
}

/** `--gdb` takes no word that follows it, so that `octet run --gdb firmware.elf` means the file. */
function withGdbPort(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, i) => (word === '--gdb' && (end < 0 || i < end) ? '--gdb=3333' : word));
}

/** A reader that has gone away (`octet disasm … | head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

createProgram(process.argv[2])
  .then((program) => program.parseAsync(withGdbPort(process.argv)))
  .catch((error: unknown) => {
    process.exitCode = report(error);
  });
