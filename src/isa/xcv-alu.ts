/** CORE-V general ALU operations. */
import type { Extension, Insn } from './insn.ts';
import { registerForms, shiftForm } from './xpulp-forms.ts';
import { absolute, clip, clipRegister, extend, setLessEqual, sumScaled, sumScaledBy, two } from './xpulp.ts';

const { single, register, immediate } = registerForms({ prefix: 'cv', opcode: '0101011' });

/** The sums and differences with shift: `f2` of the immediate form, `funct7` of the register form. */
const scaled = (operation: 'add' | 'sub', suffix: string, f2: string, funct7: string): Insn[] => {
  const funct3 = operation === 'add' ? '010' : '011';
  const scaling = { unsigned: suffix.startsWith('u'), rounding: suffix.includes('r') };
  return [
    shiftForm(`cv.${operation}${suffix}`, f2, funct3, 'alu', sumScaled(operation, scaling)),
    register(`${operation}${suffix}r`, funct7, '011', sumScaledBy(operation, scaling)),
  ];
};

export const xcvalu: Extension = {
  name: 'xcvalu',
  title: 'CORE-V general ALU operations',
  source: 'CV32E40P manual, General ALU Operations',
  expansions: [],
  insns: [
    single('abs', '0101000', '011', absolute),
    register('sle', '0101001', '011', setLessEqual('ge')),
    register('sleu', '0101010', '011', setLessEqual('geu')),
    register('min', '0101011', '011', two('min')),
    register('minu', '0101100', '011', two('minu')),
    register('max', '0101101', '011', two('max')),
    register('maxu', '0101110', '011', two('maxu')),
    single('exths', '0110000', '011', extend(16, true)),
    single('exthz', '0110001', '011', extend(16, false)),
    single('extbs', '0110010', '011', extend(8, true)),
    single('extbz', '0110011', '011', extend(8, false)),
    immediate('clip', '0111000', '011', clip(false)),
    immediate('clipu', '0111001', '011', clip(true)),
    register('clipr', '0111010', '011', clipRegister(false)),
    register('clipur', '0111011', '011', clipRegister(true)),
    ...scaled('add', 'n', '00', '1000000'),
    ...scaled('add', 'un', '01', '1000001'),
    ...scaled('add', 'rn', '10', '1000010'),
    ...scaled('add', 'urn', '11', '1000011'),
    ...scaled('sub', 'n', '00', '1000100'),
    ...scaled('sub', 'un', '01', '1000101'),
    ...scaled('sub', 'rn', '10', '1000110'),
    ...scaled('sub', 'urn', '11', '1000111'),
  ],
};
