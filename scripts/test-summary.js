// Prints `N passed, N failed, N skipped` from vitest's JSON report. Usage: test-summary.js REPORT STATUS, where
// STATUS is the exit status of the run: what failed outside the tests (lint, types, a build) counts as one failure.
import { readFileSync } from 'node:fs';

const [report, status] = process.argv.slice(2);

const countTests = () => {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  const brokenFiles = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: numPassedTests,
    failed: numFailedTests + brokenFiles.length,
    skipped: numPendingTests + numTodoTests,
  };
};

let counts = { passed: 0, failed: 0, skipped: 0 };
try {
  counts = countTests();
} catch (error) {
  console.error(`the tests left no report: ${error.message}`);
}
const { passed, skipped } = counts;
const failed = status === '0' && passed > 0 ? counts.failed : Math.max(1, counts.failed);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
