/** Test results as JUnit XML, the format continuous-integration servers read. */
import type { TestResult } from './test-run.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => ENTITIES[c]);

/** `rv32ui-p-add` belongs to `rv32ui`; other names to `other`. */
export const suiteOf = (name: string): string => /^(rv\d+\w+)-/.exec(name)?.[1] ?? 'other';

function testcase(result: TestResult, suite: string): string {
  const { name, seconds, verdict, reason } = result;
  const open = `    <testcase classname="${escape(suite)}" name="${escape(name)}" time="${seconds.toFixed(3)}"`;
  if (verdict === 'pass') return `${open}/>`;
  const message = `message="${escape(reason.split('\n')[0])}"`;
  const outcome =
    verdict === 'skip'
      ? `<skipped ${message}/>`
      : `<failure type="${verdict}" ${message}>${escape(reason)}</failure>`;
  return `${open}>${outcome}</testcase>`;
}

function attributes(part: readonly TestResult[]): string {
  const count = (...verdicts: readonly string[]): number =>
    part.filter((r) => verdicts.includes(r.verdict)).length;
  const seconds = part.reduce((sum, r) => sum + r.seconds, 0);
  return `tests="${part.length}" failures="${count('fail', 'timeout')}" errors="0" skipped="${count('skip')}" time="${seconds.toFixed(3)}"`;
}

/** One `testsuite` per suite of tests. */
export function emitJunit(results: readonly TestResult[]): string {
  const suites = new Map<string, TestResult[]>();
  for (const result of results) {
    const name = suiteOf(result.name);
    suites.set(name, [...(suites.get(name) ?? []), result]);
  }
  const body = [...suites].map(([name, part]) =>
    [
      `  <testsuite name="${escape(name)}" ${attributes(part)}>`,
      ...part.map((result) => testcase(result, name)),
      '  </testsuite>',
    ].join('\n'),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="octet test-isa" ${attributes(results)}>\n${body.join('\n')}\n</testsuites>\n`;
}
