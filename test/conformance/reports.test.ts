import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { discoverTests } from '../../src/conformance/discover.ts';
import { emitJunit } from '../../src/conformance/junit.ts';
import type { TestResult } from '../../src/conformance/test-run.ts';

const directory = mkdtempSync(join(tmpdir(), 'octet-conformance-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A file whose header says ELF of this type. */
function elf(name: string, type: number): string {
  const header = new Uint8Array(52);
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  header[16] = type;
  writeFileSync(join(directory, name), header);
  return join(directory, name);
}

describe('the tests in a directory', () => {
  test('are its ELF executables in order of name', () => {
    const [b, a] = [elf('b', 2), elf('a', 2)];
    elf('object.o', 1);
    writeFileSync(join(directory, 'a.dump'), 'text');
    writeFileSync(join(directory, 'empty'), '');
    mkdirSync(join(directory, 'nested'));
    symlinkSync(join(directory, 'gone'), join(directory, 'dangling'));
    expect(discoverTests([directory])).toEqual([a, b]);
  });
  test('are missed in a sentence where there are none', () => {
    expect(() => discoverTests([join(directory, 'nested')])).toThrow(
      /nested: there is no ELF executable in this directory; expected built tests such as rv32ui-p-add/,
    );
    expect(() => discoverTests([join(directory, 'absent')])).toThrow('absent: no such file or directory');
  });
  test('may be named one by one, whatever they are', () => {
    const file = join(directory, 'a.dump');
    expect(discoverTests([file])).toEqual([file]);
  });
});

const result = (name: string, verdict: TestResult['verdict'], reason = ''): TestResult => ({
  name,
  file: name,
  verdict,
  reason,
  isa: '',
  instructions: 10,
  seconds: 0.25,
});

test('JUnit XML groups tests by suite, counts them and escapes the reasons', () => {
  const text = emitJunit([
    result('rv32ui-p-add', 'pass'),
    result('rv32ui-p-sub', 'fail', 'test 3 at <main> & "more"\nsecond line'),
    result('rv32uf-p-fadd', 'skip', "needs 'f'"),
    result('hello.elf', 'timeout', 'no result'),
  ]);
  expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="octet test-isa" tests="4" failures="2" errors="0" skipped="1" time="1.000">
  <testsuite name="rv32ui" tests="2" failures="1" errors="0" skipped="0" time="0.500">
    <testcase classname="rv32ui" name="rv32ui-p-add" time="0.250"/>
    <testcase classname="rv32ui" name="rv32ui-p-sub" time="0.250"><failure type="fail" message="test 3 at &lt;main&gt; &amp; &quot;more&quot;">test 3 at &lt;main&gt; &amp; &quot;more&quot;
second line</failure></testcase>
  </testsuite>
  <testsuite name="rv32uf" tests="1" failures="0" errors="0" skipped="1" time="0.250">
    <testcase classname="rv32uf" name="rv32uf-p-fadd" time="0.250"><skipped message="needs 'f'"/></testcase>
  </testsuite>
  <testsuite name="other" tests="1" failures="1" errors="0" skipped="0" time="0.250">
    <testcase classname="other" name="hello.elf" time="0.250"><failure type="timeout" message="no result">no result</failure></testcase>
  </testsuite>
</testsuites>
`);
});
