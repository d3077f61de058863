import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { disassemble } from '../../src/isa/disassemble.ts';
import { parseIsa } from '../../src/isa/isa.ts';
import { wordsOf } from './operands.ts';

const isa = parseIsa('rv32imac_zicntr_zicsr_zifencei_zba_zbb_zbc_zbs');
const assembler = spawnSync('riscv64-unknown-elf-as', ['--version']).status === 0;

describe('disassembly', () => {
  test.each([
    [0x0000_0513, 'addi a0, zero, 0'],
    [0xfe00_0ee3, 'beq zero, zero, -4'],
    [0x8000_0537, 'lui a0, 0x80000'],
    [0x3004_2073, 'csrrs zero, mstatus, s0'],
    [0x7c00_1073, 'csrrw zero, 0x7c0, zero'],
    [0x0ff0_000f, 'fence iorw, iorw'],
    [0x1605_a52f, 'lr.w.aqrl a0, (a1)'],
    [0x4501, 'c.li a0, 0'],
    [0x20c5_a533, 'sh1add a0, a1, a2'],
    [0x6055_9513, 'sext.h a0, a1'],
    [0x0805_c533, 'zext.h a0, a1'],
    [0x6985_d513, 'rev8 a0, a1'],
    [0x2875_d513, 'orc.b a0, a1'],
    [0x61f5_d513, 'rori a0, a1, 31'],
    [0xffff_ffff, '.4byte 0xffffffff'],
    [0x0000, '.2byte 0x0'],
  ])('of 0x%s reads as the manual writes it', (word, text) => {
    expect(disassemble(isa, word)).toBe(text);
  });
  test('resolves targets and symbols where the address is known', () => {
    const options = { pc: 0x8000_0010, symbol: (a: number) => (a === 0x8000_000c ? 'loop' : undefined) };
    expect(disassemble(isa, 0xfe00_0ee3, options)).toBe('beq zero, zero, 0x8000000c <loop>');
  });
});

/** Assembles lines, one instruction each, and returns their words. */
function assemble(lines: readonly string[], bytes: 2 | 4): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'octet-as-'));
  try {
    const option = bytes === 4 ? 'norvc' : 'rvc';
    writeFileSync(join(folder, 'a.s'), `.option ${option}\n${lines.join('\n')}\n`);
    const run = (tool: string, ...args: string[]): void => {
      execFileSync(`riscv64-unknown-elf-${tool}`, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    };
    run('as', '-march=rv32imac_zicsr_zifencei_zba_zbb_zbc_zbs', '-mabi=ilp32', '-o', 'a.o', 'a.s');
    run('objcopy', '-O', 'binary', '-j', '.text', 'a.o', 'a.bin');
    const data = readFileSync(join(folder, 'a.bin'));
    return lines.map((_, i) => (bytes === 4 ? data.readUInt32LE(4 * i) : data.readUInt16LE(2 * i)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The assembler takes a number as an absolute address; an offset is written from the present place. */
const relative = (text: string, syntax: string): string =>
  syntax.endsWith('target') ? text.replace(/(-?\d+)$/, '. + $1') : text;

describe.skipIf(!assembler)('the assembler (skipped without riscv64-unknown-elf-as)', () => {
  test.each([2, 4] as const)('gives the same word back for every %i-byte form', (bytes) => {
    // fence.i and the fence hints (fm, rd, rs1) carry bits that no syntax can express.
    const forms = [...isa.insns, ...isa.expansions].filter(
      (f) => f.pattern.bytes === bytes && f.name !== 'fence' && f.name !== 'fence.i',
    );
    const cases = forms.flatMap((form) =>
      fc.sample(wordsOf(form), { numRuns: 8, seed: 1 }).map((word) => ({
        word,
        text: relative(disassemble(isa, word), form.syntax),
      })),
    );
    // GNU as rejects the HINT forms of compressed instructions by design, and turns none of them into other words.
    const accepted = cases.filter(({ text }) => bytes === 4 || !isHint(text));
    const words = assemble(
      accepted.map((c) => c.text),
      bytes,
    );
    expect(words.map((w, i) => `${w.toString(16)} ${accepted[i].text}`)).toEqual(
      accepted.map((c) => `${c.word.toString(16)} ${c.text}`),
    );
  });
});

const isHint = (text: string): boolean =>
  /^c\.(li|lui|mv|add|slli) zero/.test(text) ||
  /^c\.(addi|slli|srli|srai) \w+, 0$/.test(text) ||
  text.startsWith('c.nop');
