/** The interpreter: JavaScript source generated from the instruction definitions, one `case` for each. */
import type {
  Amo,
  Binary,
  DmaOperation,
  DotSigns,
  Insn,
  LaneOperation,
  LoopRegister,
  RegisterField,
  Semantics,
  SystemEvent,
  Unary,
} from '../isa/insn.ts';
import type { Isa } from '../isa/isa.ts';
import type { Bus } from '../memory/bus.ts';
import {
  fieldOf,
  FIRST_OPERATION,
  ILLEGAL,
  MARKED,
  placeOf,
  slot,
  UNDECODED,
  type CodeCache,
} from './code-cache.ts';
import { cost } from './core-timing.ts';
import type { Hart } from './hart.ts';
import type { Timing } from './timing.ts';
import { word } from './words.ts';

/** Runs a hart until its budget `left` is used up, it yields, or it throws TRAP or STALL; pc and left are then stored. */
export type Engine = (hart: Hart) => void;

/** How control came to a pc, for a profiled interpreter that starts there; and why it returned. */
export const arrived = {
  /** By falling through, or from outside; on return: the call is over. */
  nowhere: 0,
  byJump: 1,
  byComputedJump: 2,
  /** On return: a translation begins at pc. */
  translated: 3,
  /** On return: control has come to pc often. */
  hot: 4,
} as const;

/** What a profiled interpreter has seen of an address, as bits. */
export const seen = {
  /** A computed jump led there. */
  jumpedTo: 1,
  /** A load there read other things than main memory, or a store went over the bus. */
  wandering: 2,
} as const;

const register: Record<'rd' | 'rs1' | 'rs2', string> = {
  rd: `(w >>> ${slot.rd}) & 31`,
  rs1: `(w >>> ${slot.rs1}) & 31`,
  rs2: `(w >>> ${slot.rs2}) & 31`,
};
const placeOfRegister = { rd: 'rd', rs1: 'rs1', rs2: 'rs2', rs3: 'rd' } as const;

const binary: Record<Binary, (a: string, b: string) => string> = {
  add: (a, b) => `(${a} + ${b} | 0)`,
  sub: (a, b) => `(${a} - ${b} | 0)`,
  and: (a, b) => `(${a} & ${b})`,
  or: (a, b) => `(${a} | ${b})`,
  xor: (a, b) => `(${a} ^ ${b})`,
  shl: (a, b) => `(${a} << ${b})`,
  shr: (a, b) => `(${a} >>> ${b} | 0)`,
  sar: (a, b) => `(${a} >> ${b})`,
  eq: (a, b) => `(${a} === ${b} ? 1 : 0)`,
  ne: (a, b) => `(${a} !== ${b} ? 1 : 0)`,
  lt: (a, b) => `(${a} < ${b} ? 1 : 0)`,
  ltu: (a, b) => `(${a} >>> 0 < ${b} >>> 0 ? 1 : 0)`,
  ge: (a, b) => `(${a} >= ${b} ? 1 : 0)`,
  geu: (a, b) => `(${a} >>> 0 >= ${b} >>> 0 ? 1 : 0)`,
  mul: (a, b) => `Math.imul(${a}, ${b})`,
  mulh: (a, b) => `mulh(${a}, ${b})`,
  mulhsu: (a, b) => `mulhsu(${a}, ${b})`,
  mulhu: (a, b) => `mulhu(${a}, ${b})`,
  div: (a, b) => `div(${a}, ${b})`,
  divu: (a, b) => `divu(${a}, ${b})`,
  rem: (a, b) => `rem(${a}, ${b})`,
  remu: (a, b) => `remu(${a}, ${b})`,
  min: (a, b) => `Math.min(${a}, ${b})`,
  max: (a, b) => `Math.max(${a}, ${b})`,
  minu: (a, b) => `minu(${a}, ${b})`,
  maxu: (a, b) => `maxu(${a}, ${b})`,
  rotr: (a, b) => `rotr(${a}, ${b})`,
  clmul: (a, b) => `clmul(${a}, ${b})`,
  clmulh: (a, b) => `clmulh(${a}, ${b})`,
};

const unary: Record<Unary, (a: string) => string> = {
  clz: (a) => `Math.clz32(${a})`,
  ctz: (a) => `ctz(${a})`,
  popcount: (a) => `popcount(${a})`,
};

/** One lane of a and b, already extended as the operation needs it; comparisons as conditions. */
const laneResult: Record<LaneOperation, { readonly unsigned?: true; readonly text: string }> = {
  add: { text: 'a + b' },
  sub: { text: 'a - b' },
  avg: { text: '(a + b) << PAD >> PAD + 1' },
  avgu: { text: '(a + b) << PAD >>> PAD + 1' },
  min: { text: 'Math.min(a, b)' },
  minu: { unsigned: true, text: 'Math.min(a, b)' },
  max: { text: 'Math.max(a, b)' },
  maxu: { unsigned: true, text: 'Math.max(a, b)' },
  shl: { text: 'a << (b & BITS - 1)' },
  shr: { unsigned: true, text: 'a >>> (b & BITS - 1)' },
  sar: { text: 'a >> (b & BITS - 1)' },
  abs: { text: 'a < 0 ? -a : a' },
  eq: { text: '-(a === b)' },
  ne: { text: '-(a !== b)' },
  lt: { text: '-(a < b)' },
  ltu: { unsigned: true, text: '-(a < b)' },
  ge: { text: '-(a >= b)' },
  geu: { unsigned: true, text: '-(a >= b)' },
};

const lane = (word: string, bits: number, i: number, signed: boolean): string =>
  signed
    ? `(${word} << ${32 - bits * (i + 1)} >> ${32 - bits})`
    : `(${word} >>> ${bits * i} & ${2 ** bits - 1})`;

const lanesOf = (bits: number): number[] => Array.from({ length: 32 / bits }, (_, i) => i);

/** Functions `add8`, `dotss16`, … over whole words, one lane after the other. */
const laneHelpers = ([8, 16] as const).flatMap((bits) => [
  ...Object.entries(laneResult).map(([name, { unsigned = false, text }]) => {
    const filled = text.replaceAll('PAD', String(32 - bits)).replaceAll('BITS', String(bits));
    const parts = lanesOf(bits).map((i) => {
      const value = filled
        .replaceAll(/\ba\b/g, lane('a', bits, i, !unsigned))
        .replaceAll(/\bb\b/g, lane('b', bits, i, !unsigned));
      return `((${value}) & ${2 ** bits - 1}) << ${bits * i}`;
    });
    return `const ${name}${bits} = (a, b) => ${parts.join(' | ')};`;
  }),
  ...(['ss', 'us', 'uu'] as const).map((signs) => {
    const terms = lanesOf(bits).map(
      (i) => `Math.imul(${lane('a', bits, i, signs[0] === 's')}, ${lane('b', bits, i, signs[1] === 's')})`,
    );
    return `const dot${signs}${bits} = (a, b) => ${terms.join(' + ')} | 0;`;
  }),
]);

const SPILL = 'hart.pc = pc; hart.left = left;';

/** Helpers in scope of the generated function. 16-bit halves keep the products of mulhu exact in a double. */
const helpers = `
const mulhu = (a, b) => {
  const al = a & 0xffff, ah = a >>> 16, bl = b & 0xffff, bh = b >>> 16;
  const middle = ah * bl + ((al * bl) >>> 16);
  return (ah * bh + Math.floor(middle / 65536) + Math.floor(((middle & 0xffff) + al * bh) / 65536)) | 0;
};
const mulh = (a, b) => (mulhu(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
const mulhsu = (a, b) => (mulhu(a, b) - (a < 0 ? b : 0)) | 0;
const div = (a, b) => (b === 0 ? -1 : (a / b) | 0);
const divu = (a, b) => (b === 0 ? -1 : ((a >>> 0) / (b >>> 0)) | 0);
const rem = (a, b) => (b === 0 ? a : a % b | 0);
const remu = (a, b) => (b === 0 ? a : (a >>> 0) % (b >>> 0) | 0);
const minu = (a, b) => (a >>> 0 < b >>> 0 ? a : b);
const maxu = (a, b) => (a >>> 0 > b >>> 0 ? a : b);
const rotr = (a, b) => (a >>> (b & 31)) | (a << (-b & 31));
const ctz = (a) => (a === 0 ? 32 : 31 - Math.clz32(a & -a));
const popcount = (a) => {
  const pairs = a - ((a >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
};
const loopNext = (hart, pc, left, following) => {
  ${SPILL}
  return hart.loops.next(pc, following);
};
const clmul = (a, b) => {
  let sum = 0;
  for (let i = 0; i < 32; i++) if ((b >>> i) & 1) sum ^= a << i;
  return sum;
};
const clmulh = (a, b) => {
  let sum = 0;
  for (let i = 1; i < 32; i++) if ((b >>> i) & 1) sum ^= a >>> (32 - i);
  return sum;
};
${laneHelpers.join('\n')}
`;

const amo: Record<Amo, (old: string, value: string) => string> = {
  swap: (_old, value) => value,
  add: binary.add,
  xor: binary.xor,
  and: binary.and,
  or: binary.or,
  min: (old, value) => `Math.min(${old}, ${value})`,
  max: (old, value) => `Math.max(${old}, ${value})`,
  minu: (old, value) => `(${old} >>> 0 < ${value} >>> 0 ? ${old} : ${value})`,
  maxu: (old, value) => `(${old} >>> 0 > ${value} >>> 0 ? ${old} : ${value})`,
};

const views = {
  1: { signed: 'i8', unsigned: 'u8', shift: 0 },
  2: { signed: 'i16', unsigned: 'u16', shift: 1 },
  4: { signed: 'i32', unsigned: 'i32', shift: 2 },
} as const;

const NEXT = `(pc + (w >>> ${slot.bytes} & 7) | 0)`;
/** The address to go on at after an instruction that did not jump: a hardware loop may end with it. */
const AFTER = `(w < 0 ? loopNext(hart, pc, left, ${NEXT}) : ${NEXT})`;
/** Charges what the instruction costs whatever its operands; c is its cost word. */
const CHARGE = `if (c !== 0) { words[${word.stall}] += c & ${cost.stall}; words[${word.counts}] += c >>> ${cost.memory} & ${1 | (1 << (cost.multiplies - cost.memory))}; }`;
const DIVISIONS = new Set<Binary>(['div', 'divu', 'rem', 'remu']);

/** How a case is written. */
interface Style {
  /** For a hart with compressed instructions: every even address can be jumped to. */
  readonly compressed: boolean;
  /** Jumps and accesses are counted for a translator. */
  readonly profiled: boolean;
  /** In cluster timing. */
  readonly timed: boolean;
}

/** Writes the body of one `case`. */
class JavaScript implements Semantics<string> {
  readonly lines: string[] = [];
  readonly #insn: Insn;
  readonly #compressed: boolean;
  readonly #profiled: boolean;
  readonly #timed: boolean;
  #names = 0;
  #yields = false;
  /** The line that ends the slow path of a store: it asks whether to yield, unless the instruction has more to do. */
  #stored: number | undefined;

  constructor(insn: Insn, { compressed, profiled, timed }: Style) {
    this.#insn = insn;
    this.#compressed = compressed;
    this.#profiled = profiled;
    this.#timed = timed;
  }

  get #charge(): string {
    return this.#timed ? CHARGE : '';
  }

  /** Returns where something asks for it. */
  get #yield(): string {
    return `if (hart.yielding) { ${this.#charge} hart.pc = ${AFTER}; hart.left = left - 1; return; }`;
  }

  /** The finished case, ending in the common step to the next instruction. */
  text(): string {
    const last = this.lines.length - 1;
    const lines = this.lines.map((line, i) =>
      i === this.#stored ? `${i === last ? this.#yield : ''} }` : line,
    );
    const leave = this.#yields || (this.#stored !== undefined && this.#stored < last);
    return `${lines.join('\n')}\n${leave ? this.#yield : ''}\nbreak;`;
  }

  x(name: RegisterField): string {
    return `x[${register[placeOfRegister[name]]}]`;
  }
  setX(name: RegisterField, value: string): void {
    const place = placeOfRegister[name];
    const index = place === 'rd' ? `(w >>> ${slot.rd}) & 63` : `(${register[place]}) || 32`;
    this.lines.push(`x[${index}] = ${value};`);
  }
  field(name: string): string {
    const field = fieldOf(this.#insn, name);
    const place = placeOf(field);
    if (place === 'imm') return 'code[i + 1]';
    const [{ width, valueBit }] = field.pieces;
    const bits = field.signed
      ? `(w << ${32 - width - slot[place]} >> ${32 - width})`
      : `(w >>> ${slot[place]} & ${2 ** width - 1})`;
    return valueBit === 0 ? bits : `(${bits} << ${valueBit})`;
  }
  constant(value: number): string {
    return `(${value | 0})`;
  }
  pc(): string {
    return 'pc';
  }
  nextPc(): string {
    return NEXT;
  }
  binary(operation: Binary, a: string, b: string): string {
    if (this.#timed && DIVISIONS.has(operation)) this.lines.push(`hart.divided(${b});`);
    return binary[operation](a, b);
  }
  unary(operation: Unary, a: string): string {
    return unary[operation](a);
  }
  lanes(operation: LaneOperation, bits: 8 | 16, a: string, b: string): string {
    return `${operation}${bits}(${a}, ${b})`;
  }
  dot(bits: 8 | 16, signs: DotSigns, a: string, b: string): string {
    return `dot${signs}${bits}(${a}, ${b})`;
  }
  select(condition: string, whenTrue: string, whenFalse: string): string {
    return `(${test(condition)} ? ${whenTrue} : ${whenFalse})`;
  }
  bind(value: string): string {
    const name = this.#name();
    this.lines.push(`const ${name} = ${value};`);
    return name;
  }
  /** Charges for an aligned access to memory: main memory's stall here, the TCDM's in a call. */
  #accessed(address: string, call: string, dramStall: string): string {
    if (!this.#timed) return '';
    return (
      `if ((${address} - TCDM) >>> 0 < TCDM_BYTES) { hart.left = left; ${call}; } ` +
      `else { const s = ${dramStall}; words[${word.moreCounts}]++; words[${word.dramStall}] += s; words[${word.stall}] += s; }`
    );
  }
  load(bytes: 1 | 2 | 4, signed: boolean, address: string): string {
    const [a, d, v] = [this.bind(address), this.#name(), this.#name()];
    const { shift } = views[bytes];
    const view = views[bytes][signed ? 'signed' : 'unsigned'];
    this.lines.push(
      `const ${d} = loadMap[${a} >>> 12]; let ${v};`,
      `if (${d} !== 0${aligned(bytes, a)}) { ${v} = ${view}[${index(a, d, shift)}]; ${this.#accessed(a, `hart.loaded(${a}, ${bytes}, c)`, `DRAM_LOAD[c >>> ${cost.distance} & ${cost.distanceMask}]`)} }`,
      `else { ${SPILL} ${v} = hart.load(${a}, ${bytes}, ${signed}); left = hart.left; }`,
    );
    if (this.#profiled) this.lines.push(`if (${d} !== MAIN) heat[i + 1] |= ${seen.wandering};`);
    return v;
  }
  store(bytes: 1 | 2 | 4, address: string, value: string): void {
    const [a, d] = [this.bind(address), this.#name()];
    const { signed, shift } = views[bytes];
    this.lines.push(
      `const ${d} = storeMap[${a} >>> 12];`,
      `if (${d} !== 0${aligned(bytes, a)}) { ${signed}[${index(a, d, shift)}] = ${value}; ${this.#accessed(a, `hart.stored(${a}, ${bytes})`, 'DRAM_STORE')} }`,
      `else { ${SPILL} hart.store(${a}, ${bytes}, ${value}); left = hart.left;`,
    );
    if (this.#profiled) this.lines.push(`heat[i + 1] |= ${seen.wandering};`);
    this.#stored = this.lines.push('}') - 1;
  }
  get #jumped(): string {
    return this.#profiled ? `jumped = ${arrived.byJump};` : '';
  }

  jump(target: string): void {
    this.lines.push(this.#charge);
    if (this.#profiled && this.#insn.pattern.fields.some((f) => f.name === 'rs1')) {
      this.lines.push(`const from = pc; pc = ${target}; counts.jumped(from, pc);`);
      this.lines.push(`jumped = ${arrived.byComputedJump}; left--; continue;`);
    } else this.lines.push(`pc = ${target}; ${this.#jumped} left--; continue;`);
  }
  branch(condition: string, target: string): void {
    this.lines.push(`if (${test(condition)}) {`);
    this.checkTarget(target);
    const taken = this.#timed ? `${CHARGE} words[${word.stall}] += TAKEN;` : '';
    this.lines.push(`${taken} pc = ${target}; ${this.#jumped} left--; continue; }`);
  }
  checkTarget(target: string): void {
    if (this.#compressed) return; // every even address will do
    this.lines.push(`if ((${target}) & 2) { ${SPILL} hart.misalignedTarget(${target}); }`);
  }
  loadReserved(address: string): string {
    return this.#host(`hart.loadReserved(${address})`);
  }
  storeConditional(address: string, value: string): string {
    this.#yields = true;
    return this.#host(`hart.storeConditional(${address}, ${value})`);
  }
  amo(operation: Amo, address: string, value: string): string {
    this.#yields = true;
    const a = this.bind(address);
    const old = this.#host(`hart.amoLoad(${a})`);
    const operand = this.bind(value);
    this.lines.push(`hart.amoStore(${a}, ${amo[operation](old, operand)}); left = hart.left;`);
    return old;
  }
  csr(operation: 'write' | 'set' | 'clear', value: string): string {
    this.#yields = true;
    const writes = operation === 'write' ? 'true' : `(${register.rs1}) !== 0`;
    return this.#host(`hart.csr(${this.field('csr')}, '${operation}', ${value}, ${writes})`);
  }
  system(event: SystemEvent): void {
    if (event === 'fence' || event === 'fence.i') return; // memory is ordered and decoded code coherent already
    this.lines.push(`${SPILL} hart.system('${event}'); return;`);
  }
  dma(operation: DmaOperation, a: string, b: string): string {
    return this.#host(`hart.dma('${operation}', ${a}, ${b})`);
  }

  setLoop(name: LoopRegister, value: string): void {
    this.lines.push(`hart.loops.set(${this.field('loop')}, '${name}', ${value}, pc);`);
  }

  /** A call that may read time, trap, or change the budget. */
  #host(call: string): string {
    const name = this.#name();
    this.lines.push(`${SPILL} const ${name} = ${call}; left = hart.left;`);
    return name;
  }
  #name(): string {
    return `t${this.#names++}`;
  }
}

/** A comparison as a plain condition, without the detour over 1 and 0. */
const test = (condition: string): string =>
  /^\(.* \? 1 : 0\)$/.test(condition) ? condition.slice(1, -' ? 1 : 0)'.length) : `${condition} !== 0`;

const aligned = (bytes: number, address: string): string =>
  bytes === 1 ? '' : ` && (${address} & ${bytes - 1}) === 0`;

const index = (address: string, delta: string, shift: number): string =>
  shift === 0 ? `${address} + ${delta} | 0` : `(${address} + ${delta}) >> ${shift}`;

/** JavaScript statements of one instruction, for the engine and for the manual; without C they check where jumps go. */
export function javascriptOf(insn: Insn, style: Partial<Style> = {}): string {
  const body = new JavaScript(insn, { compressed: true, profiled: false, timed: false, ...style });
  insn.semantics(body);
  return body.text();
}

/** Who counts jumps for a translator. A page's even entries count arrivals, negative ones are translations; odd ones hold what was `seen`. */
export interface JumpCounts {
  page(pc: number): Int32Array;
  /** A computed jump at `from` led to `target`. */
  jumped(from: number, target: number): void;
}

/** Arrivals between two offers of an address to the translator. */
export const HOT = 1024;

/** Counts an arrival by jump, and returns where there is a translation or may be one. */
const COUNT = `
    if (jumped !== 0) {
      const h = heat[i];
      if (jumped === ${arrived.byComputedJump}) heat[i + 1] |= ${seen.jumpedTo};
      jumped = 0;
      if (h < 0) { ${SPILL} hart.arrived = ${arrived.translated}; return; }
      heat[i] = h + 1;
      if ((h & ${HOT - 1}) === ${HOT - 1}) { ${SPILL} hart.arrived = ${arrived.hot}; return; }
    }`;

/** The text of a case that reaches beyond the registers and its slot. */
const OUTSIDE = /\b(hart|pc|left)\b/;

interface Cases {
  /** Functions in scope of the interpreter. */
  readonly functions: readonly string[];
  /** The cases of its switch. */
  readonly cases: readonly string[];
}

/**
 * A case for each instruction. V8 optimises no function of more than 60 KiB of bytecode, so what an extension outside
 * the standard has of instructions on registers alone goes into a function of its own, behind one case.
 */
function casesOf(isa: Isa, profiled: boolean, timed: boolean): Cases {
  const functions: string[] = [];
  let operation = FIRST_OPERATION;
  const cases = isa.extensions.flatMap(({ name, insns }) => {
    const apart: string[] = [];
    const numbers: string[] = [];
    const within: string[] = [];
    for (const insn of insns) {
      const label = `case ${operation++}:`;
      const text = javascriptOf(insn, { compressed: isa.has('c'), profiled, timed });
      const whole = `${label} { // ${insn.name}\n${text}\n}`;
      if (name.startsWith('x') && !OUTSIDE.test(text)) {
        apart.push(whole);
        numbers.push(label);
      } else within.push(whole);
    }
    if (apart.length === 0) return within;
    functions.push(
      `const ${name} = (x, w, code, i) => { switch (w & ${slot.operation}) {\n${apart.join('\n')}\n} };`,
    );
    return [...within, `${numbers.join(' ')} ${name}(x, w, code, i); break;`];
  });
  return { functions, cases };
}

/** Looks the line of pc up in the hart's own cache, unless it is that of the instruction before. */
const fetchOf = ({ icache: { lineBits, config } }: Timing): string => `
    if (pc >>> ${lineBits} !== line) {
      line = pc >>> ${lineBits};
      if (words[${word.l0} + (line & ${config.l0Lines - 1})] !== line) icache.fetch(words, line);
    }`;

/** Numbers that cases of cluster timing refer to. */
const constantsOf = ({ branchTaken, dramLoad, dramStore, options: { tcdm } }: Timing): string => `
const TAKEN = ${branchTaken}, DRAM_LOAD = ${JSON.stringify(dramLoad)}, DRAM_STORE = ${dramStore};
const TCDM = ${tcdm.base}, TCDM_BYTES = ${tcdm.bytes};`;

/** What leads from a guest address in main memory to its place in linear memory. */
function mainDelta({ memory }: Bus): number {
  const [main] = memory.ram;
  return main ? (main.offset - main.base) | 0 : 0;
}

/** Generates the interpreter of an instruction set over one bus. */
export function createInterpreter(
  isa: Isa,
  bus: Bus,
  cache: CodeCache,
  counts?: JumpCounts,
  timing?: Timing,
): Engine {
  const profiled = counts !== undefined;
  const timed = timing !== undefined;
  const { functions, cases } = casesOf(isa, profiled, timed);
  const source = `'use strict';
${helpers}
${functions.join('\n')}
const { u8, i8, u16, i16, i32 } = memory;
const MAIN = ${mainDelta(bus)};
${timing ? constantsOf(timing) : ''}
return function interpret(hart) {
  const x = hart.x, loadMap = hart.loadMap, storeMap = hart.storeMap;
  let pc = hart.pc, left = hart.left, base = (pc ^ 4096) & ~4095, code; // a wrong page: the first step looks it up
  ${profiled ? `let heat, jumped = hart.arrived; hart.arrived = ${arrived.nowhere};` : ''}
  ${timed ? 'const words = hart.words; let costs, line = -1;' : ''}
  hart.yielding = false;
  for (;;) {
    if (left <= 0) { ${SPILL} return; }
    const i = pc - base;
    if (i >>> 0 > 4095) {
      base = pc & ~4095;
      code = cache.page(pc);
      if (code === undefined) { ${SPILL} hart.fetchFault(); }
      ${profiled ? 'heat = counts.page(pc);' : ''}
      ${timed ? 'costs = cache.costs(pc);' : ''}
      continue;
    }
    ${profiled ? COUNT : ''}
    ${timing ? fetchOf(timing) : ''}
    const w = code[i]${timed ? ', c = costs[i]' : ''};
    switch (w & ${slot.operation}) {
      case ${UNDECODED}:
        ${SPILL}
        if (!cache.decode(pc)) hart.fetchFault();
        continue;
      case ${MARKED}:
        ${SPILL}
        hart.marked();
        continue;
      case ${ILLEGAL}:
        ${SPILL}
        hart.illegalInstruction(code[i + 1]);
        break;
${cases.join('\n')}
    }
    ${timed ? CHARGE : ''}
    ${profiled ? `const n = ${NEXT}; pc = w < 0 ? loopNext(hart, pc, left, n) : n; if (pc !== n) jumped = ${arrived.byJump};` : `pc = ${AFTER};`}
    left--;
  }
};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- the engine is source text made from our own definitions
  const make = new Function('memory', 'cache', 'counts', 'icache', source) as (
    memory: Bus['memory'],
    cache: CodeCache,
    counts: JumpCounts | undefined,
    icache: Timing['icache'] | undefined,
  ) => Engine;
  return make(bus.memory, cache, counts, timing?.icache);
}
