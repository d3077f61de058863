/** Zcb: further compressed instructions; those whose long form is in M or Zbb exist only together with it. */
import { expansion, type Expansion, type Extension } from './insn.ts';

/** `rd = f(rd)`, the function chosen by `code`. */
const inPlace = (
  name: string,
  code: string,
  long: string,
  fixed: Readonly<Record<string, number>> = {},
): Expansion => expansion(name, `100 111 rd'+rs1' 11 ${code} 01`, 'rd', long, fixed);

export const zcb: Extension = {
  name: 'zcb',
  title: 'Further compressed instructions',
  source: 'RISC-V ISA manual, volume I, Zcb',
  insns: [],
  expansions: [
    expansion('c.lbu', "100 000 rs1' uimm[0|1] rd' 00", 'rd, uimm(rs1)', 'lbu'),
    expansion('c.lhu', "100 001 rs1' 0 uimm[1] rd' 00", 'rd, uimm(rs1)', 'lhu'),
    expansion('c.lh', "100 001 rs1' 1 uimm[1] rd' 00", 'rd, uimm(rs1)', 'lh'),
    expansion('c.sb', "100 010 rs1' uimm[0|1] rs2' 00", 'rs2, uimm(rs1)', 'sb'),
    expansion('c.sh', "100 011 rs1' 0 uimm[1] rs2' 00", 'rs2, uimm(rs1)', 'sh'),
    inPlace('c.zext.b', '000', 'andi', { imm: 255 }),
    inPlace('c.sext.b', '001', 'sext.b'),
    inPlace('c.zext.h', '010', 'zext.h'),
    inPlace('c.sext.h', '011', 'sext.h'),
    inPlace('c.not', '101', 'xori', { imm: -1 }),
    expansion('c.mul', "100 111 rd'+rs1' 10 rs2' 01", 'rd, rs2', 'mul'),
  ],
};
