/** Zbs: operations on a single bit, numbered by the low five bits of rs2 or by an immediate. */
import { insn, type Extension, type Insn, type Semantics } from './insn.ts';

/** The result for bit `index` of rs1. */
type Meaning = <V>(e: Semantics<V>, index: V) => V;

const pair = (name: string, funct7: string, funct3: string, meaning: Meaning): Insn[] => [
  insn(name, `${funct7} rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', 'alu', (e) =>
    e.setX('rd', meaning(e, e.x('rs2'))),
  ),
  insn(`${name}i`, `${funct7} shamt[4:0] rs1 ${funct3} rd 0010011`, 'rd, rs1, shamt', 'alu', (e) =>
    e.setX('rd', meaning(e, e.field('shamt'))),
  ),
];

const bit = <V>(e: Semantics<V>, index: V): V => e.binary('shl', e.constant(1), index);

export const zbs: Extension = {
  name: 'zbs',
  title: 'Single-bit operations',
  source: 'RISC-V ISA manual, volume I, Zbs',
  expansions: [],
  insns: [
    ...pair('bclr', '0100100', '001', (e, index) =>
      e.binary('and', e.x('rs1'), e.binary('xor', bit(e, index), e.constant(-1))),
    ),
    ...pair('bext', '0100100', '101', (e, index) =>
      e.binary('and', e.binary('shr', e.x('rs1'), index), e.constant(1)),
    ),
    ...pair('binv', '0110100', '001', (e, index) => e.binary('xor', e.x('rs1'), bit(e, index))),
    ...pair('bset', '0010100', '001', (e, index) => e.binary('or', e.x('rs1'), bit(e, index))),
  ],
};
