/** The A extension: load-reserved, store-conditional and atomic memory operations, all sequentially consistent here. */
import { insn, type Amo, type Extension, type Insn } from './insn.ts';

const amo = (operation: Amo, funct5: string): Insn =>
  insn(`amo${operation}.w`, `${funct5} aq rl rs2 rs1 010 rd 0101111`, 'rd, rs2, (rs1)', 'amo', (e) =>
    e.setX('rd', e.amo(operation, e.x('rs1'), e.x('rs2'))),
  );

export const rv32a: Extension = {
  name: 'a',
  title: 'Atomic instructions',
  source: 'RISC-V ISA manual, volume I, A',
  expansions: [],
  insns: [
    insn('lr.w', '00010 aq rl 00000 rs1 010 rd 0101111', 'rd, (rs1)', 'amo', (e) =>
      e.setX('rd', e.loadReserved(e.x('rs1'))),
    ),
    insn('sc.w', '00011 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', 'amo', (e) =>
      e.setX('rd', e.storeConditional(e.x('rs1'), e.x('rs2'))),
    ),
    amo('swap', '00001'),
    amo('add', '00000'),
    amo('xor', '00100'),
    amo('and', '01100'),
    amo('or', '01000'),
    amo('min', '10000'),
    amo('max', '10100'),
    amo('minu', '11000'),
    amo('maxu', '11100'),
  ],
};
