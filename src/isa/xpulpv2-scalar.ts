/**
 * The older PULP encodings of everything but SIMD (RI5CY user manual; PULP binutils): the meanings of the CORE-V
 * forms in other bits, with loops whose `lpend` is the last instruction itself.
 */
import { insn, type Insn } from './insn.ts';
import { addressed, registerForms, shiftForm } from './xpulp-forms.ts';
import {
  absolute,
  branchImmediate,
  clearField,
  clip,
  clipRegister,
  countLeading,
  countSet,
  extend,
  extractField,
  type FieldFrom,
  findFirst,
  findLast,
  insertField,
  type Load,
  loadIndexed,
  loadPost,
  loopMeanings,
  type Meaning,
  multiplyAccumulate,
  productScaled,
  reverseGroups,
  setField,
  setLessEqual,
  type Store,
  storeIndexed,
  storePost,
  sumScaled,
  sumScaledBy,
  two,
} from './xpulp.ts';

/** `size` is funct3 of the base load, and the upper bits of funct7 in the forms with a register. */
const loads = (name: Load, size: string): Insn[] =>
  addressed(
    `p.${name}`,
    'load',
    ['ri.post', `imm[11:0] rs1 ${size} rd 0001011`, 'rd, imm(rs1!)', loadPost(name, 'imm')],
    ['rr.post', `0${size}000 rs2 rs1 111 rd 0001011`, 'rd, rs2(rs1!)', loadPost(name, 'rs2')],
    ['rr', `0${size}000 rs2 rs1 111 rd 0000011`, 'rd, rs2(rs1)', loadIndexed(name, 'rs2')],
  );

const stores = (name: Store, size: string): Insn[] =>
  addressed(
    `p.${name}`,
    'store',
    ['ri.post', `imm[11:5] rs2 rs1 0${size} imm[4:0] 0101011`, 'rs2, imm(rs1!)', storePost(name, 'imm')],
    ['rr.post', `0000000 rs2 rs1 1${size} rs3 0101011`, 'rs2, rs3(rs1!)', storePost(name, 'rs3')],
    ['rr', `0000000 rs2 rs1 1${size} rs3 0100011`, 'rs2, rs3(rs1)', storeIndexed(name, 'rs3')],
  );

const { starti, endi, count, counti, setup, setupi } = loopMeanings({ kept: -2, endBehindLast: 0 });

const loop = (name: string, upper: string, funct3: string, syntax: string, meaning: Meaning): Insn =>
  insn(`lp.${name}`, `${upper} ${funct3} 0000 loop 1111011`, `xloop, ${syntax}`, 'alu', meaning);

const branch = (name: string, funct3: string, condition: 'eq' | 'ne'): Insn =>
  insn(
    `p.${name}`,
    `imm[12|10:5] simm[4:0] rs1 ${funct3} imm[4:1|11] 1100011`,
    'rs1, simm, target',
    'branch',
    branchImmediate(condition),
  );

const { single, register, immediate } = registerForms({ prefix: 'p', opcode: '0110011' });

const field = (name: string, funct3: string, meaning: (from: FieldFrom) => Meaning): Insn[] => [
  insn(
    `p.${name}`,
    `11 is3[4:0] is2[4:0] rs1 ${funct3} rd 0110011`,
    'rd, rs1, is3, is2',
    'alu',
    meaning('immediate'),
  ),
  register(`${name}r`, '1000000', funct3, meaning('register')),
];

/** Products of halves; bit 31 is signed, bit 30 takes the upper halves, funct3 bit 2 rounds. */
const products = (name: 'mul' | 'mac', funct3: string): Insn[] =>
  ['un', 'urn', 'hhun', 'hhurn', 'sn', 'srn', 'hhsn', 'hhsrn'].map((suffix) => {
    const upper = suffix.startsWith('hh');
    const scaling = { unsigned: suffix.includes('u'), rounding: suffix.includes('r') };
    const f2 = `${scaling.unsigned ? 0 : 1}${upper ? 1 : 0}`;
    const code = `${scaling.rounding ? 1 : 0}${funct3}`;
    return shiftForm(
      `p.${name}${suffix}`,
      f2,
      code,
      'mul',
      productScaled(upper ? 1 : 0, name === 'mac', scaling),
    );
  });

/** Sums with shift; bit 31 is unsigned, bit 30 the register form, funct3 bit 2 rounds. */
const sums = (operation: 'add' | 'sub', funct3: string): Insn[] =>
  ['n', 'rn', 'un', 'urn'].flatMap((suffix) => {
    const scaling = { unsigned: suffix.startsWith('u'), rounding: suffix.includes('r') };
    const sign = scaling.unsigned ? '1' : '0';
    const code = `${scaling.rounding ? 1 : 0}${funct3}`;
    return [
      shiftForm(`p.${operation}${suffix}`, `${sign}0`, code, 'alu', sumScaled(operation, scaling)),
      insn(
        `p.${operation}${suffix}r`,
        `${sign}1 00000 rs2 rs1 ${code} rd 1011011`,
        'rd, rs1, rs2',
        'alu',
        sumScaledBy(operation, scaling),
      ),
    ];
  });

/** All of XpulpV2 that is not packed SIMD. `p.clipr` and `p.clipur` drop bit 31 of rs2, as CORE-V does. */
export const scalarInsns: readonly Insn[] = [
  ...loads('lb', '000'),
  ...loads('lh', '001'),
  ...loads('lw', '010'),
  ...loads('lbu', '100'),
  ...loads('lhu', '101'),
  ...stores('sb', '00'),
  ...stores('sh', '01'),
  ...stores('sw', '10'),
  insn('p.elw', 'imm[11:0] rs1 110 rd 0000011', 'rd, imm(rs1)', 'elw', loadIndexed('lw', 'imm')),
  loop('starti', 'offset[12:1] 00000', '000', 'offset', starti),
  loop('endi', 'offset[12:1] 00000', '001', 'offset', endi),
  loop('count', '000000000000 rs1', '010', 'rs1', count),
  loop('counti', 'count[11:0] 00000', '011', 'count', counti),
  loop('setup', 'offset[12:1] rs1', '100', 'rs1, offset', setup),
  loop('setupi', 'count[11:0] offset[5:1]', '101', 'count, offset', setupi),
  branch('beqimm', '010', 'eq'),
  branch('bneimm', '011', 'ne'),
  single('abs', '0000010', '000', absolute),
  register('slet', '0000010', '010', setLessEqual('ge')),
  register('sletu', '0000010', '011', setLessEqual('geu')),
  register('min', '0000010', '100', two('min')),
  register('minu', '0000010', '101', two('minu')),
  register('max', '0000010', '110', two('max')),
  register('maxu', '0000010', '111', two('maxu')),
  register('ror', '0000100', '101', two('rotr')),
  single('ff1', '0001000', '000', findFirst),
  single('fl1', '0001000', '001', findLast),
  single('clb', '0001000', '010', countLeading),
  single('cnt', '0001000', '011', countSet),
  single('exths', '0001000', '100', extend(16, true)),
  single('exthz', '0001000', '101', extend(16, false)),
  single('extbs', '0001000', '110', extend(8, true)),
  single('extbz', '0001000', '111', extend(8, false)),
  immediate('clip', '0001010', '001', clip(false)),
  immediate('clipu', '0001010', '010', clip(true)),
  register('clipr', '0001010', '101', clipRegister(false)),
  register('clipur', '0001010', '110', clipRegister(true)),
  ...field('extract', '000', (from) => extractField(from, true)),
  ...field('extractu', '001', (from) => extractField(from, false)),
  ...field('insert', '010', insertField),
  ...field('bclr', '011', clearField),
  ...field('bset', '100', setField),
  insn('p.bitrev', '11 000 is3[1:0] is2[4:0] rs1 101 rd 0110011', 'rd, rs1, is3, is2', 'alu', reverseGroups),
  ...products('mul', '00'),
  ...products('mac', '01'),
  register('mac', '0100001', '000', multiplyAccumulate('add'), 'mul'),
  register('msu', '0100001', '001', multiplyAccumulate('sub'), 'mul'),
  ...sums('add', '10'),
  ...sums('sub', '11'),
];
