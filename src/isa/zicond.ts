/** Zicond: zero or a register, by a condition. */
import { insn, type Extension, type Insn } from './insn.ts';

const conditionalZero = (condition: 'eq' | 'ne', funct3: string): Insn =>
  insn(`czero.${condition}z`, `0000111 rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', 'alu', (e) =>
    e.setX('rd', e.select(e.binary(condition, e.x('rs2'), e.constant(0)), e.constant(0), e.x('rs1'))),
  );

export const zicond: Extension = {
  name: 'zicond',
  title: 'Conditional operations',
  source: 'RISC-V ISA manual, volume I, Zicond',
  expansions: [],
  insns: [conditionalZero('eq', '101'), conditionalZero('ne', '111')],
};
