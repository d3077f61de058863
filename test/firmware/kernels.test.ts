/** The arithmetic kernels of firmware/kernels on an emulated hart: plain and Xpulp versions, from GCC and from clang. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { DRAM_BASE } from '../../src/device/address-map.ts';
import { type Program, parseElf } from '../../src/elf/elf.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { bytes } from '../deploy/networks.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';

const FIRMWARE = fileURLToPath(new URL('../../firmware', import.meta.url));
const BASE = 'rv32imac_zicntr_zicsr_zifencei';
const XCV = 'xcvalu_xcvbi_xcvmac_xcvmem_xcvsimd'; // xcvbitmanip is left out: clang 22 miscompiles leading zeros with it
const ISA = `${BASE}_${XCV}_xcvhwlp`;
const COMMON = ['-O2', '-std=c11', '-ffreestanding', '-Wall', '-Wextra', '-Werror', '-mno-relax'].concat(
  ['include', 'kernels'].map((name) => `-I${FIRMWARE}/${name}`),
);
const GCC = ['riscv64-unknown-elf-gcc', ...RV32_FLAGS.slice(0, 4), ...COMMON];
const CLANG = ['clang-22', '--target=riscv32-unknown-elf', '-mabi=ilp32', '-mcmodel=medany', ...COMMON];

/** How the kernels are compiled: compiler, its own choice of instructions, and which version of the kernels. */
const variants = [
  { name: 'plain C by GCC', command: GCC },
  { name: 'Xpulp by GCC', command: [...GCC, '-DOCTET_XPULP'] },
  { name: 'plain C by clang for Xpulp', command: [...CLANG, `-march=rv32imac_zicsr_zifencei_${XCV}`] },
  { name: 'Xpulp by clang', command: [...CLANG, `-march=rv32imac_zicsr_zifencei_${XCV}`, '-DOCTET_XPULP'] },
] as const;

const bench = new Workbench();
beforeEach((context) => needsToolchain(context));

function compileKernel(
  context: TestContext,
  command: readonly string[],
  kernel: string,
  object: string,
): void {
  const [compiler, ...flags] = command;
  context.skip(spawnSync(compiler, ['--version']).status !== 0, `${compiler} is not installed`);
  execFileSync(compiler, [...flags, '-c', `${FIRMWARE}/kernels/${kernel}`, '-o', bench.path(object)]);
}

function load(elf: string): { machine: Machine; program: Program; console: CaptureConsole } {
  const console = new CaptureConsole();
  const machine = new Machine({ ...presets['octa'], harts: 1, isa: ISA }, { console });
  const program = parseElf(bench.read(elf), elf);
  machine.load(program);
  return { machine, program, console };
}

const addressOf = (program: Program, symbol: string): number => {
  const found = program.symbols.find(symbol);
  if (!found) throw new Error(`${program.file} has no symbol ${symbol}`);
  return found.address;
};

/** Computes one sum from what the test has put into memory. */
const SUM_MAIN = `
#include "sum.h"
uint32_t head[7];
int32_t scale[64], offset[64];
int8_t terms[SUM_MAX_TERMS][1024], out[1024];
volatile uint32_t finished;
__asm__(".section .bss\\n .space 4096\\n .balign 16\\n stack_end:\\n .section .text.start\\n .globl _start\\n"
        "_start: la sp, stack_end\\n call run\\n 1: j 1b\\n .text\\n");
void run(void) {
  struct sum_scaling scaling = {scale, offset, head[5], head[6], head[4]};
  struct sum_block block = {.count = head[0], .rows = head[1], .columns = head[2], .out = out};
  for (uint32_t t = 0; t < head[0]; t++) block.terms[t] = terms[t];
  for (uint32_t h = 0; h < head[3]; h++) sum_block(&block, &scaling, h, head[3]);
  finished = 1;
}
`;

const sum = { terms: 2, rows: 9, columns: 12, harts: 8, shift: 12, perColumn: true, wide: false, scale: 90 };
const SUMS = [
  ...[1, 2, 3, 4, 5, 8].map((terms) => ({ ...sum, terms })),
  ...[1, 3, 16].map((harts) => ({ ...sum, harts })),
  ...[1, 3, 6, 7].map((columns) => ({ ...sum, columns })),
  { ...sum, perColumn: false, columns: 5, terms: 4 },
  { ...sum, shift: 0, scale: 1 },
  { ...sum, wide: true, scale: 2 ** 23, shift: 35 },
];

describe.each(variants)('$name', ({ command }) => {
  test('adds, scales and clamps as sum.h says', (context) => {
    compileKernel(context, command, 'sum_block.c', 'sum_block.o');
    const link = ['-nostdlib', '-static', '-Wl,-N', '-Wl,--no-relax', '-Wl,--no-warn-rwx-segments'];
    const at = `-Wl,-Ttext=0x${DRAM_BASE.toString(16)}`;
    bench.compile('sum.elf', { 'sum.c': SUM_MAIN }, [...GCC.slice(1), ...link, at, 'sum_block.o']);
    for (const { terms, rows, columns, harts, shift, perColumn, wide, scale } of SUMS) {
      const constants = perColumn ? columns : 1;
      const scales = Int32Array.from(bytes(constants, 3), (b) => Math.trunc((b * scale) / 100));
      const offsets = Int32Array.from(bytes(constants, 5), (b) => b * scale);
      const data = Array.from({ length: terms }, (_, t) => bytes(rows * columns, 11 + t));
      const { machine, program } = load('sum.elf');
      const put = (symbol: string, values: Int8Array | Int32Array, offset = 0): void =>
        machine.bus.poke(addressOf(program, symbol) + offset, new Uint8Array(values.buffer));
      put('head', Int32Array.of(terms, rows, columns, harts, shift, +perColumn, +wide));
      put('scale', scales);
      put('offset', offsets);
      data.forEach((term, t) => put('terms', term, 1024 * t));
      machine.run(100_000);
      expect(machine.bus.bytes(addressOf(program, 'finished'), 1)[0]).toBe(1);
      const expected = Int8Array.from({ length: rows * columns }, (_, i) => {
        const c = perColumn ? i % columns : 0;
        const x = data.reduce((total, term) => total + term[i], 0);
        return Math.min(127, Math.max(-128, Math.floor((x * scales[c] + offsets[c]) / 2 ** shift)));
      });
      const actual = Int8Array.from(machine.bus.bytes(addressOf(program, 'out'), rows * columns));
      expect(actual, JSON.stringify({ terms, rows, columns, harts, shift, perColumn, wide })).toEqual(
        expected,
      );
    }
  });
});

const LINE = /^matmul: (\S+) to (\w+): plain (\d+), Xpulp (\d+) instructions, \S+ times fewer$/;

/** Runs firmware/apps/matmul.c, built for this test, and reads its lines. */
function runMatmul(elf: string) {
  const loaded = load(elf);
  expect(loaded.machine.run(100_000_000)).toEqual({ kind: 'exit', code: 0 });
  const rows = loaded.console.text().trimEnd().split('\n');
  expect(rows.pop()).toBe('matmul: 0 elements are wrong');
  const lines = rows.map((row) => {
    const [, shape, type, plain, xpulp] = LINE.exec(row) ?? [row];
    return { shape, type, ratio: Number(plain) / Number(xpulp) };
  });
  return { ...loaded, lines };
}

describe('matmul_s8', () => {
  beforeEach(() => {
    const targets = ['libraries', `${bench.directory}/matmul.elf`];
    execFileSync('make', ['-s', '-j2', '-C', FIRMWARE, `BUILD=${bench.directory}`, ...targets]);
  });

  test('with Xpulp gives the same elements in a fraction of the instructions', () => {
    const { machine, program, lines } = runMatmul('matmul.elf');
    const whole = lines.filter(({ shape }) => shape === '64x64x64');
    expect(whole.map(({ type }) => type)).toEqual(['int32', 'int8']);
    for (const { ratio } of whole) expect(ratio).toBeGreaterThan(5);

    const memory = (symbol: string, count: number): Uint8Array =>
      machine.bus.bytes(addressOf(program, symbol), count).slice();
    const [a, b] = ['a', 'b'].map((name) => Int8Array.from(memory(name, 64 * 64)));
    const [scale, offset] = ['scale', 'offset'].map((name) => new Int32Array(memory(name, 4 * 64).buffer));
    const sums = Int32Array.from({ length: 64 * 64 }, (_, i) => {
      let total = 0;
      for (let k = 0; k < 64; k++) total += a[(i >> 6) * 64 + k] * b[(i & 63) * 64 + k];
      return total;
    });
    const requantized = Int8Array.from(sums, (x, i) =>
      Math.min(127, Math.max(-128, (x * scale[i & 63] + offset[i & 63]) >> 14)),
    );
    expect(new Int32Array(memory('words', 4 * 64 * 64).buffer)).toEqual(sums);
    expect(Int8Array.from(memory('bytes', 64 * 64))).toEqual(requantized);
    expect(new Set(requantized).size).toBeGreaterThan(100);
  });

  test('gives the same when clang compiles both versions, choosing Xpulp instructions itself', (context) => {
    const [, , plain, xpulp] = variants;
    compileKernel(context, plain.command, 'matmul.c', 'clang-plain.o');
    compileKernel(context, xpulp.command, 'matmul.c', 'clang-xpulp.o');
    const link = [
      '--specs=picolibc.specs',
      '-nostartfiles',
      '-T',
      `${FIRMWARE}/link.ld`,
      '-Wl,--gc-sections',
    ];
    const inputs = ['apps/matmul.o', 'clang-plain.o', 'clang-xpulp.o', 'libruntime.a', '-lc'];
    bench.run('gcc', [...RV32_FLAGS.slice(0, 4), ...link, ...inputs, '-o', 'clang.elf']);
    const { lines } = runMatmul('clang.elf');
    expect(lines).toHaveLength(6);
  });
});
