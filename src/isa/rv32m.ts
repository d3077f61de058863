/** The M extension: multiplication and division. */
import { insn, type Binary, type Extension, type Insn, type TimingClass } from './insn.ts';

const operation = (name: Binary, funct3: string, timing: TimingClass): Insn =>
  insn(name, `0000001 rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', timing, (e) =>
    e.setX('rd', e.binary(name, e.x('rs1'), e.x('rs2'))),
  );

export const rv32m: Extension = {
  name: 'm',
  title: 'Multiplication and division',
  source: 'RISC-V ISA manual, volume I, M',
  expansions: [],
  insns: [
    operation('mul', '000', 'mul'),
    operation('mulh', '001', 'mulh'),
    operation('mulhsu', '010', 'mulh'),
    operation('mulhu', '011', 'mulh'),
    operation('div', '100', 'div'),
    operation('divu', '101', 'div'),
    operation('rem', '110', 'div'),
    operation('remu', '111', 'div'),
  ],
};
