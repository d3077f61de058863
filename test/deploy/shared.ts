/** Reference data beside the checkout, for tests that compare with it; absent on most machines. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'vitest';

const path = (name: string): string =>
  fileURLToPath(new URL(`../../../shared/models/${name}`, import.meta.url));

export const readShared = (name: string): Buffer => readFileSync(path(name));

/** A test that needs the named reference file; without it, it is skipped and its name says why. */
export const testWith = (
  needed: string,
  name: string,
  body: (context: TestContext) => void | Promise<void>,
  timeout?: number,
): void => {
  if (existsSync(path(needed))) test(name, body, timeout);
  else test.skip(`${name} (skipped: ../shared/models/${needed} is absent)`, body);
};
