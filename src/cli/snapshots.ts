/** `--save`, `--save-at` and `--restore`: a run that leaves its state in a file, and one that goes on from there. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Machine, Outcome } from '../cluster/machine.ts';
import { UsageError } from '../errors.ts';
import { parseWhole, readInput } from './options.ts';

export interface SnapshotFlags {
  readonly save?: string;
  readonly saveAt?: number;
  readonly restore?: string;
}

export function addSnapshotOptions(command: Command): Command {
  return command
    .option('--save <file>', 'write the state of the whole machine to a file when the run ends')
    .option(
      '--save-at <n>',
      'write it when n instructions have retired since reset, and go on',
      parseWhole(0),
    )
    .option('--restore <file>', 'start from a saved state; needs the same program and machine');
}

/**
 * Runs a machine with its program loaded, from a saved state where one is named and saving where that is asked for.
 * @param maxInstructions of this run
 * @throws UsageError for files that cannot be used, and where the run ends before the instruction to save at
 */
export async function runWithSnapshots(
  machine: Machine,
  flags: SnapshotFlags,
  maxInstructions = Infinity,
): Promise<Outcome> {
  const { save, saveAt, restore: from } = flags;
  if (saveAt !== undefined && save === undefined) throw new UsageError('--save-at needs --save <file>');
  if (save === undefined && from === undefined) return machine.run(maxInstructions);
  // Loaded where it is used: a plain run has no need of compression and digests.
  const { encodeSnapshot, restoreSnapshot } = await import('../cluster/snapshot-file.ts');
  if (from !== undefined) restoreSnapshot(machine, readInput(from), from);
  if (save === undefined) return machine.run(maxInstructions);
  if (saveAt === undefined) {
    const outcome = machine.run(maxInstructions);
    writeWhole(save, encodeSnapshot(machine));
    return outcome;
  }
  const start = machine.cluster.instret;
  if (start > saveAt) {
    throw new UsageError(`--save-at is ${saveAt}, but ${start} instructions have retired in ${from} already`);
  }
  const outcome = machine.run(Math.min(saveAt - start, maxInstructions));
  const { instret } = machine.cluster;
  if (instret < saveAt) {
    throw new UsageError(
      `--save-at is ${saveAt}, but the run ended after ${instret} instructions; no file is written`,
    );
  }
  writeWhole(save, encodeSnapshot(machine));
  return outcome.kind === 'exit' ? outcome : machine.run(maxInstructions - (saveAt - start));
}

/** Writes a file so that it is there whole or not at all. */
function writeWhole(file: string, data: Uint8Array): void {
  const part = `${file}.${process.pid}.part`;
  try {
    writeFileSync(part, data);
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw new UsageError(`${file}: cannot be written: ${(error as Error).message}`);
  }
}
