/** The generated instruction headers, against the definitions they come from, by way of real compilers. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { DRAM_BASE } from '../../src/device/address-map.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { effectsOf } from '../../src/isa/effects.ts';
import { encode } from '../../src/isa/encode.ts';
import { instructionHeaders } from '../../src/isa/headers.ts';
import type { Insn } from '../../src/isa/insn.ts';
import { extensions } from '../../src/isa/isa.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';
import { operandsOf } from './operands.ts';

const INCLUDE = fileURLToPath(new URL('../../firmware/include/', import.meta.url));
const xcv = extensions.filter(({ name }) => name.startsWith('xcv'));
const xpulpv2 = extensions.filter(({ name }) => name === 'xpulpv2');
const xdma = extensions.filter(({ name }) => name === 'xdma');

/** The two encodings of Xpulp: header, extensions, and the prefix of the loop macros. */
const families = [
  { header: 'octet_xcv.h', set: xcv, loops: 'CV' },
  { header: 'octet_xpulpv2.h', set: xpulpv2, loops: 'LP' },
] as const;
const isaWith = (set: typeof extensions): string =>
  ['rv32imac', 'zicsr', 'zifencei', ...set.map(({ name }) => name)].join('_');

/** Each family with each compiler. */
const combinations = () =>
  families.flatMap((family) => compilers.map((compiler) => ({ ...family, compiler, name: compiler.name })));
const FLAGS = [...RV32_FLAGS, '-O2', '-Wall', '-Wextra', '-Werror', '-mno-relax', `-I${INCLUDE}`];
const CLANG_TARGET = ['--target=riscv32-unknown-elf', '-march=rv32imac', '-mabi=ilp32', '-mcmodel=medany'];
const CLANG_FLAGS = [...CLANG_TARGET, '-ffreestanding', ...FLAGS.slice(RV32_FLAGS.length)];
const compilers = [
  { name: 'riscv64-unknown-elf-gcc', flags: FLAGS },
  { name: 'clang-22', flags: CLANG_FLAGS },
] as const;
type Compiler = (typeof compilers)[number];

const bench = new Workbench();
beforeEach((context) => needsToolchain(context));

const needs = (context: TestContext, { name }: Compiler): void =>
  context.skip(spawnSync(name, ['--version']).status !== 0, `${name} is not installed`);

/** Compiles to `<output>.o`; what the compiler says. */
function compile({ name, flags }: Compiler, output: string, source: string): string {
  const options = [...flags, '-x', 'c', '-', '-c', '-o', bench.path(`${output}.o`)];
  return spawnSync(name, options, { input: source, encoding: 'utf8' }).stderr;
}

/** Compiles, and links with the GNU linker to `<output>.elf`. */
function build(compiler: Compiler, output: string, source: string, link: readonly string[]): void {
  expect(compile(compiler, output, source)).toBe('');
  bench.run('gcc', [...FLAGS, ...link, `${output}.o`, '-o', `${output}.elf`]);
}

const identifier = (insn: Insn): string => insn.name.replaceAll('.', '_');
const REGISTERS = new Set(['rd', 'rs1', 'rs2', 'rs3']);

/** Operand names in the assembler's order. */
const operandNames = (insn: Insn): string[] => insn.syntax.match(/[a-z]\w*/g) ?? [];

/** The call of an instruction's text macro with these operands. */
function textOf(insn: Insn, operands: Readonly<Record<string, number>>): string {
  const suffix = 'loop' in operands ? `_${operands['loop']}` : '';
  const values = operandNames(insn).flatMap((name) => {
    if (/^x?loop$/.test(name)) return [];
    if (name === 'target') return [`". + ${operands['imm']}"`];
    if (name === 'simm') return [`"${operands[name] & 31}"`];
    return [REGISTERS.has(name) ? `"x${operands[name]}"` : `"${operands[name]}"`];
  });
  return `${identifier(insn).toUpperCase()}${suffix}(${values.join(', ')})`;
}

/** Instances of every instruction of a header: its smallest and largest operands, and some between. */
const instances = (set: typeof extensions): { insn: Insn; operands: Record<string, number> }[] =>
  set
    .flatMap(({ insns }) => insns)
    .flatMap((insn) =>
      fc.sample(operandsOf(insn), { numRuns: 6, seed: 1 }).map((operands) => ({ insn, operands })),
    );

describe('the committed header', () => {
  test.each(Object.entries(instructionHeaders()))('%s is what the definitions say', (name, text) => {
    const committed = readFileSync(`${INCLUDE}${name}`, 'utf8');
    expect(committed === text, 'run `npm run headers` and commit the result').toBe(true);
  });
});

describe.each([
  ['octet_xcv.h', xcv],
  ['octet_xpulpv2.h', xpulpv2],
  ['octet_xdma.h', xdma],
] as const)('the assembler texts of %s', (header, set) => {
  const all = instances(set);
  const source = [
    `#include "${header}"`,
    ...all.map(({ insn, operands }) => `__asm__(${textOf(insn, operands)});`),
    '__asm__(".globl _start\\n _start = 0");',
  ].join('\n');

  test.for(compilers)('give the words of the encoder with $name', (compiler, context) => {
    needs(context, compiler);
    build(compiler, 'texts', source, ['-Wl,-Ttext=0', '-Wl,--no-relax']);
    bench.run('objcopy', ['-O', 'binary', '-j', '.text', 'texts.elf', 'texts.bin']);
    const bytes = bench.read('texts.bin');
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const different = all.flatMap(({ insn, operands }, i) => {
      const [actual, expected] = [view.getUint32(4 * i, true), encode(insn, operands) >>> 0];
      if (actual === expected) return [];
      return [`${textOf(insn, operands)}: ${actual.toString(16)}, not ${expected.toString(16)}`];
    });
    expect(different).toEqual([]);
    expect(all.length).toBeGreaterThan(6 * 9);
  });
});

/** Runs a program that has `_start` and leaves its results from `results` on; gives those words. */
function resultsOf(elf: string, count: number, isa: string): Int32Array {
  const machine = new Machine({ ...presets['octa'], harts: 1, isa }, { console: new CaptureConsole() });
  const program = parseElf(bench.read(elf), elf);
  machine.load(program);
  const address = program.symbols.find('results')?.address ?? 0;
  const finished = program.symbols.find('finished')?.address ?? 0;
  machine.run(1_000_000);
  const word = (at: number): number =>
    new DataView(machine.bus.bytes(at, 4).slice().buffer).getInt32(0, true);
  expect(word(finished), 'the program runs to its end').toBe(1);
  return Int32Array.from({ length: count }, (_, i) => word(address + 4 * i));
}

const START = `
volatile int finished;
void run(void);
__asm__(".section .text.init\\n .globl _start\\n _start: la sp, stack_end\\n call run\\n 1: j 1b\\n .text\\n"
        ".section .bss\\n .space 4096\\n .balign 16\\n stack_end:\\n .text\\n");
`;
const LINK = [
  '-Wl,-N',
  '-Wl,--no-warn-rwx-segments',
  '-Wl,--no-relax',
  `-Wl,-Ttext=0x${DRAM_BASE.toString(16)}`,
];

/** Compiles and runs a program. */
function runWith(compiler: Compiler, source: string, count: number, isa = isaWith(xcv)): Int32Array {
  build(compiler, 'program', source, LINK);
  return resultsOf('program.elf', count, isa);
}

const VALUES = [
  [0x1234_5678, -0x0123_4568, 0x0000_0105],
  [-5, 0x7fff_8001, -0x7ef0_fe04],
  [0x0080_ff7f, 1000, 0x0301_0002],
] as const;

test.for(combinations())(
  '$name gives an intrinsic of $header the registers its instruction needs',
  ({ header, set, compiler }, context) => {
    needs(context, compiler);
    const pure = set.flatMap(({ insns }) => insns).filter((insn) => effectsOf(insn).acts.size === 0);
    const cases = pure.map((insn) => {
      const immediates = fc.sample(operandsOf(insn), { numRuns: 1, seed: 7 })[0];
      const reads = effectsOf(insn).reads;
      const args = operandNames(insn)
        .filter((name) => name !== 'rd' || reads.has('rd'))
        .map((name) => (REGISTERS.has(name) ? { rd: 'a', rs1: 'b', rs2: 'c' }[name] : immediates[name]));
      return { insn, immediates, call: `${identifier(insn)}(${args.join(', ')})` };
    });
    const functions = cases.map(
      ({ call }, i) => `static int32_t f${i}(int32_t a, int32_t b, int32_t c) {
  (void)a, (void)b, (void)c;
  return ${call};
}`,
    );
    const source = `#include "${header}"
${START}
${functions.join('\n')}
typedef int32_t function(int32_t, int32_t, int32_t);
static function *const functions[] = {${cases.map((_, i) => `f${i}`).join(', ')}};
static const int32_t values[][3] = {${VALUES.map((v) => `{${v.join(', ')}}`).join(', ')}};
int32_t results[${cases.length * VALUES.length}];
void run(void) {
  for (int i = 0, at = 0; i < ${cases.length}; i++) {
    for (int v = 0; v < ${VALUES.length}; v++) results[at++] = functions[i](values[v][0], values[v][1], values[v][2]);
  }
  finished = 1;
}
`;
    const machine = new Machine({ ...presets['octa'], harts: 1, isa: isaWith(set) });
    const [hart] = machine.cluster.harts;
    const expected = cases.flatMap(({ insn, immediates }) =>
      VALUES.map(([a, b, c]) => {
        const word = encode(insn, { ...immediates, ...inRegisters(insn) });
        machine.bus.poke(DRAM_BASE, Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24));
        hart.pc = DRAM_BASE | 0;
        hart.x.set([a, b, c], 10);
        machine.run(1);
        return hart.x[10];
      }),
    );
    const actual = runWith(compiler, source, expected.length, isaWith(set));
    const wrong = expected.flatMap((value, i) => {
      if (actual[i] === value) return [];
      const { call } = cases[Math.floor(i / VALUES.length)];
      return [`${call} is ${actual[i]}, not ${value}, for ${VALUES[i % VALUES.length].join(', ')}`];
    });
    expect(wrong).toEqual([]);
    expect(pure.length).toBeGreaterThan(270);
  },
);

/** rd, rs1, rs2 in a0, a1, a2, as far as the instruction has them. */
const inRegisters = ({ pattern }: Insn): Record<string, number> =>
  Object.fromEntries(
    Object.entries({ rd: 10, rs1: 11, rs2: 12 }).filter(([name]) =>
      pattern.fields.some((f) => f.name === name),
    ),
  );

test.for(compilers)(
  'with $name loads and stores move their pointers on, and branches on immediates branch',
  (compiler, context) => {
    needs(context, compiler);
    const source = `#include "octet_xcv.h"
${START}
static int8_t bytes[16] = {1, -2, 3, -4, 5, -6, 7, -8};
static int8_t copy[16];
int32_t results[16];
static int32_t choose(int32_t x) {
  cv_beqimm(x, -16, lowest);
  cv_bneimm(x, 15, other);
  return 15;
lowest:
  return -16;
other:
  return 0;
}
void run(void) {
  const int8_t *from = bytes;
  int8_t *to = copy;
  int at = 0;
  results[at++] = cv_lb_ri_post(from, 1) + cv_lbu_ri_post(from, 1);
  results[at++] = cv_lh_ri_post(from, 2);
  results[at++] = cv_lw_rr_post(from, -4);
  results[at++] = (int32_t)(from - bytes);
  results[at++] = cv_lhu_rr(from, 6);
  results[at++] = cv_elw(bytes, 4);
  cv_sb_ri_post(0x1ff, to, 2);
  cv_sh_rr_post(0x12345, to, 6);
  results[at++] = (int32_t)(to - copy);
  cv_sw_rr(0x55667788, to, -4);
  results[at++] = copy[0];
  results[at++] = copy[2] << 8 | copy[3];
  results[at++] = copy[4] & 255;
  results[at++] = choose(-16);
  results[at++] = choose(15);
  results[at++] = choose(16);
  finished = 1;
}
`;
    const expected = [
      1 + 0xfe,
      (-4 << 8) | 3,
      (-8 << 24) | (7 << 16) | (0xfa << 8) | 5,
      0,
      0xf807,
      -0x7f8_05fb,
    ].concat([8, -1, 0x4523, 0x88, -16, 15, 0]);
    expect([...runWith(compiler, source, expected.length)]).toEqual(expected);
  },
);

/** Loops of which the inner one claims `inner` instructions; it has 3. */
const nested = (
  inner: number,
  { header, loops }: { header: string; loops: string } = families[0],
): string => `#include "${header}"
${START}
int32_t results[2];
static int32_t passes(int32_t outer, int32_t inner) {
  int32_t count = 0;
  __asm__ volatile("c.nop\\n" ${loops}_LOOP(1, "%[outer]", 7,
      ${loops}_INNER_LOOP("%[inner]", ${inner}, "addi %[count], %[count], 1\\n nop\\n nop\\n")
      "addi %[count], %[count], 100\\n nop\\n nop")
      : [count] "+r"(count) : [outer] "r"(outer), [inner] "r"(inner));
  return count;
}
static int32_t constant(void) {
  int32_t count = 0;
  __asm__ volatile(${loops}_LOOP_IMMEDIATE(0, "%[n]", 3, "addi %[count], %[count], 1\\n nop\\n nop")
                   : [count] "+r"(count) : [n] "i"(4095));
  return count;
}
void run(void) {
  results[0] = passes(5, 3);
  results[1] = constant();
  finished = 1;
}
`;

describe('a hardware loop', () => {
  test.for(combinations())(
    'of $header repeats its body with $name, also inside another one and behind a compressed instruction',
    ({ compiler, ...family }, context) => {
      needs(context, compiler);
      const results = runWith(compiler, nested(3, family), 2, isaWith(family.set));
      expect([...results]).toEqual([5 * (3 + 100), 4095]);
    },
  );

  test('whose length is not the stated one does not assemble', () => {
    expect(compile(compilers[0], 'length', nested(4))).toContain('the loop body is not 4 instructions long');
  });
});

describe('an intrinsic refuses', () => {
  test.each([
    ['cv_clip(x, 32)', 'cv.clip: is2 is 0..31'],
    ['cv_add_sci_b(x, -33)', 'cv.add.sci.b: imm is -32..31'],
    ['cv_lw_ri_post(at, 2048)', 'cv.lw: imm is -2048..2047'],
    ['cv_clip(x, x)', 'not constant'],
    ['cv_lw_ri_post(*at, 4)', 'rs1 is a pointer that moves on'],
  ])('%s when it is compiled', (call, message) => {
    const source = `#include "octet_xcv.h"\nint32_t f(int32_t x, const char *at) { (void)x, (void)at; return ${call}; }`;
    expect(compile(compilers[0], 'refused', source)).toContain(message);
  });
});
