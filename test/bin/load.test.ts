import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const bundle = join(root, 'dist/bundle');
const kept = readdirSync(bundle).filter((name) => name.endsWith('.code'));

/** Runs Node with these arguments in a package directory. */
const node = (directory: string, ...args: string[]): string =>
  spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8' }).stdout;

/** For each file, whether V8 refused its code. */
const refused = (directory: string, files: readonly string[]): unknown =>
  JSON.parse(
    node(
      directory,
      '-p',
      "const { compile } = require('./bin/load.js'); JSON.stringify(process.argv.slice(1).map((f) => compile(f).cachedDataRejected))",
      ...files,
    ),
  );

describe('the code kept with the bundle', () => {
  const copy = mkdtempSync(join(tmpdir(), 'octet-load-'));
  afterAll(() => rmSync(copy, { recursive: true }));
  const files = kept.map((name) => name.replace(/\.code$/, ''));

  test('is there for what `octet run` needs, and V8 takes it', () => {
    expect(files).toEqual(expect.arrayContaining(['octet.cjs', 'run.cjs', 'machine.cjs']));
    expect(refused(root, files)).toEqual(files.map(() => false));
  });

  test('is done without where V8 refuses it or it is missing', () => {
    for (const part of ['bin', 'dist/bundle', 'package.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    const [first, ...others] = files;
    truncateSync(join(copy, 'dist/bundle', `${first}.code`), 1000);
    for (const name of others) truncateSync(join(copy, 'dist/bundle', `${name}.code`), 0);
    rmSync(join(copy, 'dist/bundle/octet.cjs.code'));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(refused(copy, [first])).toEqual([true]);
    expect(node(copy, 'bin/octet.js', '--version')).toBe(`${version}\n`);
  });
});
