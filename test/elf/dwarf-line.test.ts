import { beforeEach, describe, expect, test } from 'vitest';
import { parseElf, type Program } from '../../src/elf/elf.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';

beforeEach(needsToolchain);
const bench = new Workbench();

const SOURCES = {
  'shared.h': `
    static inline int clamp(int x) {
      if (x > 127)
        return 127;
      return x;
    }`,
  'kernel.c': `
    #include "shared.h"
    int dot(const int *a, const int *b, int n) {
      int sum = 0;
      for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
      return clamp(sum);
    }
    int never_called(int x) {
      return x + 1;
    }`,
  'main.c': `
    #include "shared.h"
    int dot(const int *a, const int *b, int n);
    int a[4], b[4];
    void _start(void) {
      for (;;) {

        a[0] = clamp(dot(a, b, 4));
#line 40000
        b[0]++;
      }
    }`,
};

/** What addr2line answers for the addresses: `path:line`, with `?` for unknown parts. */
const addr2line = (file: string, addresses: readonly number[]): string[] =>
  bench
    .run('addr2line', ['-e', file, ...addresses.map((a) => a.toString(16))])
    .trim()
    .split('\n')
    .map((line) => line.replace(/ \(discriminator \d+\)/, ''));

const textAddresses = (program: Program): number[] => {
  const text = program.sections.find((s) => s.name === '.text');
  return Array.from({ length: (text?.bytes ?? 0) / 2 }, (_, i) => (text?.address ?? 0) + 2 * i);
};

const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

describe.each([2, 3, 4, 5])('DWARF %i', (version) => {
  test.each(['-O0', '-O2'])('%s: every address has the line that addr2line gives', (level) => {
    const file = `lines${version}${level}.elf`;
    const flags = [
      ...RV32_FLAGS,
      level,
      `-gdwarf-${version}`,
      '-gno-as-loc-support',
      '-ffunction-sections',
      '-Wl,--gc-sections',
    ];
    const program = parseElf(bench.compile(file, SOURCES, flags), file);
    const addresses = textAddresses(program);
    expect(addresses.length).toBeGreaterThan(20);
    const ours = addresses.map((address) => program.lines.at(address));
    const text = ours.map((found) => (found ? `${basename(found.file)}:${found.line}` : '??:?'));
    expect(text).toEqual(addr2line(file, addresses).map(basename));
    expect(new Set(ours.map((found) => found && basename(found.file)))).toEqual(
      new Set(['kernel.c', 'main.c', 'shared.h']),
    );
  });
});

test('lines that the assembler writes match addr2line too', () => {
  const program = parseElf(bench.compile('gas.elf', SOURCES, [...RV32_FLAGS, '-O2', '-g']), 'gas.elf');
  const addresses = textAddresses(program);
  const ours = addresses
    .map((address) => program.lines.at(address))
    .map((found) => `${found?.file}:${found?.line}`);
  expect(ours).toEqual(addr2line('gas.elf', addresses));
});

test('assembly sources have lines', () => {
  const source = { 'start.S': '.globl _start\n_start:\n  nop\n\n  j _start\n' };
  const program = parseElf(bench.compile('asm.elf', source, [...RV32_FLAGS, '-g']), 'asm.elf');
  expect(program.lines.at(program.entry)).toEqual({ file: bench.path('start.S'), line: 3 });
  expect(program.lines.at(program.entry + 2)?.line).toBe(5);
});

test('an address outside the code has no line', () => {
  const program = parseElf(bench.compile('outside.elf', SOURCES, [...RV32_FLAGS, '-g']), 'outside.elf');
  const last = textAddresses(program).at(-1) ?? 0;
  expect(program.lines.at(last)).toBeDefined();
  expect(program.lines.at(last + 2)).toBeUndefined();
  expect(program.lines.at(0)).toBeUndefined();
});

test('a program without debug information has no lines', () => {
  const program = parseElf(bench.compile('nodebug.elf', SOURCES), 'nodebug.elf');
  expect(program.lines.at(program.entry)).toBeUndefined();
});
