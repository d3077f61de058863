import { describe, expect, test } from 'vitest';
import { explain } from '../../src/isa/explain.ts';
import { insn } from '../../src/isa/insn.ts';
import { extensions } from '../../src/isa/isa.ts';
import { entriesOf } from '../../src/isa/manual.ts';

const entries = new Map(entriesOf(extensions).map((entry) => [entry.form.name, entry]));

const explained = (name: string): string => {
  const { form, long } = entries.get(name)!;
  return explain(form, long).join('; ');
};

describe('the pseudo-code of', () => {
  test.each([
    ['add', 'rd = rs1 + rs2'],
    ['sltiu', 'rd = rs1 <u imm'],
    ['sra', 'rd = rs1 >> rs2'],
    ['lw', 'rd = mem32[rs1 + imm]'],
    ['lb', 'rd = sext(mem8[rs1 + imm])'],
    ['sh', 'mem16[rs1 + imm] = rs2[15:0]'],
    ['beq', 'if (rs1 == rs2) pc = pc + imm'],
    ['jalr', 'v0 = (rs1 + imm) & -2; require aligned(v0); rd = pc + 4; pc = v0'],
    ['amoadd.w', 'v0 = mem32[rs1]; mem32[rs1] = v0 + rs2; rd = v0'],
    ['sc.w', 'v0 = reserved(rs1); if (v0) mem32[rs1] = rs2; reserve(nothing); rd = v0 ? 0 : 1'],
    ['csrrs', 'v0 = csr; if (rs1 is not x0) csr = v0 | rs1; rd = v0'],
    ['csrrci', 'v0 = csr; if (zimm != 0) csr = v0 & ~zimm; rd = v0'],
    ['xnor', 'rd = ~(rs1 ^ rs2)'],
    ['bclr', 'rd = rs1 & ~(1 << rs2)'],
    ['sext.b', 'rd = sext(rs1[7:0])'],
    ['orc.b', 'rd = lanes8(rs1 != 0)'],
  ])('%s is: %s', (name, text) => {
    expect(explained(name)).toBe(text);
  });
  test.each([
    ['c.lwsp', 'rd = mem32[sp + uimm]'],
    ['c.add', 'rd = rd + rs2'],
    ['c.mv', 'rd = rs2'],
    ['c.li', 'rd = imm'],
    ['c.beqz', 'if (rs1 == 0) pc = pc + imm'],
    ['c.jal', 'v0 = pc + imm; require aligned(v0); ra = pc + 2; pc = v0'],
    ['c.nop', ''],
  ])('the short form %s names its own operands: %s', (name, text) => {
    expect(explained(name)).toBe(text);
  });
  test('every instruction can be made', () => {
    for (const { form, long } of entries.values()) {
      const lines = explain(form, long);
      expect(lines.length > 0 || form.mnemonic === 'c.nop', form.name).toBe(true);
      expect(lines.join(' '), form.name).not.toMatch(/undefined|NaN|\[object/);
    }
  });
  test('an instruction reads its operands when they are bound', () => {
    const swap = insn('swap', '0000000 rs2 rs1 000 rd 0001011', 'rd, rs1, rs2', 'alu', (e) => {
      const old = e.bind(e.x('rd'));
      e.setX('rd', e.binary('mul', e.binary('add', e.x('rs1'), e.constant(0x1000)), e.x('rs2')));
      e.setX('rs1', old);
    });
    expect(explain(swap)).toEqual(['v0 = rd', 'rd = (rs1 + 0x1000) * rs2', 'rs1 = v0']);
  });
});
