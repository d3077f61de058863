/** CORE-V bit manipulation. */
import { insn, type Extension, type Insn } from './insn.ts';
import { registerForms } from './xpulp-forms.ts';
import {
  clearField,
  countLeading,
  countSet,
  extractField,
  type FieldFrom,
  findFirst,
  findLast,
  insertField,
  type Meaning,
  reverseGroups,
  setField,
  two,
} from './xpulp.ts';

const { single, register } = registerForms({ prefix: 'cv', opcode: '0101011' });

/** The forms on a bit field given by immediates and by rs2. */
const field = (
  name: string,
  [f2, funct3]: readonly [string, string],
  funct7: string,
  meaning: (from: FieldFrom) => Meaning,
): Insn[] => [
  insn(
    `cv.${name}`,
    `${f2} is3[4:0] is2[4:0] rs1 ${funct3} rd 1011011`,
    'rd, rs1, is3, is2',
    'alu',
    meaning('immediate'),
  ),
  register(`${name}r`, funct7, '011', meaning('register')),
];

export const xcvbitmanip: Extension = {
  name: 'xcvbitmanip',
  title: 'CORE-V bit manipulation',
  source: 'CV32E40P manual, Bit Manipulation Operations',
  expansions: [],
  insns: [
    ...field('extract', ['00', '000'], '0011000', (from) => extractField(from, true)),
    ...field('extractu', ['01', '000'], '0011001', (from) => extractField(from, false)),
    ...field('insert', ['10', '000'], '0011010', insertField),
    ...field('bclr', ['00', '001'], '0011100', clearField),
    ...field('bset', ['01', '001'], '0011101', setField),
    insn(
      'cv.bitrev',
      '11 000 is3[1:0] is2[4:0] rs1 001 rd 1011011',
      'rd, rs1, is3, is2',
      'alu',
      reverseGroups,
    ),
    register('ror', '0100000', '011', two('rotr')),
    single('ff1', '0100001', '011', findFirst),
    single('fl1', '0100010', '011', findLast),
    single('clb', '0100011', '011', countLeading),
    single('cnt', '0100100', '011', countSet),
  ],
};
