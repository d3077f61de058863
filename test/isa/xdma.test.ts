import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decoder } from '../../src/isa/decode.ts';
import { disassemble } from '../../src/isa/disassemble.ts';
import { extensions, parseIsa } from '../../src/isa/isa.ts';

interface Row {
  readonly name: string;
  readonly ext: string;
  readonly match: string;
  readonly mask: string;
  readonly operands: readonly { readonly name: string; readonly hi?: number; readonly lo?: number }[];
}

const TABLE = new URL('../../../shared/specs/xdma.json', import.meta.url);
const table = existsSync(TABLE)
  ? (JSON.parse(readFileSync(TABLE, 'utf8')) as { readonly instructions: readonly Row[] })
  : undefined;
const rows = table?.instructions.filter((row) => row.ext === 'xdma') ?? [];

const isa = parseIsa('rv32imac_zicsr_xdma');
const decoder = new Decoder(isa);

describe.skipIf(!table)('the table of Xdma encodings (skipped where ../shared/specs is absent)', () => {
  test('names the instructions that are defined, and no others', () => {
    const defined = extensions.find((x) => x.name === 'xdma')!.insns.map((i) => i.name);
    expect(defined.toSorted()).toEqual(rows.map((row) => row.name).toSorted());
  });
  test('agrees about every word with opcode 0101011 and funct3 000', () => {
    const free = ~0x707f >>> 0;
    const near = fc.constantFrom(...rows.map((row) => Number(row.match))); // few random words come close
    const words = fc.tuple(fc.integer(), near, fc.integer(), fc.boolean());
    fc.assert(
      fc.property(words, ([bits, match, spread, close]) => {
        const word = (((close ? (bits & spread & 0x01ff_ff80) | match : bits) & free) | 0x2b) >>> 0;
        const row = rows.find((r) => (word & Number(r.mask)) >>> 0 === Number(r.match));
        expect(decoder.decode(word)?.insn.name).toBe(row?.name);
      }),
      { numRuns: 5000, seed: 3 },
    );
  });
});

describe('Xdma', () => {
  test.each([
    [0x00c5_802b, 'dmsrc a1, a2'],
    [0x02c5_802b, 'dmdst a1, a2'],
    [0x0425_852b, 'dmcpyi a0, a1, 2'],
    [0x06c5_852b, 'dmcpy a0, a1, a2'],
    [0x0820_052b, 'dmstati a0, 2'],
    [0x0ac0_052b, 'dmstat a0, a2'],
    [0x0cc5_802b, 'dmstr a1, a2'],
    [0x0e05_802b, 'dmrep a1'],
    [0x10c5_802b, 'dmuser a1, a2'],
    [0x1215_852b, 'dminit a0, a1, 1'],
  ])('0x%s reads as the manual writes it', (word, text) => {
    expect(disassemble(isa, word)).toBe(text);
  });
  test.each([
    ['dmsrc with rd', 0x00c5_80ab],
    ['dmstr with rd', 0x0cc5_80ab],
    ['dmrep with rs2', 0x0e15_802b],
    ['dmrep with rd', 0x0e05_80ab],
    ['dmstati with rs1', 0x0820_852b],
    ['dmstat with rs1', 0x0ac0_852b],
    ['the free funct7 0001010', 0x1400_002b],
    ['funct7 1000000', 0x8000_002b],
    ['scfgri of Xssr', 0x0000_102b],
    ['scfgwi of Xssr', 0x0000_202b],
  ])('leaves %s illegal', (_, word) => {
    expect(decoder.decode(word)).toBeUndefined();
  });
  test.each([
    [
      'xcvmem',
      /'xcvmem' and 'xdma' exclude each other: the encodings of cv\.sb\S* \(.*\) and dmsrc \(.*\) collide/,
    ],
    [
      'xpulpv2',
      /'xdma' and 'xpulpv2' exclude each other: the encodings of dmsrc \(.*\) and p\.sb\S* \(.*\) collide/,
    ],
  ])('excludes %s, whose post-increment byte stores have its encodings', (other, message) => {
    expect(() => parseIsa(`rv32imac_${other}_xdma`)).toThrow(message);
  });
  test('is illegal on a hart without it', () => {
    expect(new Decoder(parseIsa('rv32imac_zicsr')).decode(0x00c5_802b)).toBeUndefined();
  });
});
