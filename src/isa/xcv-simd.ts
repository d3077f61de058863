/** CORE-V packed SIMD on halfwords and bytes. */
import type { Extension } from './insn.ts';
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

const family = { prefix: 'cv', opcode: '1111011' } as const;
const { single, register, divided, lane, selection } = registerForms(family);

const codes = {
  ...commonCodes,
  dotsp: '100100',
  sdotup: '100110',
  sdotusp: '101000',
  sdotsp: '101010',
};

export const xcvsimd: Extension = {
  name: 'xcvsimd',
  title: 'CORE-V packed SIMD',
  source: 'CV32E40P manual, SIMD',
  expansions: [],
  insns: [
    ...vectorInsns(family, codes, { narrowShifts: true }),
    single('abs.h', '0111000', '000', laneAbsolute(16)),
    single('abs.b', '0111000', '001', laneAbsolute(8)),
    lane('extract.h', '101110', 16, '000', extractLane(16, true)),
    lane('extract.b', '101110', 8, '001', extractLane(8, true)),
    lane('extractu.h', '101110', 16, '010', extractLane(16, false)),
    lane('extractu.b', '101110', 8, '011', extractLane(8, false)),
    lane('insert.h', '101110', 16, '100', insertLane(16)),
    lane('insert.b', '101110', 8, '101', insertLane(8)),
    register('shuffle.h', '1100000', '000', shuffle(16)),
    register('shuffle.b', '1100000', '001', shuffle(8)),
    lane('shuffle.sci.h', '110000', 8, '110', shuffleHalves),
    ...['110000', '110010', '110100', '110110'].map((code, i) =>
      selection(`shufflei${i}.sci.b`, code, shuffleBytes(i)),
    ),
    register('shuffle2.h', '1110000', '000', shuffleTwo(16)),
    register('shuffle2.b', '1110000', '001', shuffleTwo(8)),
    register('pack', '1111000', '000', pack(0)),
    register('pack.h', '1111001', '000', pack(1)),
    register('packhi.b', '1111101', '001', packBytes(1)),
    register('packlo.b', '1111100', '001', packBytes(0)),
    ...divided('cplxmul.r', '0101010', (n) => complexProduct('real', n), 'mul'),
    ...divided('cplxmul.i', '0101011', (n) => complexProduct('imaginary', n), 'mul'),
    single('cplxconj', '0101110', '000', conjugate),
    ...divided('subrotmj', '0110010', rotatedDifference),
    ...divided('add', '0110110', (n) => dividedSum('add', n)).slice(1), // undivided they are cv.add.h and cv.sub.h
    ...divided('sub', '0111010', (n) => dividedSum('sub', n)).slice(1),
  ],
};
