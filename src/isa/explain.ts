/** What an instruction does as pseudo-code, from its definition: the back end of the vocabulary that people read. */
import type {
  Amo,
  Binary,
  DmaOperation,
  DotSigns,
  Expansion,
  Insn,
  LaneOperation,
  LoopRegister,
  RegisterField,
  Semantics,
  SystemEvent,
  Unary,
} from './insn.ts';
import { registerNames } from './registers.ts';

/** How tightly the outermost operator of a phrase binds; what is loose gets parentheses inside what is tight. */
const LOOSE = { select: 1, compare: 2, bits: 3, sum: 4, product: 5, atom: 6 } as const;
type Level = (typeof LOOSE)[keyof typeof LOOSE];

/** A value in words. */
interface Phrase {
  readonly text: string;
  readonly level: Level;
  /** The outermost operator, if any: chains of one operator need no parentheses. */
  readonly operator?: string;
  readonly value?: number;
  /** Where the phrase is `of << by`. */
  readonly shifted?: { readonly of: Phrase; readonly by: number };
  /** Where the phrase is `of & mask`. */
  readonly masked?: { readonly of: Phrase; readonly mask: number };
}

const atom = (text: string): Phrase => ({ text, level: LOOSE.atom });
const call = (name: string, ...operands: readonly Phrase[]): Phrase =>
  atom(`${name}(${operands.map((p) => p.text).join(', ')})`);

/** The phrase where at least this level is needed. */
const inside = (phrase: Phrase, level: Level): string =>
  phrase.level >= level ? phrase.text : `(${phrase.text})`;

/** Operators; what is not here reads as a function. A `u` marks unsigned operands, `>>>` the logical shift. */
const operators: Partial<Record<Binary, readonly [text: string, level: Level]>> = {
  add: ['+', LOOSE.sum],
  sub: ['-', LOOSE.sum],
  and: ['&', LOOSE.bits],
  or: ['|', LOOSE.bits],
  xor: ['^', LOOSE.bits],
  shl: ['<<', LOOSE.bits],
  shr: ['>>>', LOOSE.bits],
  sar: ['>>', LOOSE.bits],
  eq: ['==', LOOSE.compare],
  ne: ['!=', LOOSE.compare],
  lt: ['<', LOOSE.compare],
  ltu: ['<u', LOOSE.compare],
  ge: ['>=', LOOSE.compare],
  geu: ['>=u', LOOSE.compare],
  mul: ['*', LOOSE.product],
  div: ['/', LOOSE.product],
  divu: ['/u', LOOSE.product],
  rem: ['%', LOOSE.product],
  remu: ['%u', LOOSE.product],
};

/** Loosest operands an operator of a level takes without parentheses: bit operators and shifts take atoms only. */
const operandLevel: Readonly<Record<Level, Level>> = {
  [LOOSE.select]: LOOSE.compare,
  [LOOSE.compare]: LOOSE.bits,
  [LOOSE.bits]: LOOSE.atom,
  [LOOSE.sum]: LOOSE.product,
  [LOOSE.product]: LOOSE.atom,
  [LOOSE.atom]: LOOSE.atom,
};

/** Factors that copy the lane under a mask to all lanes. */
const REPLICATE: ReadonlyMap<number, number> = new Map([
  [0xff, 0x0101_0101],
  [0xffff, 0x0001_0001],
]);

/** Operations in which a second operand of 0 changes nothing. */
const NEUTRAL_ZERO: ReadonlySet<Binary> = new Set(['add', 'sub', 'or', 'xor', 'shl', 'shr', 'sar']);

function combine(operation: Binary, a: Phrase, b: Phrase): Phrase {
  const known = operators[operation];
  if (!known) return call(operation, a, b);
  if (operation === 'xor' && b.value === -1) return atom(`~${inside(a, LOOSE.atom)}`);
  if (operation === 'sub' && a.value === 0) return atom(`-${inside(b, LOOSE.atom)}`);
  if (operation === 'mul' && a.masked && b.value === REPLICATE.get(a.masked.mask)) {
    return atom(`replicate${a.masked.mask === 0xff ? 8 : 16}(${a.masked.of.text})`);
  }
  const { shifted } = a;
  if (shifted && b.value === shifted.by && (operation === 'sar' || operation === 'shr')) {
    const part = `${inside(shifted.of, LOOSE.atom)}[${31 - shifted.by}:0]`;
    return atom(`${operation === 'sar' ? 'sext' : 'zext'}(${part})`);
  }
  const [operator, level] = known;
  const wanted = operandLevel[level];
  const chains = a.operator === operator || (level === LOOSE.sum && a.level === level);
  const left = inside(a, chains ? level : wanted);
  const text = `${left} ${operator} ${inside(b, wanted)}`;
  const phrase: Phrase = { text, level, operator };
  if (b.value !== undefined && operation === 'shl') return { ...phrase, shifted: { of: a, by: b.value } };
  if (b.value !== undefined && operation === 'and') return { ...phrase, masked: { of: a, mask: b.value } };
  return phrase;
}

const amoOperations: Readonly<Record<Amo, Binary | undefined>> = {
  swap: undefined,
  add: 'add',
  xor: 'xor',
  and: 'and',
  or: 'or',
  min: 'min',
  max: 'max',
  minu: 'minu',
  maxu: 'maxu',
};

const systemEvents: Readonly<Record<SystemEvent, string>> = {
  ecall: 'trap(environment call)',
  ebreak: 'trap(breakpoint)',
  mret: 'pc = mepc; mode = mstatus.MPP; mstatus.MIE = mstatus.MPIE; mstatus.MPIE = 1; mstatus.MPP = user',
  wfi: 'sleep until an enabled interrupt is pending',
  fence: 'order the accesses in pred before those in succ',
  'fence.i': 'let instruction fetches see all earlier stores',
};

const dotSigns: Readonly<Record<DotSigns, readonly [string, string]>> = {
  ss: ['signed', 'signed'],
  us: ['unsigned', 'signed'],
  uu: ['unsigned', 'unsigned'],
};

/** Writes statements; operands of a short form read as that form has them. */
class PseudoCode implements Semantics<Phrase> {
  readonly lines: string[] = [];
  readonly #form: Insn | Expansion;
  #names = 0;

  constructor(form: Insn | Expansion) {
    this.#form = form;
  }

  #fixed(name: string): number | undefined {
    return 'fixed' in this.#form ? this.#form.fixed[name] : undefined;
  }
  #has(name: string): boolean {
    return this.#form.pattern.fields.some((field) => field.name === name);
  }
  #register(name: RegisterField): string {
    const fixed = this.#fixed(name);
    if (fixed !== undefined) return registerNames[fixed];
    const updated = name === 'rs1' && /\brd\b/.test(this.#form.syntax) && !/\brs1\b/.test(this.#form.syntax);
    return updated && this.#has('rd') && this.#has('rs1') ? 'rd' : name; // one field feeds both
  }
  #temporary(value: string): Phrase {
    const name = `v${this.#names++}`;
    this.lines.push(`${name} = ${value}`);
    return atom(name);
  }

  x(register: RegisterField): Phrase {
    const name = this.#register(register);
    return name === 'zero' ? this.constant(0) : atom(name);
  }
  setX(register: RegisterField, value: Phrase): void {
    const name = this.#register(register);
    if (name !== 'zero') this.lines.push(`${name} = ${value.text}`);
  }
  field(name: string): Phrase {
    const fixed = this.#fixed(name);
    if (fixed !== undefined) return this.constant(fixed);
    return atom(this.#has(name) || !this.#has('uimm') ? name : 'uimm');
  }
  constant(value: number): Phrase {
    const small = Math.abs(value | 0) < 256;
    const text = small ? String(value | 0) : `0x${(value >>> 0).toString(16)}`;
    return { text, level: LOOSE.atom, value: value | 0 };
  }
  pc(): Phrase {
    return atom('pc');
  }
  nextPc(): Phrase {
    return this.binary('add', this.pc(), this.constant(this.#form.pattern.bytes));
  }
  binary(operation: Binary, a: Phrase, b: Phrase): Phrase {
    if (b.value === 0 && NEUTRAL_ZERO.has(operation)) return a;
    if (a.value === 0 && operation === 'add') return b;
    if (a.value !== undefined && b.value !== undefined) {
      if (operation === 'and') return this.constant(a.value & b.value);
      if (operation === 'shl') return this.constant(a.value << b.value);
    }
    return combine(operation, a, b);
  }
  unary(operation: Unary, a: Phrase): Phrase {
    return call(operation, a);
  }
  lanes(operation: LaneOperation, bits: 8 | 16, a: Phrase, b: Phrase): Phrase {
    if (operation === 'abs') return atom(`lanes${bits}(abs(${a.text}))`);
    if (operation === 'avg' || operation === 'avgu')
      return atom(`lanes${bits}(${call(operation, a, b).text})`);
    return atom(`lanes${bits}(${combine(operation, a, b).text})`);
  }
  dot(bits: 8 | 16, signs: DotSigns, a: Phrase, b: Phrase): Phrase {
    const [first, second] = dotSigns[signs];
    return atom(`dot${bits}(${first} ${a.text}, ${second} ${b.text})`);
  }
  select(condition: Phrase, whenTrue: Phrase, whenFalse: Phrase): Phrase {
    const [c, yes, no] = [condition, whenTrue, whenFalse].map((p) => inside(p, LOOSE.compare));
    return { text: `${c} ? ${yes} : ${no}`, level: LOOSE.select };
  }
  bind(value: Phrase): Phrase {
    return value.value === undefined ? this.#temporary(value.text) : value;
  }
  load(bytes: 1 | 2 | 4, signed: boolean, address: Phrase): Phrase {
    const text = `mem${8 * bytes}[${address.text}]`;
    return atom(bytes === 4 ? text : `${signed ? 'sext' : 'zext'}(${text})`);
  }
  store(bytes: 1 | 2 | 4, address: Phrase, value: Phrase): void {
    const part = bytes === 4 ? value.text : `${inside(value, LOOSE.atom)}[${8 * bytes - 1}:0]`;
    this.lines.push(`mem${8 * bytes}[${address.text}] = ${part}`);
  }
  checkTarget(target: Phrase): void {
    this.lines.push(`require aligned(${target.text})`);
  }
  jump(target: Phrase): void {
    this.lines.push(`pc = ${target.text}`);
  }
  branch(condition: Phrase, target: Phrase): void {
    this.lines.push(`if (${condition.text}) pc = ${target.text}`);
  }
  loadReserved(address: Phrase): Phrase {
    this.lines.push(`reserve(${address.text})`);
    return this.load(4, true, address);
  }
  storeConditional(address: Phrase, value: Phrase): Phrase {
    const held = this.#temporary(`reserved(${address.text})`);
    this.lines.push(`if (${held.text}) mem32[${address.text}] = ${value.text}`, 'reserve(nothing)');
    return atom(`${held.text} ? 0 : 1`);
  }
  amo(operation: Amo, address: Phrase, value: Phrase): Phrase {
    const old = this.#temporary(`mem32[${address.text}]`);
    const binary = amoOperations[operation];
    const result = binary === undefined ? value : this.binary(binary, old, value);
    this.lines.push(`mem32[${address.text}] = ${result.text}`);
    return old;
  }
  csr(operation: 'write' | 'set' | 'clear', value: Phrase): Phrase {
    const old = this.#temporary('csr');
    const given = value.text === 'rs1' ? 'rs1 is not x0' : `${value.text} != 0`;
    this.lines.push(
      {
        write: `csr = ${value.text}`,
        set: `if (${given}) csr = ${old.text} | ${value.text}`,
        clear: `if (${given}) csr = ${old.text} & ~${value.text}`,
      }[operation],
    );
    return old;
  }
  system(event: SystemEvent): void {
    this.lines.push(systemEvents[event]);
  }
  dma(operation: DmaOperation, a: Phrase, b: Phrase): Phrase {
    if (operation === 'copy' || operation === 'fill')
      return this.#temporary(call(`dma.${operation}`, a, b).text);
    if (operation === 'status') return this.#temporary(call('dma.status', a).text);
    const values = operation === 'strides' ? `${a.text}, ${b.text}` : a.text;
    this.lines.push(`dma.${operation} = ${values}`);
    return this.constant(0);
  }
  setLoop(register: LoopRegister, value: Phrase): void {
    this.lines.push(`lp${register}[loop] = ${value.text}`);
  }
}

/** Joins `v0 = something` with a following `rd = v0` that is its only use. */
function withoutDetours(lines: readonly string[]): string[] {
  const result = [...lines];
  for (let i = 0; i + 1 < result.length; i++) {
    const [, name, value] = /^(v\d+) = (.*)$/.exec(result[i]) ?? [];
    if (name === undefined) continue;
    const uses =
      result
        .slice(i + 1)
        .join('\n')
        .match(new RegExp(`\\b${name}\\b`, 'g'))?.length ?? 0;
    const target = /^(\w+) = (v\d+)$/.exec(result[i + 1]);
    if (uses === 1 && target?.[2] === name) result.splice(i, 2, `${target[1]} = ${value}`);
  }
  return result;
}

/**
 * Statements of pseudo-code, none where the form has no effect.
 * @param form the instruction, or a short form of it, whose operands the text then names
 * @param long the instruction that `form` stands for, when it is a short form
 */
export function explain(form: Insn | Expansion, long?: Insn): string[] {
  const insn = 'semantics' in form ? form : long;
  if (!insn) throw new Error(`${form.name}: the instruction it stands for is needed`);
  const text = new PseudoCode(form);
  insn.semantics(text);
  return withoutDetours(text.lines);
}
