/** How the Xpulp families write their instructions: the shapes of encodings that both have, for tables of rows. */
import { insn, type Insn, type Semantics, type TimingClass } from './insn.ts';
import type { Formula, Meaning } from './xpulp.ts';
import { toRd } from './xpulp.ts';
import { type Bits, operations, type VectorName } from './xpulp-simd.ts';

/** One mnemonic for several ways of addressing; the name tells them apart. */
export const addressed = (
  mnemonic: string,
  timing: TimingClass,
  ...ways: readonly (readonly [way: string, pattern: string, syntax: string, meaning: Meaning])[]
): Insn[] =>
  ways.map(([way, pattern, syntax, meaning]) =>
    insn(`${mnemonic}.${way}`, pattern, syntax, timing, meaning, mnemonic),
  );

/** The first part of a family's names, and a major opcode of its. */
export interface Family {
  readonly prefix: 'cv' | 'p' | 'pv';
  readonly opcode: string;
}

/** Instructions on registers in one major opcode. */
export function registerForms({ prefix, opcode }: Family) {
  const register = (
    name: string,
    funct7: string,
    funct3: string,
    meaning: Meaning,
    timing: TimingClass = 'alu',
  ): Insn =>
    insn(`${prefix}.${name}`, `${funct7} rs2 rs1 ${funct3} rd ${opcode}`, 'rd, rs1, rs2', timing, meaning);
  return {
    register,
    /** One operand: the field of rs2 is 0. */
    single: (name: string, funct7: string, funct3: string, meaning: Meaning): Insn =>
      insn(`${prefix}.${name}`, `${funct7} 00000 rs1 ${funct3} rd ${opcode}`, 'rd, rs1', 'alu', meaning),
    /** A five-bit immediate in the field of rs2. */
    immediate: (name: string, funct7: string, funct3: string, meaning: Meaning): Insn =>
      insn(
        `${prefix}.${name}`,
        `${funct7} is2[4:0] rs1 ${funct3} rd ${opcode}`,
        'rd, rs1, is2',
        'alu',
        meaning,
      ),
    /** The forms that divide by 1, 2, 4 and 8: the exponent is in the upper bits of funct3. */
    divided: (
      name: string,
      funct7: string,
      meaning: (divide: number) => Meaning,
      timing?: TimingClass,
    ): Insn[] =>
      ['', '.div2', '.div4', '.div8'].map((suffix, i) =>
        register(`${name}${suffix}`, funct7, `${i.toString(2).padStart(2, '0')}0`, meaning(i), timing),
      ),
    /** A half (`bits` 16) or byte selected by an immediate. */
    lane: (name: string, funct6: string, bits: Bits, funct3: string, meaning: Meaning): Insn =>
      insn(
        `${prefix}.${name}`,
        `${funct6} zimm[0] ${bits === 16 ? '00000' : '0000 zimm[1]'} rs1 ${funct3} rd ${opcode}`,
        'rd, rs1, zimm',
        'alu',
        meaning,
      ),
    /** A six-bit immediate that selects bytes. */
    selection: (name: string, funct6: string, meaning: Meaning): Insn =>
      insn(
        `${prefix}.${name}`,
        `${funct6} zimm[0|5:1] rs1 111 rd ${opcode}`,
        'rd, rs1, zimm',
        'alu',
        meaning,
      ),
  };
}

/** Two registers and a shift in major opcode 0x5b, which both families use for it; `f2` is bits 31:30. */
export const shiftForm = (
  name: string,
  f2: string,
  funct3: string,
  timing: TimingClass,
  meaning: Meaning,
): Insn => insn(name, `${f2} is3[4:0] rs2 rs1 ${funct3} rd 1011011`, 'rd, rs1, rs2, is3', timing, meaning);

/** Bits 31:26 of the operations on which both families agree. */
export const commonCodes = {
  add: '000000',
  sub: '000010',
  avg: '000100',
  avgu: '000110',
  min: '001000',
  minu: '001010',
  max: '001100',
  maxu: '001110',
  srl: '010000',
  sra: '010010',
  sll: '010100',
  or: '010110',
  xor: '011000',
  and: '011010',
  dotup: '100000',
  dotusp: '100010',
  cmpeq: '000001',
  cmpne: '000011',
  cmpgt: '000101',
  cmpge: '000111',
  cmplt: '001001',
  cmple: '001011',
  cmpgtu: '001101',
  cmpgeu: '001111',
  cmpltu: '010001',
  cmpleu: '010011',
} satisfies Partial<Record<VectorName, string>>;

const constantShift = new Set<VectorName>(['srl', 'sra', 'sll']);

/** The low lane of `value` in every lane. */
const replicate = <V>(e: Semantics<V>, bits: Bits, value: V): V =>
  e.binary(
    'mul',
    e.binary('and', value, e.constant(2 ** bits - 1)),
    e.constant(bits === 16 ? 0x1_0001 : 0x0101_0101),
  );

/**
 * The six forms of each operation, whose bits 31:26 are given. Immediates are six bits, the lowest in bit 25; with
 * `narrowShifts` a shift amount has just the bits it needs.
 */
export function vectorInsns(
  { prefix, opcode }: Family,
  codes: Readonly<Record<VectorName, string>>,
  { narrowShifts }: { readonly narrowShifts: boolean },
): Insn[] {
  return (Object.keys(codes) as VectorName[]).flatMap((name) => {
    const { formula, timing, zeroExtended } = operations[name];
    return ([16, 8] as const).flatMap((bits) => {
      const [letter, size] = bits === 16 ? ['h', '0'] : ['b', '1'];
      const make = (form: string, fields: string, funct3: string, syntax: string, b: Formula): Insn =>
        insn(
          `${prefix}.${name}${form}.${letter}`,
          `${codes[name]} ${fields} rs1 ${funct3}${size} rd ${opcode}`,
          `rd, rs1, ${syntax}`,
          timing,
          toRd((e) => formula(e, bits, b(e))),
        );
      const field = zeroExtended ? 'zimm' : 'imm';
      const narrow = narrowShifts && constantShift.has(name);
      const high = narrow ? (bits === 16 ? `00 ${field}[3:1]` : `000 ${field}[2:1]`) : `${field}[5:1]`;
      return [
        make('', '0 rs2', '00', 'rs2', (e) => e.x('rs2')),
        make('.sc', '0 rs2', '10', 'rs2', (e) => replicate(e, bits, e.x('rs2'))),
        make('.sci', `${field}[0] ${high}`, '11', field, (e) => replicate(e, bits, e.field(field))),
      ];
    });
  });
}
