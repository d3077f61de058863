/** Zbc: carry-less multiplication. */
import { insn, type Extension, type Insn, type Semantics } from './insn.ts';

const product = (name: string, funct3: string, value: <V>(e: Semantics<V>) => V): Insn =>
  insn(name, `0000101 rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', 'mul', (e) => e.setX('rd', value(e)));

const low = <V>(e: Semantics<V>): V => e.binary('clmul', e.x('rs1'), e.x('rs2'));
const high = <V>(e: Semantics<V>): V => e.binary('clmulh', e.x('rs1'), e.x('rs2'));

export const zbc: Extension = {
  name: 'zbc',
  title: 'Carry-less multiplication',
  source: 'RISC-V ISA manual, volume I, Zbc',
  expansions: [],
  insns: [
    product('clmul', '001', low),
    // Bits 62 to 31 of the product of 63 bits.
    product('clmulr', '010', (e) =>
      e.binary('or', e.binary('shl', high(e), e.constant(1)), e.binary('shr', low(e), e.constant(31))),
    ),
    product('clmulh', '011', high),
  ],
};
