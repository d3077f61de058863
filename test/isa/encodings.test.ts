import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decoder } from '../../src/isa/decode.ts';
import { encode } from '../../src/isa/encode.ts';
import { expansion, insn, type Extension } from '../../src/isa/insn.ts';
import { collisionOf, extensions, findOverlap, parseIsa } from '../../src/isa/isa.ts';
import { extract, insert, matches, overlap, parsePattern } from '../../src/isa/pattern.ts';
import { operandsOf } from './operands.ts';

const isa = parseIsa('rv32imac_zicntr_zicond_zicsr_zifencei_zcb_zba_zbb_zbc_zbs');
const decoder = new Decoder(isa);
const forms = [...isa.insns, ...isa.expansions];

describe('patterns', () => {
  test('gather scattered immediates and extend their sign', () => {
    const branch = parsePattern('imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011');
    const imm = branch.fields.find((f) => f.name === 'imm')!;
    expect(extract(imm, 0xfe00_0ee3)).toBe(-4); // beq x0, x0, -4
    expect(insert(imm, 0x0000_0063, -4)).toBe(0xfe00_0ee3);
  });
  test('refuse to be anything but 16 or 32 bits long', () => {
    expect(() => parsePattern('000 rd 0110011')).toThrow('15 bits');
  });
  test('with the same free bits overlap unless an exclusion separates them', () => {
    expect(overlap(parsePattern('000 imm[12:2] 10'), parsePattern('000 00000000000 10'))).toBe(true);
    expect(overlap(parsePattern('000 imm[12:2]!=0 10'), parsePattern('000 00000000000 10'))).toBe(false);
    expect(overlap(parsePattern('000 imm[12:2]!=4 10'), parsePattern('000 00000000000 10'))).toBe(true);
  });
});

describe('the encoding space', () => {
  test('holds no word that two standard forms claim', () => {
    const standard = extensions.filter((x: Extension) => !x.name.startsWith('x'));
    expect(standard).toEqual(isa.extensions);
    const all = standard.flatMap((x) => [...x.insns, ...x.expansions]);
    expect(findOverlap(all)?.map((f) => f.name)).toBeUndefined();
  });
  test.each(['xcv', 'xpulpv2', 'xdma'])(
    'holds no word that the family %s and the standard forms share',
    (family) => {
      const chosen = extensions.filter((x) => !x.name.startsWith('x') || x.name.startsWith(family));
      expect(collisionOf(chosen)).toBeUndefined();
    },
  );
  test('would report two forms that collide', () => {
    const a = insn('a', '0000000 rs2 rs1 000 rd 0001011', '', 'alu', () => undefined);
    const b = insn('b', '0000000 00001 rs1 000 rd 0001011', '', 'alu', () => undefined);
    expect(findOverlap([a, b])).toEqual([a, b]);
  });
  test('gives each of the 49152 compressed words at most one meaning, by trying them all', () => {
    let legal = 0;
    for (let word = 0; word < 0x10000; word++) {
      if ((word & 3) === 3) continue;
      const claims = isa.expansions.filter((f) => matches(f.pattern, word));
      expect(claims.length, `0x${word.toString(16)}: ${claims.map((f) => f.name).join(', ')}`).toBeLessThan(
        2,
      );
      legal += claims.length;
    }
    expect(legal).toBe(28_823 + 1000); // the manual's tables of C and Zcb, multiplied out by hand
  });
  test('decodes every form to itself whatever its operands', () => {
    for (const form of forms) {
      fc.assert(
        fc.property(operandsOf(form), (operands) => {
          const decoded = decoder.decode(encode(form, operands))!;
          expect(decoded.form.name).toBe(form.name);
          for (const [name, value] of Object.entries(operands)) expect(decoded.operands[name]).toBe(value);
        }),
        { numRuns: 50 },
      );
    }
  });
  test.each([
    ['all zeros', 0x0000_0000],
    ['all ones', 0xffff_ffff],
    ['slli with shamt[5]', 0x0200_1013],
    ['srai with a stray funct7 bit', 0x4200_5013],
    ['lwu of RV64', 0x0000_6003],
    ['ld of RV64', 0x0000_3003],
    ['sd of RV64', 0x0000_3023],
    ['branch funct3 010', 0x0000_2063],
    ['jalr with funct3 001', 0x0000_1067],
    ['OP with funct7 0000010', 0x0400_0033],
    ['addiw of RV64', 0x0000_001b],
    ['lr.w with rs2', 0x1010_202f],
    ['amo.d', 0x0000_302f],
    ['ecall with rd', 0x0000_00f3],
    ['mret with rs1', 0x3020_8073],
    ['sret', 0x1020_0073],
    ['sfence.vma', 0x1200_0073],
    ['SYSTEM with funct3 100', 0x0000_4073],
    ['c.addi4spn with immediate 0', 0x0004],
    ['c.lui with immediate 0', 0x6081],
    ['c.addi16sp with immediate 0', 0x6101],
    ['c.lwsp to x0', 0x4002],
    ['c.jr x0', 0x8002],
    ['c.srli with shamt[5]', 0x9001],
    ['c.subw of RV64', 0x9c01],
    ['c.fld', 0x2000],
    ['pack, which is zext.h with rs2', 0x0810_4033],
    ['clz with code 00011', 0x6030_1013],
    ['sext.b with code 00110', 0x6060_1013],
    ['rori with shamt[5]', 0x6200_5013],
    ['bclri with shamt[5]', 0x4a00_1013],
    ['bexti with shamt[5]', 0x4a00_5013],
    ['binvi with shamt[5]', 0x6a00_1013],
    ['bseti with shamt[5]', 0x2a00_1013],
    ['rev8 of RV64', 0x6b80_5013],
    ['brev8 of Zbkb', 0x6870_5013],
    ['orc.b with code 00110', 0x2860_5013],
    ['sh1add with funct3 000', 0x2000_0033],
    ['czero with funct3 100', 0x0e00_4033],
    ['funct3 000 of clmul and min', 0x0a00_0033],
    ['add.uw of RV64', 0x0800_003b],
    ['clzw of RV64', 0x6000_101b],
    ['c.zext.w of RV64', 0x9c71],
    ['the reserved neighbour 110 of c.not', 0x9c79],
    ['the reserved neighbour 111 of c.not', 0x9c7d],
    ['c.sh with bit 6', 0x8c40],
    ['the free quarter beside c.sh', 0x9000],
  ])('leaves %s illegal', (_, word) => {
    expect(decoder.decode(word)).toBeUndefined();
  });
});

describe('ISA strings', () => {
  test('print in canonical order', () => {
    expect(parseIsa('RV32ICMA_zifencei_zicsr').name).toBe('rv32imac_zicsr_zifencei');
  });
  test('without an extension do not decode its instructions', () => {
    const base = new Decoder(parseIsa('rv32i'));
    expect(base.decode(0x02c5_8533)).toBeUndefined(); // mul a0, a1, a2
    expect(base.decode(0x0505)).toBeUndefined(); // c.addi a0, 1
  });
  test.each([
    ['rv32i_zca', 'rv32ic'],
    ['rv32i_zca_zcb', 'rv32ic_zcb'],
    ['rv32imab_zicsr', 'rv32ima_zicsr_zba_zbb_zbs'],
    ['rv32i_zbs_zba_zicond', 'rv32i_zicond_zba_zbs'],
  ])('%s means %s', (text, name) => {
    expect(parseIsa(text).name).toBe(name);
  });
  test('have an extension that stands for others when they have all of those', () => {
    expect(['b', 'zca', 'zbc'].map((name) => parseIsa('rv32ic_zba_zbb_zbs').has(name))).toEqual([
      true,
      true,
      false,
    ]);
    expect(parseIsa('rv32i_zba_zbb').has('b')).toBe(false);
  });
  test.each([
    ['c.mul', 0x9c41, 'm'],
    ['c.sext.b', 0x9c65, 'zbb'],
    ['c.zext.h', 0x9c69, 'zbb'],
    ['c.sext.h', 0x9c6d, 'zbb'],
  ])('with Zcb have %s only together with its long form', (name, word, extension) => {
    expect(new Decoder(parseIsa('rv32i_zcb')).decode(word)).toBeUndefined();
    expect(new Decoder(parseIsa(`rv32i_zcb_${extension}`)).decode(word)?.form.name).toBe(name);
  });
  test('that unite colliding extensions are refused with both and their encodings named', () => {
    const xdma = extensions.find((x) => x.name === 'xdma')!;
    const store = insn(
      'sb.post',
      'imm[11:5] rs2 rs1 000 imm[4:0] 0101011',
      'rs2, (rs1), imm',
      'store',
      () => undefined,
    );
    const xmem = { name: 'xmem', title: '', source: '', insns: [store], expansions: [] };
    expect(collisionOf([isa.extensions[0], xdma])).toBeUndefined();
    expect(collisionOf([xmem, xdma])).toBe(
      "extensions 'xmem' and 'xdma' exclude each other: the encodings of sb.post (imm[11:5] rs2 rs1 000 imm[4:0] 0101011) and dmsrc (0000000 rs2 rs1 000 00000 0101011) collide",
    );
  });
  test.each([
    ['rv64imac', "ISA 'rv64imac' does not start with rv32i, such as rv32imac_zicsr_zifencei"],
    ['rv32imf', /unknown extension 'f'; octet knows i, m, a, c/],
    ['rv32ma', "ISA 'rv32ma' lacks the base 'i'"],
  ])('%s is refused with a sentence', (text, message) => {
    expect(() => parseIsa(text)).toThrow(message);
  });
});

test('an expansion carries the operands of its long form', () => {
  const decoded = decoder.decode(0x4501)!; // c.li a0, 0
  expect(decoded).toMatchObject({ insn: { name: 'addi' }, bytes: 2, operands: { rd: 10, rs1: 0, imm: 0 } });
});

test('encode refuses a value the encoding excludes or cannot hold', () => {
  const addi = isa.insns.find((i) => i.name === 'addi')!;
  const jr = expansion('c.jr', '100 0 rs1!=0 00000 10', 'rs1', 'jalr');
  expect(() => encode(addi, { imm: 2048 })).toThrow('addi: imm cannot be 2048');
  expect(() => encode(jr, { rs1: 0 })).toThrow('c.jr: rs1 cannot be 0');
});
