import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const sources = fileURLToPath(new URL('../../fixtures/isa', import.meta.url));
const bench = new Workbench();

/** Builds a test program of these lines and returns its path. */
function program(name: string, ...lines: readonly string[]): string {
  const flags = ['-march=rv32imac_zicsr_zifencei', '-mabi=ilp32', '-nostdlib', '-static', `-I${sources}`];
  const text = ['#include "test.h"', 'TEST_BEGIN', ...lines, 'TEST_END', ''].join('\n');
  bench.compile(name, { [`${name}.S`]: text }, [...flags, `-Wl,-T,${sources}/link.ld`]);
  return bench.path(name);
}

describe('octet isa', () => {
  test('prints the page of an instruction, every form of a mnemonic, and of an extension', () => {
    const { status, stdout } = octet('isa', 'ADD');
    expect({ status, title: stdout.split('\n')[0] }).toEqual({ status: 0, title: 'add rd, rs1, rs2' });
    expect(octet('isa', 'm').stdout).toMatch(/^m: Multiplication[^]*\nremu rd, rs1, rs2/);
  });
  test('lists the extensions with their counts', () => {
    expect(octet('isa').stdout).toMatch(
      /^extension +contents +instructions +short forms\ni +Base integer instructions +42 +0\n/,
    );
    expect(octet('isa', '--legend').stdout).toMatch(/^Registers are 32 bits wide/);
  });
  test('suggests similar names for an unknown one and ends with status 2', () => {
    const { status, stdout, stderr } = octet('isa', 'addu');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^octet: there is no instruction or extension 'addu'; did you mean add, addi/);
    expect(octet('isa', 'quux').stderr).toMatch(/'quux'; octet isa lists the extensions\n$/);
  });
});

describe('octet test-isa', () => {
  test('runs programs in parallel, prints a table, and writes JUnit and JSON', (context) => {
    needsToolchain(context);
    const good = program('rv32ui-p-good', 'TEST_RR(2, add, 3, 1, 2)');
    const bad = program('rv32um-p-bad', 'TEST_RR(2, mul, 7, 3, 2)');
    const slow = program('rv32ui-p-slow', 'TEST_CASE(5)', '1: j 1b');
    const other = program('rv32uf-p-other', 'TEST_RR(2, add, 3, 1, 2)');
    const pass = octet('test-isa', good);
    expect(pass.stdout).toMatch(
      /^test +result +instructions +ms\nrv32ui-p-good +pass +\d+ +[\d.]+\n1 tests: 1 passed/,
    );
    expect({ status: pass.status, stderr: pass.stderr }).toEqual({ status: 0, stderr: '' });

    const junit = bench.path('results.xml');
    const flags = ['--jobs', '2', '--max-instructions', '1000', '--junit', junit];
    const { status, stdout } = octet('test-isa', good, bad, slow, other, ...flags);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^rv32um-p-bad +fail +\d+ +[\d.]+ +test 2 at 0x800\w+/m);
    expect(stdout).toMatch(/^rv32ui-p-slow +timeout +1,000 +[\d.]+ +no result after 1000 instructions: pc/m);
    expect(stdout).toMatch(/^rv32uf-p-other +skip +needs 'f', which octet does not have$/m);
    expect(stdout).toMatch(/^4 tests: 1 passed, 1 failed, 1 timed out, 1 skipped in [\d.]+ s\n$/m);
    expect(readFileSync(junit, 'utf8')).toContain('<testsuites name="octet test-isa" tests="4" failures="2"');

    const json = octet('test-isa', bench.directory, '--json', '--filter', 'rv32ui-p-g');
    expect(JSON.parse(json.stdout)).toMatchObject({
      pass: 1,
      fail: 0,
      results: [{ name: 'rv32ui-p-good', verdict: 'pass', isa: 'rv32imac_zicntr_zicsr_zifencei' }],
    });
    expect(octet('test-isa', other)).toMatchObject({
      status: 2,
      stderr: `octet: ${other}: all 1 tests were skipped, nothing was run\n`,
    });
  });
  test('refuses wrong input in a sentence with status 2', () => {
    writeFileSync(bench.path('text'), 'not a program');
    for (const [args, message] of [
      [[sources], /fixtures\/isa: there is no ELF executable in this directory/],
      [[bench.path('none')], /none: no such file or directory/],
      [[bench.path('text'), '--isa', 'rv64i'], /ISA 'rv64i' does not start with rv32i/],
      [[bench.path('text'), '--filter', 'zbb'], /--filter zbb: no test's name contains this/],
      [[bench.path('text'), '--jobs', '0'], /expected a whole number from 1/],
    ] as const) {
      const { status, stderr } = octet('test-isa', ...args);
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) as string });
    }
  });
});
