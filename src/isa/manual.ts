/** The instruction manual, made from the definitions: a page for each instruction, a list for each extension. */
import { drawEncoding } from './encoding-picture.ts';
import { explain } from './explain.ts';
import type { Expansion, Extension, Insn, TimingClass } from './insn.ts';
import type { Field } from './pattern.ts';
import { registerNames } from './registers.ts';

/** A form with what one must know besides to print it. */
export interface Entry {
  readonly form: Insn | Expansion;
  readonly extension: Extension;
  /** The instruction that a short form stands for. */
  readonly long: Insn | undefined;
}

const timings: Readonly<Record<TimingClass, string>> = {
  alu: 'arithmetic and logic',
  mul: 'multiplication, low word',
  mulh: 'multiplication, high word',
  div: 'division',
  load: 'memory read',
  elw: 'event load',
  store: 'memory write',
  amo: 'atomic memory operation',
  branch: 'conditional branch',
  jump: 'unconditional jump',
  csr: 'control and status register',
  system: 'trap, fence or sleep',
};

/** How to read the pseudo-code. */
export const LEGEND = `Registers are 32 bits wide and signed unless said otherwise; results are cut to 32 bits.

    + - * / %  & | ^ ~         as in C; / and % by zero give -1 and the dividend
    << >> >>>                  shift left, right with the sign, right with zeros; the low five bits count
    == != < >=                 1 or 0; <u, >=u, /u, %u, minu, maxu take the operands as unsigned
    x[15:0], sext, zext        some bits of x, extended with their sign or with zeros
    mem8[a] mem16[a] mem32[a]  memory at byte address a, little-endian
    mulh mulhu mulhsu          upper word of the product: signed, unsigned, signed times unsigned
    clz ctz popcount rotr      leading zeros, trailing zeros (32 for 0), set bits, rotation right
    clmul clmulh               lower and upper word of the carry-less product
    lanes8(...) lanes16(...)   computed on each byte or halfword; shifts use the low 3 or 4 bits of each lane,
                               comparisons give all ones or 0, avg and avgu halve the wrapped sum
    replicate8 replicate16     the lowest byte or halfword in all lanes
    dot8(a, b) dot16(a, b)     sum of the products of the lanes, each signed or unsigned as it says
    reserve, reserved          sets the hart's reservation of an address; whether it holds
    require aligned(a)         instruction-address-misaligned exception, without C, where a is no multiple of 4
    v0, v1                     values at that point; an exception changes nothing
    lpstart lplast lpcount     first and last instruction of a hardware loop, and passes still to go
    target, upper              in the syntax: pc + imm; the upper 20 bits of imm`;

const formsOf = (extension: Extension): (Insn | Expansion)[] => [...extension.insns, ...extension.expansions];

/** Every form of the extensions, in their order. */
export function entriesOf(extensions: readonly Extension[]): Entry[] {
  const long = new Map(extensions.flatMap((x) => x.insns).map((insn) => [insn.name, insn]));
  return extensions.flatMap((extension) =>
    formsOf(extension).map((form) => ({
      form,
      extension,
      long: 'long' in form ? long.get(form.long) : undefined,
    })),
  );
}

const heading = ({ mnemonic, syntax }: Insn | Expansion): string => `${mnemonic} ${syntax}`.trim();

/** `imm: -2048 to 2047`, with step and exclusions, for an operand that is no register. */
function rangeOf(field: Field): string {
  const step = 2 ** Math.min(...field.pieces.map((p) => p.valueBit));
  const span = 2 ** field.bits;
  const [low, high] = field.signed ? [-span / 2, span / 2 - step] : [0, span - step];
  const multiples = step === 1 ? '' : `, multiples of ${step}`;
  return `${field.name}: ${low} to ${high}${multiples}`;
}

/** Fields that the syntax names otherwise, or as a suffix of the mnemonic. */
const spelled: Readonly<Record<string, RegExp>> = { imm: /target|upper/, loop: /xloop/, aq: /^/, rl: /^/ };

/** What an operand may be, where that is not any register. */
function operandsOf(form: Insn | Expansion): string[] {
  const named = (name: string): boolean =>
    new RegExp(`\\b${name}\\b`).test(form.syntax) || (spelled[name]?.test(form.syntax) ?? false);
  return form.pattern.fields.flatMap((field) => {
    const isRegister = /^r(d|s\d)$/.test(field.name);
    if (!named(field.name) && 'semantics' in form) return [`${field.name}: ignored`];
    const except = field.excluded.length > 0 ? [`except ${field.excluded.join(', ')}`] : [];
    if (!isRegister) return [[rangeOf(field), ...except].join(', ')];
    const few = field.bits === 3 ? ['x8 to x15'] : [];
    const registers = [...few, ...except.map((text) => text.replace(/(\d+)/g, 'x$1'))];
    return registers.length > 0 ? [`${field.name}: ${registers.join(', ')}`] : [];
  });
}

/** The long form of a short one: `addi with rs1 = sp`. */
function meaningOf(form: Expansion): string {
  const fixed = Object.entries(form.fixed).map(([name, value]) =>
    name === 'imm' ? `${name} = ${value}` : `${name} = ${registerNames[value]}`,
  );
  return `${form.long}${fixed.length > 0 ? ` with ${fixed.join(', ')}` : ''}`;
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`.trimEnd());

const statements = ({ form, long }: Entry): string[] => {
  const lines = explain(form, long);
  return lines.length > 0 ? lines : ['no effect'];
};

/** The page of one instruction. `short` are the forms that expand to it. */
export function instructionPage(entry: Entry, short: readonly Entry[]): string {
  const { form, extension, long } = entry;
  const timing = ('timing' in form ? form : long)?.timing;
  const operands = operandsOf(form);
  const facts: [string, string][] = [
    ...('long' in form ? [['expands to', meaningOf(form)] as [string, string]] : []),
    ...operands.map((text, i): [string, string] => [i === 0 ? 'operands' : '', text]),
    ['extension', `${extension.name}: ${extension.title}`],
    ['timing', timing === undefined ? '' : `${timing}: ${timings[timing]}`],
    ...(short.length > 0
      ? [['short forms', short.map((s) => s.form.mnemonic).join(', ')] as [string, string]]
      : []),
    ['source', extension.source],
  ];
  return [
    heading(form),
    '',
    ...indented(drawEncoding(form.pattern)),
    '',
    ...indented(statements(entry)),
    '',
    ...facts.map(([name, text]) => `${name.padEnd(12)}${text}`),
    '',
  ].join('\n');
}

/** The page of an extension: each instruction on a line with its bits. */
export function extensionPage(extension: Extension): string {
  const forms = formsOf(extension);
  const width = Math.max(0, ...forms.map((form) => heading(form).length));
  return [
    `${extension.name}: ${extension.title}`,
    `source: ${extension.source}`,
    '',
    ...(forms.length === 0 ? ['adds no instructions'] : []),
    ...forms.map((form) => `${heading(form).padEnd(width)}  ${form.pattern.text}`),
    '',
  ].join('\n');
}

/** One row per extension: name, title, number of instructions and of short forms. */
export const extensionRows = (extensions: readonly Extension[]): string[][] =>
  extensions.map((x) => [x.name, x.title, String(x.insns.length), String(x.expansions.length)]);

/** `3 instructions`, `1 instruction`, nothing for none. */
const counted = ({ length }: readonly unknown[], noun: string): string =>
  length === 0 ? '' : `${length} ${noun}${length === 1 ? '' : 's'}`;

/** The whole manual as Markdown. */
export function emitManual(extensions: readonly Extension[]): string {
  const entries = entriesOf(extensions);
  const chapters = extensions.map((extension) => {
    const own = entries.filter((entry) => entry.extension === extension);
    const blocks = own.map((entry) =>
      [
        `${heading(entry.form).padEnd(34)}  ${entry.form.pattern.text}`.trimEnd(),
        ...indented(statements(entry)),
      ].join('\n'),
    );
    const body = own.length === 0 ? [] : ['', '```text', blocks.join('\n\n'), '```'];
    return [`## ${extension.name}: ${extension.title}`, '', `Source: ${extension.source}.`, ...body].join(
      '\n',
    );
  });
  const list = extensions.map(({ name, title, insns, expansions }) => {
    const counts = [counted(insns, 'instruction'), counted(expansions, 'short form')].filter(Boolean);
    return `- \`${name}\`: ${title}${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`;
  });
  return [
    '# Instructions',
    '',
    '<!-- Generated by `npm run docs` from the definitions in src/isa; do not edit. -->',
    '',
    'Each instruction with its bits, most significant first, and what it does. `octet isa <mnemonic>` prints the page',
    'of one, with the encoding drawn, the ranges of its operands and its timing class.',
    '',
    ...list,
    '',
    '## How to read the statements',
    '',
    LEGEND,
    '',
    chapters.join('\n\n'),
    '',
  ].join('\n');
}
