/** Zba: address generation, a shift by one to three bits and an addition. */
import { insn, type Extension, type Insn } from './insn.ts';

const shiftAdd = (bits: 1 | 2 | 3, funct3: string): Insn =>
  insn(`sh${bits}add`, `0010000 rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', 'alu', (e) =>
    e.setX('rd', e.binary('add', e.binary('shl', e.x('rs1'), e.constant(bits)), e.x('rs2'))),
  );

export const zba: Extension = {
  name: 'zba',
  title: 'Address generation',
  source: 'RISC-V ISA manual, volume I, Zba',
  expansions: [],
  insns: [shiftAdd(1, '010'), shiftAdd(2, '100'), shiftAdd(3, '110')],
};
