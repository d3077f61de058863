/** CORE-V hardware loops, branches on immediates and the event load. */
import { insn, type Extension, type Insn } from './insn.ts';
import { branchImmediate, loadIndexed, loopMeanings } from './xpulp.ts';

const meanings = loopMeanings({ kept: -4, endBehindLast: 4 });

const loop = (name: keyof typeof meanings, upper: string, funct4: string, syntax: string): Insn =>
  insn(`cv.${name}`, `${upper} 100 ${funct4} loop 0101011`, `loop, ${syntax}`, 'alu', meanings[name]);

export const xcvhwlp: Extension = {
  name: 'xcvhwlp',
  title: 'CORE-V hardware loops',
  source: 'CV32E40P manual, CORE-V Hardware Loop feature',
  expansions: [],
  insns: [
    loop('starti', 'offset[13:2] 00000', '0000', 'offset'),
    loop('start', '000000000000 rs1', '0001', 'rs1'),
    loop('endi', 'offset[13:2] 00000', '0010', 'offset'),
    loop('end', '000000000000 rs1', '0011', 'rs1'),
    loop('counti', 'count[11:0] 00000', '0100', 'count'),
    loop('count', '000000000000 rs1', '0101', 'rs1'),
    loop('setupi', 'count[11:0] offset[6:2]', '0110', 'count, offset'),
    loop('setup', 'offset[13:2] rs1', '0111', 'rs1, offset'),
  ],
};

const branch = (name: string, funct3: string, condition: 'eq' | 'ne'): Insn =>
  insn(
    `cv.${name}`,
    `imm[12|10:5] simm[4:0] rs1 ${funct3} imm[4:1|11] 0001011`,
    'rs1, simm, target',
    'branch',
    branchImmediate(condition),
  );

export const xcvbi: Extension = {
  name: 'xcvbi',
  title: 'CORE-V branches on immediates',
  source: 'CV32E40P manual, Immediate Branching Operations',
  expansions: [],
  insns: [branch('beqimm', '110', 'eq'), branch('bneimm', '111', 'ne')],
};

/** The event unit withholds the answer, and the hart sleeps, until there is an event. */
export const xcvelw: Extension = {
  name: 'xcvelw',
  title: 'CORE-V event load',
  source: 'CV32E40P manual, Event Load Instruction',
  expansions: [],
  insns: [insn('cv.elw', 'imm[11:0] rs1 011 rd 0001011', 'rd, imm(rs1)', 'elw', loadIndexed('lw', 'imm'))],
};
