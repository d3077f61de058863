/**
 * C headers from instruction definitions, for compilers that do not know the mnemonics: each instruction as assembler
 * text through `.insn` (GNU assembler manual, "RISC-V Instruction Formats"), and as a C intrinsic made of it.
 */
import { type Effects, effectsOf } from './effects.ts';
import type { Insn } from './insn.ts';
import { insert, type Field, type Pattern, type Piece } from './pattern.ts';

const REGISTERS = new Set(['rd', 'rs1', 'rs2', 'rs3']);
const hex = (value: number): string =>
  `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16).padStart(2, '0')}`;
const identifier = (name: string): string => name.replaceAll('.', '_');
const overlaps = (piece: Piece, low: number, width: number): boolean =>
  piece.wordBit < low + width && low < piece.wordBit + piece.width;

/** Operand names in the assembler's order. */
const operandsOf = (insn: Insn): string[] => insn.syntax.match(/[a-z]\w*/g) ?? [];

/** One instruction of a header; loop instructions appear once for each loop. */
interface Form {
  readonly insn: Insn;
  /** In C: `cv_sdotsp_b`. */
  readonly name: string;
  readonly pattern: Pattern;
  readonly operands: readonly string[];
  readonly effects: Effects;
}

function formsOf(insn: Insn): Form[] {
  const { pattern } = insn;
  const effects = effectsOf(insn);
  const operands = operandsOf(insn);
  const loop = pattern.fields.find((field) => field.name === 'loop');
  if (!loop) return [{ insn, name: identifier(insn.name), pattern, operands, effects }];
  return [0, 1].map((value) => ({
    insn,
    name: `${identifier(insn.name)}_${value}`,
    pattern: {
      ...pattern,
      mask: insert(loop, pattern.mask, -1),
      match: insert(loop, pattern.match, value),
      fields: pattern.fields.filter((field) => field !== loop),
    },
    operands: operands.filter((name) => !/^x?loop$/.test(name)),
    effects,
  }));
}

const bitsOf = ({ match }: Pattern, low: number, width: number): number => (match >>> low) & (2 ** width - 1);

const isRegister = (field: Field): boolean => REGISTERS.has(field.name);

const fieldAt = (pattern: Pattern, low: number, width: number): Field | undefined =>
  pattern.fields.find((field) => field.pieces.some((piece) => overlaps(piece, low, width)));

/** The assembler's name of the register in a five-bit place: an operand, a fixed one, or a number as in `x5`. */
function place(pattern: Pattern, low: number): string {
  const field = fieldAt(pattern, low, 5);
  if (!field) return `x${bitsOf(pattern, low, 5)}`;
  return isRegister(field) ? `{${field.name}}` : `x{${field.name}}`;
}

/** Word bits [low + width - 1 : low] as an expression over the operands that lie there. */
function expression(pattern: Pattern, low: number, width: number, signed = false): string {
  const unsigned = bitsOf(pattern, low, width);
  const base = signed && unsigned >= 2 ** (width - 1) ? unsigned - 2 ** width : unsigned;
  const terms = pattern.fields.flatMap((field) =>
    field.pieces
      .filter((piece) => overlaps(piece, low, width))
      .map(({ wordBit, valueBit, width: bits }) => {
        const down = valueBit === 0 ? `{${field.name}}` : `({${field.name}}>>${valueBit})`;
        const masked = `(${down}&${hex(2 ** bits - 1)})`;
        return wordBit === low ? masked : `(${masked}<<${wordBit - low})`;
      }),
  );
  return base === 0 && terms.length > 0 ? terms.join('+') : [hex(base), ...terms].join('+');
}

/** The operand that is all of the signed 12-bit immediate of the I and S formats. */
const plainImmediate = (pattern: Pattern): Field | undefined =>
  pattern.fields.find((field) => !isRegister(field) && field.signed && field.bits === 12);

/** The instruction in the assembler's words, operands in braces. */
function assemblerText({ insn, pattern, effects }: Form): string {
  const opcode = hex(bitsOf(pattern, 0, 7));
  const funct3 = bitsOf(pattern, 12, 3);
  const [rd, rs1, rs2] = [7, 15, 20].map((low) => place(pattern, low));
  const immediate = plainImmediate(pattern);
  const twelve = fieldAt(pattern, 20, 5);
  if (effects.acts.has('branch')) return `.insn sb ${opcode}, ${funct3}, ${rs1}, ${rs2}, {target}`;
  if (!pattern.fields.some(isRegister)) return `.4byte ${expression(pattern, 0, 32)}`;
  if (twelve && isRegister(twelve)) {
    if (immediate) return `.insn s ${opcode}, ${funct3}, ${rs2}, {${immediate.name}}(${rs1})`;
    return `.insn r ${opcode}, ${funct3}, ${expression(pattern, 25, 7)}, ${rd}, ${rs1}, ${rs2}`;
  }
  if (rd.startsWith('x{')) throw new Error(`${insn.name}: the rd place holds the operand ${rd.slice(1)}`);
  if (immediate) return `.insn i ${opcode}, ${funct3}, ${rd}, ${rs1}, {${immediate.name}}`;
  const value = expression(pattern, 20, 12, true);
  const top = pattern.fields.some((field) => field.pieces.some((piece) => overlaps(piece, 31, 1)));
  const signed = top ? `((${value})^0x800)-0x800` : value; // clang wants -2048..2047
  return `.insn i ${opcode}, ${funct3}, ${rd}, ${rs1}, ${signed}`;
}

/** `.insn r 1, {rd}` as a macro body: `".insn r 1, " rd`. */
const literal = (text: string): string =>
  `"${text.replace(/\{(\w+)\}/g, (_, name: string) => `" ${name} "`)}"`.replace(/ ""$/, '');

/** Smallest and largest value of an operand, and what it must be a multiple of. */
function range(field: Field): { low: number; high: number; step: number } {
  const step = 2 ** Math.min(...field.pieces.map((piece) => piece.valueBit));
  const span = 2 ** field.bits;
  return field.signed ? { low: -span / 2, high: span / 2 - step, step } : { low: 0, high: span - step, step };
}

function assertion(insn: Insn, field: Field): string {
  const { low, high, step } = range(field);
  const { name } = field;
  const multiple = step === 1 ? '' : ` && (int)(${name}) % ${step} == 0`;
  const text = `${insn.mnemonic}: ${name} is ${low}..${high}${step === 1 ? '' : `, a multiple of ${step}`}`;
  return `_Static_assert((int)(${name}) >= ${low} && (int)(${name}) <= ${high}${multiple}, "${text}");`;
}

/** The parameters of the intrinsic: an rd only where it is read, an address before its index or displacement. */
function parametersOf({ insn, operands, effects }: Form): string[] {
  const order = operands.filter((operand) => operand !== 'rd' || effects.reads.has('rd'));
  const [, index] = /(\w+)\(rs1!?\)/.exec(insn.syntax) ?? [];
  return order.flatMap((operand) =>
    operand === index ? ['rs1', operand] : index && operand === 'rs1' ? [] : [operand],
  );
}

/** The intrinsic: an inline function where all operands are values, a macro where one is a constant or is updated. */
function intrinsic(form: Form): string[] {
  const { insn, name, pattern, operands, effects } = form;
  const { reads, writes, acts } = effects;
  if (acts.has('setLoop')) return [];
  const constants = pattern.fields.filter((field) => operands.includes(field.name) && !isRegister(field));
  const parameters = parametersOf(form);
  if (acts.has('branch')) return branch(form, constants);

  const touchesMemory = acts.has('load') || acts.has('store');
  const isMacro = constants.length > 0 || writes.has('rs1');
  const result = isMacro ? 'octet_rd' : 'rd';
  // a macro's parameters would be replaced in the names of asm operands
  const asmName = (operand: string): string => (isMacro ? operand.toUpperCase() : operand);
  const text = `${name.toUpperCase()}(${operands.map((operand) => `"%[${asmName(operand)}]"`).join(', ')})`;
  const value = (operand: string): string => {
    if (operand === 'rs1' && touchesMemory) return isMacro ? '(const void *)(rs1)' : 'rs1';
    return isMacro ? `(int32_t)(${operand})` : operand;
  };
  const outputs = [
    ...(writes.has('rd') ? [`[${asmName('rd')}] "${reads.has('rd') ? '+' : '='}r"(${result})`] : []),
    ...(writes.has('rs1') ? [`[${asmName('rs1')}] "+r"(rs1)`] : []),
  ];
  const inputs = [
    ...operands
      .filter((operand) => REGISTERS.has(operand) && !(writes as ReadonlySet<string>).has(operand))
      .map((operand) => `[${asmName(operand)}] "r"(${value(operand)})`),
    ...constants.map((field) => `[${asmName(field.name)}] "i"(${field.name})`),
  ];
  const parts = [text, outputs.join(', '), inputs.join(', '), ...(acts.size > 0 ? ['"memory"'] : [])];
  const statement = `__asm__${acts.size > 0 ? ' volatile' : ''}(${parts.join(' : ').replace(':  :', ': :')});`;
  if (!isMacro) {
    const pointer = acts.has('store') ? 'void *' : 'const void *';
    const typed = parameters.map((p) => (p === 'rs1' && touchesMemory ? `${pointer}rs1` : `int32_t ${p}`));
    return [
      `static inline ${writes.has('rd') ? 'int32_t' : 'void'} ${name}(${typed.join(', ')}) {`,
      ...(writes.has('rd') && !reads.has('rd') ? ['  int32_t rd;'] : []),
      `  ${statement}`,
      ...(writes.has('rd') ? ['  return rd;'] : []),
      '}',
    ];
  }
  const body = [
    ...constants.map((field) => assertion(insn, field)),
    ...(writes.has('rs1')
      ? [`_Static_assert(sizeof(rs1) == 4, "${insn.mnemonic}: rs1 is a pointer that moves on");`]
      : []),
    ...(writes.has('rd') ? [`int32_t octet_rd${reads.has('rd') ? ' = (rd)' : ''};`] : []),
    statement,
    ...(writes.has('rd') ? ['octet_rd;'] : []),
  ];
  return macro(`${name}(${parameters.join(', ')})`, [
    '__extension__({',
    ...body.map((line) => `  ${line}`),
    '})',
  ]);
}

function branch({ insn, name, operands }: Form, constants: readonly Field[]): string[] {
  const compared = constants.filter((field) => field.name !== 'imm');
  const inputs = [
    '[RS1] "r"((int32_t)(rs1))',
    ...compared.map((field) => `[${field.name.toUpperCase()}] "i"((${field.name}) & 31)`),
  ];
  const text = operands.map((operand) =>
    operand === 'target' ? '"%l[" #label "]"' : `"%[${operand.toUpperCase()}]"`,
  );
  const parameters = operands.map((operand) => (operand === 'target' ? 'label' : operand));
  return macro(`${name}(${parameters.join(', ')})`, [
    'do {',
    ...compared.map((field) => `  ${assertion(insn, field)}`),
    `  __asm__ goto(${name.toUpperCase()}(${text.join(', ')}) : : ${inputs.join(', ')} : : label);`,
    '} while (0)',
  ]);
}

const macro = (head: string, lines: readonly string[]): string[] =>
  [`#define ${head}`, ...lines.map((line) => `  ${line}`)].map((line, i) =>
    i < lines.length ? `${line} \\` : line,
  );

/** The macro and the intrinsic of one instruction. */
function emitForm(form: Form): string[] {
  const { insn, name, operands } = form;
  return [
    `/** ${insn.mnemonic} ${insn.syntax} */`,
    `#define ${name.toUpperCase()}(${operands.join(', ')}) ${literal(assemblerText(form))}`,
    ...intrinsic(form),
  ];
}

/** A part of a header: instructions, or C of its own. */
export interface Section {
  readonly title: string;
  readonly insns: readonly Insn[];
  readonly text?: string;
}

/**
 * The header's text.
 * @param file its name, `octet_xcv.h`
 * @param doc what a user must know, as the text of a comment
 */
export function emitInstructionHeader(file: string, doc: string, sections: readonly Section[]): string {
  const guard = identifier(file.replace(/\.h$/, '_generated_h')).toUpperCase();
  const comment = doc.split('\n').map((line) => ` * ${line}`.trimEnd());
  const blocks = sections.flatMap(({ title, insns, text }) => [
    [`/* ${title} */`],
    ...insns.flatMap((insn) => formsOf(insn).map(emitForm)),
    ...(text === undefined ? [] : [text.trim().split('\n')]),
  ]);
  return [
    ['/**', ...comment, ' */', `#ifndef ${guard}`, `#define ${guard}`],
    ['#include <stdint.h>'],
    ...blocks,
    ['#endif'],
  ]
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}
