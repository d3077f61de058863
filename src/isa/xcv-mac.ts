/** CORE-V multiply and multiply-accumulate. */
import type { Extension, Insn } from './insn.ts';
import { registerForms, shiftForm } from './xpulp-forms.ts';
import { multiplyAccumulate, productScaled } from './xpulp.ts';

/** Products of halves; bit 31 rounds, bit 30 takes the upper halves. */
const halves = (name: 'mul' | 'mac', suffix: string, funct3: string): Insn => {
  const [upper, unsigned, rounding] = [suffix.startsWith('hh'), suffix.includes('u'), suffix.includes('r')];
  return shiftForm(
    `cv.${name}${suffix}`,
    `${rounding ? 1 : 0}${upper ? 1 : 0}`,
    funct3,
    'mul',
    productScaled(upper ? 1 : 0, name === 'mac', { unsigned, rounding }),
  );
};

const all = (name: 'mul' | 'mac', signed: string, unsigned: string): Insn[] => [
  ...['un', 'urn', 'hhun', 'hhurn'].map((suffix) => halves(name, suffix, unsigned)),
  ...['sn', 'srn', 'hhsn', 'hhsrn'].map((suffix) => halves(name, suffix, signed)),
];

const { register } = registerForms({ prefix: 'cv', opcode: '0101011' });

export const xcvmac: Extension = {
  name: 'xcvmac',
  title: 'CORE-V multiply and multiply-accumulate',
  source: 'CV32E40P manual, Multiply-Accumulate Operations',
  expansions: [],
  insns: [
    ...all('mul', '100', '101'),
    ...all('mac', '110', '111'),
    register('mac', '1001000', '011', multiplyAccumulate('add'), 'mul'),
    register('msu', '1001001', '011', multiplyAccumulate('sub'), 'mul'),
  ],
};
