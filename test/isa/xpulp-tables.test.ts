import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decoder } from '../../src/isa/decode.ts';
import { disassemble } from '../../src/isa/disassemble.ts';
import { encode } from '../../src/isa/encode.ts';
import { parseIsa } from '../../src/isa/isa.ts';

const TABLES = new URL('../../../shared/specs/', import.meta.url);
const present = existsSync(TABLES);

interface Operand {
  readonly name: string;
  readonly kind: 'reg' | 'imm' | 'pcrel';
  readonly lo: number;
  readonly width: number;
  readonly signed: boolean;
  readonly scale?: number;
  readonly scatter: readonly { readonly hi: number; readonly lo: number; readonly to: number }[];
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly ext: string;
  readonly asm: string;
  readonly match: string;
  readonly mask: string;
  readonly operands: readonly Operand[];
}

interface Table {
  readonly rows: readonly Row[];
}

const read = (file: string): Table => {
  const { instructions } = JSON.parse(readFileSync(new URL(file, TABLES), 'utf8')) as {
    instructions: readonly Row[];
  };
  return { rows: instructions };
};

/** Our name of an operand of the row. */
function ours({ asm }: Row, { name, kind, signed }: Operand): string {
  if (kind === 'reg' || name.startsWith('is')) return name;
  if (name === 'L') return 'loop';
  if (name === 'imm5') return 'simm';
  if (name === 'uimmL') return asm.includes('uimm12') ? 'count' : 'offset';
  if (name === 'uimmS') return 'offset';
  return signed ? 'imm' : 'zimm';
}

/** The operand's value in a word, read as the table says. */
function valueOf({ kind, lo, width, signed, scale = 1, scatter }: Operand, word: number): number {
  if (kind === 'reg') return (word >>> lo) & 31;
  let value = 0;
  for (const part of scatter) value |= ((word >>> part.lo) & (2 ** (part.hi - part.lo + 1) - 1)) << part.to;
  return (signed ? (value << (32 - width)) >> (32 - width) : value) * scale;
}

/** The text with its operands blanked. */
const shape = (text: string): string => text.replaceAll(/(?<=[ (])-?\w+|(?<=,)-?\w+/g, '_');

const families = [
  {
    file: 'xcv.json',
    count: 320,
    isa: parseIsa('rv32imac_zicsr_xcvalu_xcvbi_xcvbitmanip_xcvelw_xcvhwlp_xcvmac_xcvmem_xcvsimd'),
    opcodes: [0x0b, 0x2b, 0x5b, 0x7b],
  },
  {
    file: 'xpulpv2.json',
    count: 318,
    isa: parseIsa('rv32imac_zicsr_xpulpv2'),
    opcodes: [0x0b, 0x2b, 0x5b, 0x7b, 0x57],
  },
];

describe.skipIf(!present).each(families)(
  'the table $file (skipped where ../shared/specs is absent)',
  ({ file, count, isa, opcodes }) => {
    const { rows } = present ? read(file) : { rows: [] };
    const decoder = new Decoder(isa);
    const insns = new Map(isa.insns.map((insn) => [insn.name, insn]));

    test('is defined whole, with its bits and nothing more', () => {
      expect(rows).toHaveLength(count);
      const standard = new Set(parseIsa('rv32imac_zicsr').insns.map((i) => i.name));
      const defined = isa.insns.filter((i) => !standard.has(i.name)).map((i) => i.name);
      expect(defined.toSorted()).toEqual(rows.map((r) => r.id).toSorted());
      for (const { id, match, mask } of rows) {
        const { pattern } = insns.get(id)!;
        expect([id, pattern.match, pattern.mask]).toEqual([id, Number(match), Number(mask)]);
      }
    });

    test('decodes to its names and operands, which encode to the same word, whatever the operands', () => {
      for (const row of rows) {
        const [match, mask] = [Number(row.match), Number(row.mask)];
        for (const bits of fc.sample(fc.integer(), { numRuns: 40, seed: 1 })) {
          const word = ((bits & ~mask) | match) >>> 0;
          const decoded = decoder.decode(word)!;
          expect(decoded.insn.name).toBe(row.id);
          const operands = row.operands.map((o): [string, number] => [ours(row, o), valueOf(o, word)]);
          expect({ id: row.id, ...decoded.operands }).toEqual({
            id: row.id,
            ...Object.fromEntries(operands),
          });
          expect(encode(decoded.insn, decoded.operands)).toBe(word);
        }
      }
    });

    test('gives the mnemonics and the punctuation of the assembler', () => {
      for (const row of rows) {
        if (row.asm.startsWith('(')) continue; // no assembler has a name for it
        const spelt = row.asm.replace(' L,', file === 'xcv.json' ? ' 0,' : ' x0,');
        expect([row.id, shape(disassemble(isa, Number(row.match)))]).toEqual([row.id, shape(spelt)]);
      }
    });

    test('is all there is in its opcodes, by a million random words', () => {
      const byOpcode = new Map(
        opcodes.map((op) => [op, [] as { match: number; mask: number; id: string }[]]),
      );
      for (const { match, mask, id } of rows) {
        byOpcode.get(Number(match) & 0x7f)?.push({ match: Number(match) | 0, mask: Number(mask) | 0, id });
      }
      let state = 1;
      const wrong: string[] = [];
      for (let i = 0; i < 1_000_000; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0; // high bits are the random ones
        const high = state >>> 7;
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
        const opcode = opcodes[i % opcodes.length];
        const word = ((high << 7) ^ (state & ~0x7f)) | opcode;
        const row = byOpcode.get(opcode)!.find(({ match, mask }) => (word & mask) === match);
        const name = decoder.decode(word)?.insn.name;
        if (name !== row?.id)
          wrong.push(`0x${(word >>> 0).toString(16)} is ${name}, the table says ${row?.id}`);
      }
      expect(wrong.slice(0, 10)).toEqual([]);
    });
  },
);
