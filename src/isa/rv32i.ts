/** RV32I base integer instructions, Zifencei, and the privileged instructions of machine and user mode. */
import { insn, type Binary, type Extension, type Insn, type Semantics } from './insn.ts';

const immediate = (name: string, funct3: string, operation: Binary): Insn =>
  insn(name, `imm[11:0] rs1 ${funct3} rd 0010011`, 'rd, rs1, imm', 'alu', (e) =>
    e.setX('rd', e.binary(operation, e.x('rs1'), e.field('imm'))),
  );

const shift = (name: string, funct7: string, funct3: string, operation: Binary): Insn =>
  insn(name, `${funct7} shamt[4:0] rs1 ${funct3} rd 0010011`, 'rd, rs1, shamt', 'alu', (e) =>
    e.setX('rd', e.binary(operation, e.x('rs1'), e.field('shamt'))),
  );

const register = (name: string, funct7: string, funct3: string, operation: Binary): Insn =>
  insn(name, `${funct7} rs2 rs1 ${funct3} rd 0110011`, 'rd, rs1, rs2', 'alu', (e) =>
    e.setX('rd', e.binary(operation, e.x('rs1'), e.x('rs2'))),
  );

const branch = (name: string, funct3: string, condition: Binary): Insn =>
  insn(name, `imm[12|10:5] rs2 rs1 ${funct3} imm[4:1|11] 1100011`, 'rs1, rs2, target', 'branch', (e) =>
    e.branch(e.binary(condition, e.x('rs1'), e.x('rs2')), e.binary('add', e.pc(), e.field('imm'))),
  );

/** rs1 + imm: the address of every base load and store. */
const address = <V>(e: Semantics<V>): V => e.binary('add', e.x('rs1'), e.field('imm'));

const load = (name: string, funct3: string, bytes: 1 | 2 | 4, signed: boolean): Insn =>
  insn(name, `imm[11:0] rs1 ${funct3} rd 0000011`, 'rd, imm(rs1)', 'load', (e) =>
    e.setX('rd', e.load(bytes, signed, address(e))),
  );

const store = (name: string, funct3: string, bytes: 1 | 2 | 4): Insn =>
  insn(name, `imm[11:5] rs2 rs1 ${funct3} imm[4:0] 0100011`, 'rs2, imm(rs1)', 'store', (e) =>
    e.store(bytes, address(e), e.x('rs2')),
  );

export const rv32i: Extension = {
  name: 'i',
  title: 'Base integer instructions',
  source: 'RISC-V ISA manual, volume I, RV32I',
  expansions: [],
  insns: [
    insn('lui', 'imm[31:12] rd 0110111', 'rd, upper', 'alu', (e) => e.setX('rd', e.field('imm'))),
    insn('auipc', 'imm[31:12] rd 0010111', 'rd, upper', 'alu', (e) =>
      e.setX('rd', e.binary('add', e.pc(), e.field('imm'))),
    ),
    insn('jal', 'imm[20|10:1|11|19:12] rd 1101111', 'rd, target', 'jump', (e) => {
      const target = e.bind(e.binary('add', e.pc(), e.field('imm')));
      e.checkTarget(target);
      e.setX('rd', e.nextPc());
      e.jump(target);
    }),
    insn('jalr', 'imm[11:0] rs1 000 rd 1100111', 'rd, imm(rs1)', 'jump', (e) => {
      const target = e.bind(e.binary('and', address(e), e.constant(-2))); // before rd, which may be rs1
      e.checkTarget(target);
      e.setX('rd', e.nextPc());
      e.jump(target);
    }),
    branch('beq', '000', 'eq'),
    branch('bne', '001', 'ne'),
    branch('blt', '100', 'lt'),
    branch('bge', '101', 'ge'),
    branch('bltu', '110', 'ltu'),
    branch('bgeu', '111', 'geu'),
    load('lb', '000', 1, true),
    load('lh', '001', 2, true),
    load('lw', '010', 4, true),
    load('lbu', '100', 1, false),
    load('lhu', '101', 2, false),
    store('sb', '000', 1),
    store('sh', '001', 2),
    store('sw', '010', 4),
    immediate('addi', '000', 'add'),
    immediate('slti', '010', 'lt'),
    immediate('sltiu', '011', 'ltu'),
    immediate('xori', '100', 'xor'),
    immediate('ori', '110', 'or'),
    immediate('andi', '111', 'and'),
    shift('slli', '0000000', '001', 'shl'),
    shift('srli', '0000000', '101', 'shr'),
    shift('srai', '0100000', '101', 'sar'),
    register('add', '0000000', '000', 'add'),
    register('sub', '0100000', '000', 'sub'),
    register('sll', '0000000', '001', 'shl'),
    register('slt', '0000000', '010', 'lt'),
    register('sltu', '0000000', '011', 'ltu'),
    register('xor', '0000000', '100', 'xor'),
    register('srl', '0000000', '101', 'shr'),
    register('sra', '0100000', '101', 'sar'),
    register('or', '0000000', '110', 'or'),
    register('and', '0000000', '111', 'and'),
    // fm, rs1 and rd are to be ignored by implementations that order all accesses.
    insn('fence', 'fm[3:0] pred[3:0] succ[3:0] rs1 000 rd 0001111', 'pred, succ', 'system', (e) =>
      e.system('fence'),
    ),
    insn('ecall', '000000000000 00000 000 00000 1110011', '', 'system', (e) => e.system('ecall')),
    insn('ebreak', '000000000001 00000 000 00000 1110011', '', 'system', (e) => e.system('ebreak')),
    insn('mret', '001100000010 00000 000 00000 1110011', '', 'system', (e) => e.system('mret')),
    insn('wfi', '000100000101 00000 000 00000 1110011', '', 'system', (e) => e.system('wfi')),
  ],
};

export const zifencei: Extension = {
  name: 'zifencei',
  title: 'Instruction-fetch fence',
  source: 'RISC-V ISA manual, volume I, Zifencei',
  expansions: [],
  insns: [insn('fence.i', 'imm[11:0] rs1 001 rd 0001111', '', 'system', (e) => e.system('fence.i'))],
};
