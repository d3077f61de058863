import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { drawEncoding } from '../../src/isa/encoding-picture.ts';
import { extensions } from '../../src/isa/isa.ts';
import { emitManual, entriesOf, extensionPage, instructionPage } from '../../src/isa/manual.ts';
import { parsePattern } from '../../src/isa/pattern.ts';

const entries = entriesOf(extensions);
const page = (name: string): string => {
  const short = entries.filter(({ form }) => 'long' in form && form.long === name);
  return instructionPage(
    entries.find(({ form }) => form.name === name)!,
    short,
  );
};

describe('an encoding picture', () => {
  test('has bit numbers above the boxes and widths below', () => {
    expect(drawEncoding(parsePattern('imm[11:0] rs1 010 rd 0000011'))).toEqual([
      ' 31                   20 19     15 14 12 11      7 6           0',
      '+-----------------------+---------+-----+---------+-------------+',
      '|       imm[11:0]       |   rs1   | 010 |   rd    |   0000011   |',
      '+-----------------------+---------+-----+---------+-------------+',
      '           12                5       3       5           7',
    ]);
  });
  test('shows scattered and short operands of compressed forms', () => {
    expect(drawEncoding(parsePattern("010 uimm[5:3] rs1' uimm[2|6] rd' 00"))).toEqual([
      ' 15 13 12       10 9    7 6         5 4   2 1  0',
      '+-----+-----------+------+-----------+-----+----+',
      "| 010 | uimm[5:3] | rs1' | uimm[2|6] | rd' | 00 |",
      '+-----+-----------+------+-----------+-----+----+',
      '   3        3        3         2        3    2',
    ]);
  });
  test('covers the bits of every form from the highest to 0', () => {
    for (const { form } of entries) {
      const [numbers, , boxes] = drawEncoding(form.pattern);
      const top = 8 * form.pattern.bytes - 1;
      expect(numbers, form.name).toMatch(new RegExp(`^ +${top} .* 0$`));
      const fixed = boxes.match(/\b[01]+\b(?![:\]|])/g)?.join('') ?? '';
      expect(fixed.length, form.name).toBeGreaterThan(0);
    }
  });
});

describe('the page of', () => {
  test('an instruction states encoding, meaning, extension, timing, short forms and source', () => {
    const text = page('lw');
    expect(text).toMatch(/^lw rd, imm\(rs1\)\n\n {5}31 [^]*\n {4}rd = mem32\[rs1 \+ imm\]\n/);
    expect(text).toMatch(/^operands {4}imm: -2048 to 2047$/m);
    expect(text).toMatch(/^extension {3}i: Base integer instructions$/m);
    expect(text).toMatch(/^timing {6}load: /m);
    expect(text).toMatch(/^short forms c\.lw, c\.lwsp$/m);
    expect(text).toMatch(/^source {6}RISC-V ISA manual, volume I, RV32I$/m);
  });
  test('a short form states its long form and what its operands may be', () => {
    const text = page('c.addi4spn');
    expect(text).toMatch(/^expands to {2}addi with rs1 = sp$/m);
    expect(text).toMatch(/^operands {4}rd: x8 to x15\n {12}uimm: 0 to 1020, multiples of 4, except 0$/m);
  });
  test('an instruction with bits that do not matter says so', () => {
    expect(page('fence')).toMatch(/^ {12}fm: ignored$/m);
    expect(page('fence.i')).toMatch(/^ {12}imm: ignored$/m);
  });
  test('an extension lists its instructions with their bits', () => {
    const m = extensions.find((x) => x.name === 'm')!;
    expect(extensionPage(m)).toMatch(/^m: Multiplication and division\nsource: [^\n]+\n\nmul rd, rs1, rs2/);
    expect(extensionPage(m)).toContain('divu rd, rs1, rs2    0000001 rs2 rs1 101 rd 0110011\n');
    const zicntr = extensions.find((x) => x.name === 'zicntr')!;
    expect(extensionPage(zicntr)).toContain('adds no instructions');
  });
});

test('docs/isa.md is what the definitions give', () => {
  const file = new URL('../../docs/isa.md', import.meta.url);
  const same = readFileSync(file, 'utf8') === emitManual(extensions);
  expect(same, 'docs/isa.md is out of date; run `npm run docs` and commit the result').toBe(true);
});
