/** The C extension without floating point (Zca): each form expands to the long instruction it means. */
import { expansion, type Expansion, type Extension } from './insn.ts';

const SP = 2;
const RA = 1;

const arithmetic = (name: string, funct2: string, long: string): Expansion =>
  expansion(name, `100 0 11 rd'+rs1' ${funct2} rs2' 01`, 'rd, rs2', long);

/** Forms with rd = 0 or shamt = 0 that the manual calls HINTs expand to instructions without effect. */
export const rv32c: Extension = {
  name: 'c',
  title: 'Compressed instructions',
  source: 'RISC-V ISA manual, volume I, C (Zca)',
  insns: [],
  expansions: [
    expansion('c.addi4spn', "000 uimm[5:4|9:6|2|3]!=0 rd' 00", 'rd, sp, uimm', 'addi', { rs1: SP }),
    expansion('c.lw', "010 uimm[5:3] rs1' uimm[2|6] rd' 00", 'rd, uimm(rs1)', 'lw'),
    expansion('c.sw', "110 uimm[5:3] rs1' uimm[2|6] rs2' 00", 'rs2, uimm(rs1)', 'sw'),
    expansion('c.nop', '000 0 00000 00000 01', '', 'addi', { rd: 0, rs1: 0, imm: 0 }),
    {
      ...expansion('c.nop.hint', '000 imm[5]!=0 00000 imm[4:0] 01', 'imm', 'addi', { rd: 0, rs1: 0 }),
      mnemonic: 'c.nop',
    },
    expansion('c.addi', '000 imm[5] rd+rs1!=0 imm[4:0] 01', 'rd, imm', 'addi'),
    expansion('c.jal', '001 imm[11|4|9:8|10|6|7|3:1|5] 01', 'target', 'jal', { rd: RA }),
    expansion('c.li', '010 imm[5] rd imm[4:0] 01', 'rd, imm', 'addi', { rs1: 0 }),
    expansion('c.addi16sp', '011 imm[9]!=0 00010 imm[4|6|8:7|5] 01', 'sp, imm', 'addi', { rd: SP, rs1: SP }),
    expansion('c.lui', '011 imm[17]!=0 rd!=2 imm[16:12] 01', 'rd, upper', 'lui'),
    expansion('c.srli', "100 0 00 rd'+rs1' shamt[4:0] 01", 'rd, shamt', 'srli'),
    expansion('c.srai', "100 0 01 rd'+rs1' shamt[4:0] 01", 'rd, shamt', 'srai'),
    expansion('c.andi', "100 imm[5] 10 rd'+rs1' imm[4:0] 01", 'rd, imm', 'andi'),
    arithmetic('c.sub', '00', 'sub'),
    arithmetic('c.xor', '01', 'xor'),
    arithmetic('c.or', '10', 'or'),
    arithmetic('c.and', '11', 'and'),
    expansion('c.j', '101 imm[11|4|9:8|10|6|7|3:1|5] 01', 'target', 'jal', { rd: 0 }),
    expansion('c.beqz', "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", 'rs1, target', 'beq', { rs2: 0 }),
    expansion('c.bnez', "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", 'rs1, target', 'bne', { rs2: 0 }),
    expansion('c.slli', '000 0 rd+rs1 shamt[4:0] 10', 'rd, shamt', 'slli'),
    expansion('c.lwsp', '010 uimm[5] rd!=0 uimm[4:2|7:6] 10', 'rd, uimm(sp)', 'lw', { rs1: SP }),
    expansion('c.jr', '100 0 rs1!=0 00000 10', 'rs1', 'jalr', { rd: 0, imm: 0 }),
    expansion('c.mv', '100 0 rd rs2!=0 10', 'rd, rs2', 'add', { rs1: 0 }),
    expansion('c.ebreak', '100 1 00000 00000 10', '', 'ebreak'),
    expansion('c.jalr', '100 1 rs1!=0 00000 10', 'rs1', 'jalr', { rd: RA, imm: 0 }),
    expansion('c.add', '100 1 rd+rs1 rs2!=0 10', 'rd, rs2', 'add'),
    expansion('c.swsp', '110 uimm[5:2|7:6] rs2 10', 'rs2, uimm(sp)', 'sw', { rs1: SP }),
  ],
};
