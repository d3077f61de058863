import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8'),
) as { packages: Readonly<Record<string, LockedPackage>> };

test('the lockfile holds every optional package of other platforms, without which `npm ci` refuses it', () => {
  const named = Object.values(packages).flatMap((p) => Object.entries(p.optionalDependencies ?? {}));
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter(([name]) => !(`node_modules/${name}` in packages))).toEqual([]);
});

test('the lockfile names no host, so that packages come from whichever registry npm is set to', () => {
  expect(Object.entries(packages).filter(([, p]) => p.resolved !== undefined)).toEqual([]);
});
