import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { presetOf } from '../../src/cluster/config.ts';
import { Machine, type MachineOptions } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

beforeEach(needsToolchain);
const bench = new Workbench();

/** A hosted C program, with the start-up code and the semihosting library that picolibc brings. */
const FLAGS = [
  '-march=rv32imac',
  '-misa-spec=2.2',
  '-mabi=ilp32',
  '-O2',
  '--specs=picolibc.specs',
  '--oslib=semihost',
  '--crt0=semihost',
  '-Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x200000',
  '-Wl,--defsym=__ram=0x80200000,--defsym=__ram_size=0x200000',
];

function run(name: string, source: string, options: MachineOptions = {}, input = '') {
  const console = new CaptureConsole(input);
  const machine = new Machine(presetOf('bare'), { console, ...options });
  machine.load(parseElf(bench.compile(`${name}.elf`, { [`${name}.c`]: source }, FLAGS), `${name}.elf`));
  const outcome = machine.run(5_000_000);
  return { outcome, output: console.text() };
}

describe('a C program on picolibc and semihosting', () => {
  test('prints and exits with its own code', () => {
    const source = `
      #include <stdio.h>
      int main(void) { printf("héllo %d\\n", 42); return 3; }`;
    expect(run('hello', source)).toEqual({ outcome: { kind: 'exit', code: 3 }, output: 'héllo 42\n' });
  });

  test('reads a line of input', () => {
    const source = `
      #include <stdio.h>
      int main(void) { int c, n = 0; while ((c = getchar()) != '\\n') n = 10 * n + c - '0'; printf("%d", 2 * n); return 0; }`;
    expect(run('input', source, {}, '21\n').output).toBe('42');
  });

  test('reads and writes files of the granted directory alone', () => {
    const directory = bench.path('granted');
    mkdirSync(directory);
    writeFileSync(bench.path('granted/in.txt'), 'abc');
    const source = `
      #include <stdio.h>
      int main(void) {
        FILE *in = fopen("in.txt", "r"), *out = fopen("out.txt", "w");
        if (!in || !out) return 1;
        for (int c; (c = fgetc(in)) != EOF;) fputc(c - 32, out);
        fclose(out);
        return fopen("../files.c", "r") ? 2 : 0;
      }`;
    expect(run('files', source, { hostDirectory: directory }).outcome).toEqual({ kind: 'exit', code: 0 });
    expect(readFileSync(bench.path('granted/out.txt'), 'utf8')).toBe('ABC');
    expect(run('files', source).outcome).toEqual({ kind: 'exit', code: 1 });
  });
});
