import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/test-summary.js');
const directory = mkdtempSync(join(tmpdir(), 'octet-summary-'));
afterAll(() => rmSync(directory, { recursive: true }));

const report = (passed: number, failed: number, skipped: number, files: readonly object[] = []): string => {
  const path = join(directory, 'report.json');
  const counts = {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: skipped,
    numTodoTests: 0,
  };
  writeFileSync(path, JSON.stringify({ ...counts, testResults: files }));
  return path;
};

const summary = (path: string, runStatus: number) => {
  const { stdout, status } = spawnSync(process.execPath, [SCRIPT, path, String(runStatus)], {
    encoding: 'utf8',
  });
  return [stdout, status];
};

test('counts what vitest reports', () => {
  expect(summary(report(7, 0, 2), 0)).toEqual(['7 passed, 0 failed, 2 skipped\n', 0]);
  expect(summary(report(7, 3, 2), 1)).toEqual(['7 passed, 3 failed, 2 skipped\n', 1]);
});

test('counts a test file that does not load as a failure', () => {
  const broken = { status: 'failed', assertionResults: [] };
  expect(summary(report(7, 0, 0, [broken]), 1)).toEqual(['7 passed, 1 failed, 0 skipped\n', 1]);
});

test('counts a failure outside the tests', () => {
  expect(summary(report(7, 0, 0), 2)).toEqual(['7 passed, 1 failed, 0 skipped\n', 1]);
});

test('fails when no test ran', () => {
  expect(summary(join(directory, 'absent.json'), 2)).toEqual(['0 passed, 1 failed, 0 skipped\n', 1]);
  expect(summary(report(0, 0, 5), 0)).toEqual(['0 passed, 1 failed, 5 skipped\n', 1]);
});
