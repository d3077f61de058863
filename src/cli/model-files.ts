/** Where the subcommands of `octet infer` find the files of trained networks. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { NamedFile } from '../deploy/run/kwt.ts';
import { UsageError } from '../errors.ts';
import { readInput } from './options.ts';

/** Directory of models, as an environment variable. */
const MODELS = 'OCTET_MODELS';

export const named = (file: string): NamedFile => ({ file, bytes: readInput(file) });

export const isDirectory = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/**
 * The file the user named, or the one of that path below the directory in OCTET_MODELS.
 * @param what of the network it is, in words
 * @throws UsageError where there is neither
 */
export function modelFile(
  network: string,
  what: string,
  option: string,
  stated: string | undefined,
  path: readonly string[],
): string {
  if (stated !== undefined) return stated;
  const models = process.env[MODELS];
  const file = models === undefined ? undefined : join(models, ...path);
  if (file !== undefined && existsSync(file)) return file;
  throw new UsageError(
    `infer ${network} needs ${what}: ${option} ${path.at(-1)}, or ${MODELS} naming a directory with ${path.join('/')}; docs/networks.md says where they come from`,
  );
}

/** The `.wav` files in a directory and below it, in order. */
export const wavFilesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.toLowerCase().endsWith('.wav'))
    .sort()
    .map((name) => join(directory, name));
