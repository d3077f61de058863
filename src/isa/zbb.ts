/** Zbb: basic bit manipulation. */
import { insn, type Binary, type Extension, type Insn, type Semantics, type Unary } from './insn.ts';

type Value = <V>(e: Semantics<V>) => V;

const register = (name: string, funct7: string, funct3: string, value: Value): Insn =>
  insn(name, `${funct7} rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', 'alu', (e) => e.setX('rd', value(e)));

/** One operand; the five bits of rs2 belong to the opcode. */
const single = (name: string, funct12: string, funct3: string, opcode: string, value: Value): Insn =>
  insn(name, `${funct12} rs1 ${funct3} rd ${opcode}`, 'rd, rs1', 'alu', (e) => e.setX('rd', value(e)));

const not = <V>(e: Semantics<V>, value: V): V => e.binary('xor', value, e.constant(-1));

/** rs1 OP NOT rs2 */
const inverted = (name: string, funct3: string, operation: Binary): Insn =>
  register(name, '0100000', funct3, (e) => e.binary(operation, e.x('rs1'), not(e, e.x('rs2'))));

const extreme = (name: Binary, funct3: string): Insn =>
  register(name, '0000101', funct3, (e) => e.binary(name, e.x('rs1'), e.x('rs2')));

const count = (name: string, funct12: string, operation: Unary): Insn =>
  single(name, funct12, '001', '0010011', (e) => e.unary(operation, e.x('rs1')));

/** The low `bits` bits of rs1, sign-extended. */
const extend = (name: string, funct12: string, bits: 8 | 16): Insn =>
  single(name, funct12, '001', '0010011', (e) => {
    const shift = e.constant(32 - bits);
    return e.binary('sar', e.binary('shl', e.x('rs1'), shift), shift);
  });

/** The bytes of rs1 rotated right by `bits` bits, those under `mask` only. */
const rotated = <V>(e: Semantics<V>, bits: number, mask: number): V =>
  e.binary('and', e.binary('rotr', e.x('rs1'), e.constant(bits)), e.constant(mask));

export const zbb: Extension = {
  name: 'zbb',
  title: 'Basic bit manipulation',
  source: 'RISC-V ISA manual, volume I, Zbb',
  expansions: [],
  insns: [
    inverted('andn', '111', 'and'),
    inverted('orn', '110', 'or'),
    register('xnor', '0100000', '100', (e) => not(e, e.binary('xor', e.x('rs1'), e.x('rs2')))),
    count('clz', '011000000000', 'clz'),
    count('ctz', '011000000001', 'ctz'),
    count('cpop', '011000000010', 'popcount'),
    extend('sext.b', '011000000100', 8),
    extend('sext.h', '011000000101', 16),
    single('zext.h', '000010000000', '100', '0110011', (e) =>
      e.binary('and', e.x('rs1'), e.constant(0xffff)),
    ),
    extreme('min', '100'),
    extreme('minu', '101'),
    extreme('max', '110'),
    extreme('maxu', '111'),
    register('rol', '0110000', '001', (e) =>
      e.binary('rotr', e.x('rs1'), e.binary('sub', e.constant(0), e.x('rs2'))),
    ),
    register('ror', '0110000', '101', (e) => e.binary('rotr', e.x('rs1'), e.x('rs2'))),
    insn('rori', '0110000 shamt[4:0] rs1 101 rd 0010011', 'rd, rs1, shamt', 'alu', (e) =>
      e.setX('rd', e.binary('rotr', e.x('rs1'), e.field('shamt'))),
    ),
    single('orc.b', '001010000111', '101', '0010011', (e) => e.lanes('ne', 8, e.x('rs1'), e.constant(0))),
    single('rev8', '011010011000', '101', '0010011', (e) =>
      e.binary('or', rotated(e, 8, 0xff00_ff00), rotated(e, 24, 0x00ff_00ff)),
    ),
  ],
};
