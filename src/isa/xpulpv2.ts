/** XpulpV2: the PULP extensions in the encodings of RI5CY and GAP8, in place of the CORE-V ones. */
import type { Extension, Insn } from './insn.ts';
import { commonCodes, registerForms, vectorInsns } from './xpulp-forms.ts';
import {
  complexProduct,
  conjugate,
  dividedSum,
  extractLane,
  insertLane,
  laneAbsolute,
  pack,
  packBytes,
  rotatedDifference,
  shuffle,
  shuffleBytes,
  shuffleHalves,
  shuffleTwo,
} from './xpulp-simd.ts';
import { scalarInsns } from './xpulpv2-scalar.ts';

const family = { prefix: 'pv', opcode: '1010111' } as const;
const { single, register, divided, lane, selection } = registerForms(family);

const codes = {
  ...commonCodes,
  dotsp: '100110',
  sdotup: '101000',
  sdotusp: '101010',
  sdotsp: '101110',
};

const simdInsns: readonly Insn[] = [
  ...vectorInsns(family, codes, { narrowShifts: false }),
  single('abs.h', '0111000', '000', laneAbsolute(16)),
  single('abs.b', '0111000', '001', laneAbsolute(8)),
  lane('extract.h', '011110', 16, '110', extractLane(16, true)),
  lane('extract.b', '011110', 8, '111', extractLane(8, true)),
  lane('extractu.h', '100100', 16, '110', extractLane(16, false)),
  lane('extractu.b', '100100', 8, '111', extractLane(8, false)),
  lane('insert.h', '101100', 16, '110', insertLane(16)),
  lane('insert.b', '101100', 8, '111', insertLane(8)),
  register('shuffle.h', '1100000', '000', shuffle(16)),
  register('shuffle.b', '1100000', '001', shuffle(8)),
  lane('shuffle.sci.h', '110000', 8, '110', shuffleHalves),
  ...['110000', '111010', '111100', '111110'].map((code, i) =>
    selection(`shufflei${i}.sci.b`, code, shuffleBytes(i)),
  ),
  register('shuffle2.h', '1100100', '000', shuffleTwo(16)),
  register('shuffle2.b', '1100100', '001', shuffleTwo(8)),
  register('pack.h', '1101000', '000', pack(0)),
  register('packh.high', '1101001', '000', pack(1)), // in later RI5CY only; the assembler has no name for it
  register('packhi.b', '1101100', '001', packBytes(1)),
  register('packlo.b', '1110000', '001', packBytes(0)),
  ...divided('cplxmul.h.r', '0101010', (n) => complexProduct('real', n), 'mul'),
  ...divided('cplxmul.h.i', '0101011', (n) => complexProduct('imaginary', n), 'mul'),
  single('cplxconj.h', '0101110', '000', conjugate),
  ...divided('subrotmj.h', '0110110', rotatedDifference),
  ...divided('add.h', '0111010', (n) => dividedSum('add', n)).slice(1), // undivided they are pv.add.h and pv.sub.h
  ...divided('sub.h', '0110010', (n) => dividedSum('sub', n)).slice(1),
];

export const xpulpv2: Extension = {
  name: 'xpulpv2',
  title: 'PULP extensions in their older encodings',
  source: 'RI5CY user manual, PULP ALU, SIMD, loop and memory extensions',
  expansions: [],
  insns: [...scalarInsns, ...simdInsns],
};
