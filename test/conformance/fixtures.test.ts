import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { discoverTests } from '../../src/conformance/discover.ts';
import { runTests } from '../../src/conformance/pool.ts';
import { selectIsa } from '../../src/conformance/selection.ts';
import { runTest } from '../../src/conformance/test-run.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { Decoder, instructionBytes } from '../../src/isa/decode.ts';
import { extensions, parseIsa } from '../../src/isa/isa.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const sources = fileURLToPath(new URL('../../fixtures/isa', import.meta.url));
const bench = new Workbench();
const build = bench.path('build');
let built = false;

beforeEach((context) => {
  needsToolchain(context);
  if (!built) execFileSync('make', ['-s', '-j2', '-C', sources, `BUILD=${build}`]);
  built = true;
});

const FLAGS = ['-march=rv32imac_zicsr_zifencei', '-mabi=ilp32', '-g', '-nostdlib', '-static', `-I${sources}`];

/** A test program made of these lines between TEST_BEGIN and TEST_END; returns its path. */
function program(name: string, ...lines: readonly string[]): string {
  const text = ['#include "test.h"', 'TEST_BEGIN', ...lines, 'TEST_END', ''].join('\n');
  bench.compile(name, { [`${name}.S`]: text }, [...FLAGS, `-Wl,-T,${sources}/link.ld`]);
  return bench.path(name);
}

const matching = (text: RegExp): unknown => expect.stringMatching(text);

const options = { maxInstructions: 1_000_000 };

describe('the instruction-set tests of this repository', () => {
  test.each(['interpret', 'translate'] as const)('pass when the engine is told to %s', async (engine) => {
    const results = await runTests(discoverTests([build]), { ...options, engine, jobs: 1 });
    expect(results.filter((r) => r.verdict !== 'pass')).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(
      readdirSync(sources).filter((f) => f.endsWith('.S')).length,
    );
  });

  test('contain every instruction that is defined', () => {
    const missing = new Set(
      extensions.flatMap((x) => [...x.insns, ...x.expansions]).map((form) => form.name),
    );
    for (const file of discoverTests([build])) {
      const { arch, sections } = parseElf(readFileSync(file), file);
      const selection = selectIsa(basename(file), arch);
      if ('skip' in selection) throw new Error(`${file}: ${selection.skip}`);
      const decoder = new Decoder(parseIsa(selection.isa));
      for (const { data } of sections.filter((s) => s.executable)) {
        const halfword = (at: number): number => data[at] | (data[at + 1] << 8);
        for (let at = 0; at + 1 < data.length; at += instructionBytes(halfword(at))) {
          const high = at + 3 < data.length ? halfword(at + 2) : 0;
          missing.delete(decoder.decode(halfword(at) | (high << 16))?.form.name ?? '');
        }
      }
    }
    expect([...missing]).toEqual([]);
  });
});

describe('a test program', () => {
  test('that computes something else than expected fails with number, address and line of the test', () => {
    const file = program('rv32ui-p-wrong', 'TEST_RR(2, add, 3, 1, 2)', 'TEST_RR(3, add, 4, 1, 2)');
    expect(runTest(file, options)).toMatchObject({
      name: 'rv32ui-p-wrong',
      verdict: 'fail',
      reason: matching(/^test 3 at 0x800\w+ \(test_3, rv32ui-p-wrong\.S:4\)$/),
      isa: 'rv32imac_zicntr_zicsr_zifencei',
    });
  });
  test.each(['TEST_LD(2, lbu, 8, word, 0)', 'TEST_AMO(2, amoadd.w, 4, 1, 2)', 'TEST_BR_TAKEN(2, beq, 1, 2)'])(
    '%s fails',
    (line) => {
      const file = program('rv32ua-p-wrong', line, '.data; word: scratch: .4byte 7; .text');
      expect(runTest(file, options)).toMatchObject({ verdict: 'fail', reason: matching(/^test 2 /) });
    },
  );
  test('that raises an exception it does not expect fails with cause and place', () => {
    const file = program('rv32ui-p-trap', 'TEST_CASE(2)', '  csrr a0, 0x5c0');
    expect(runTest(file, options)).toMatchObject({
      verdict: 'fail',
      reason: matching(
        /^unexpected trap: mcause 0x2, mtval 0x5c002573 at 0x800\w+ \(test_2\+0x4, rv32ui-p-trap\.S:4\)$/,
      ),
    });
  });
  test('that does not end is a timeout that names the place', () => {
    const file = program('rv32ui-p-loop', 'TEST_CASE(7)', 'spin: j spin');
    expect(runTest(file, { maxInstructions: 5000 })).toMatchObject({
      verdict: 'timeout',
      reason: matching(
        /^no result after 5000 instructions: pc 0x800\w+ \(spin, rv32ui-p-loop\.S:4\), test 7 in gp$/,
      ),
    });
  });
  test('that puts all harts to sleep for ever fails with the description of the deadlock', () => {
    const file = program('rv32ui-p-sleep', 'TEST_CASE(2)', '  wfi');
    expect(runTest(file, options)).toMatchObject({ verdict: 'fail', reason: matching(/^deadlock at cycle/) });
  });
  test('runs with the instruction set that is given instead of its own', () => {
    const file = program('rv32um-p-mul', 'TEST_RR(2, mul, 6, 2, 3)');
    expect(runTest(file, options).verdict).toBe('pass');
    expect(runTest(file, { ...options, isa: 'rv32im_zicsr' })).toMatchObject({
      verdict: 'pass',
      isa: 'rv32im_zicsr',
    });
    expect(runTest(file, { ...options, isa: 'rv32i_zicsr' })).toMatchObject({
      verdict: 'skip',
      reason: "needs 'm', which --isa leaves out",
    });
  });
  test('without a tohost symbol is skipped', () => {
    bench.compile('rv32ui-p-mute', { 'mute.S': '.globl _start; _start: j _start' }, FLAGS);
    expect(runTest(bench.path('rv32ui-p-mute'), options)).toMatchObject({
      verdict: 'skip',
      reason: matching(/'tohost'/),
    });
  });
  test('for RV64 is skipped', () => {
    const flags = ['-march=rv64imac', '-mabi=lp64', '-nostdlib', '-static'];
    bench.compile('wide', { 'wide.S': '.globl _start; _start: j _start' }, flags);
    expect(runTest(bench.path('wide'), options)).toMatchObject({
      verdict: 'skip',
      reason: '64-bit ELF; octet runs RV32',
    });
  });
});
