/** The vocabulary in which every instruction is defined once: bits, text, timing class and meaning together. */
import { parsePattern, type Pattern } from './pattern.ts';

/** Operand fields that select a register. */
export type RegisterField = 'rd' | 'rs1' | 'rs2' | 'rs3';

/** Two-operand integer operations on 32-bit values; shifts use the low five bits of the second operand. */
export type Binary =
  | 'add'
  | 'sub'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr'
  | 'sar'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'ltu'
  | 'ge'
  | 'geu'
  | 'mul'
  | 'mulh'
  | 'mulhsu'
  | 'mulhu'
  | 'div'
  | 'divu'
  | 'rem'
  | 'remu'
  | 'min'
  | 'max'
  | 'minu'
  | 'maxu'
  | 'rotr'
  | 'clmul'
  | 'clmulh';

/** One-operand operations: leading and trailing zeros (32 for zero), set bits. */
export type Unary = 'clz' | 'ctz' | 'popcount';

/**
 * Operations on each 8- or 16-bit lane of a word, results cut to the lane. `avg` shifts the wrapped sum right by one;
 * shifts use the low 3 or 4 bits of the lane of b; comparisons give all ones or zero; `abs` ignores b.
 */
export type LaneOperation =
  | 'add'
  | 'sub'
  | 'avg'
  | 'avgu'
  | 'min'
  | 'minu'
  | 'max'
  | 'maxu'
  | 'shl'
  | 'shr'
  | 'sar'
  | 'abs'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'ltu'
  | 'ge'
  | 'geu';

/** Signedness of the two operands of a dot product. */
export type DotSigns = 'ss' | 'us' | 'uu';

/** Registers of a hardware loop. `last` is the address of the last instruction of the body. */
export type LoopRegister = 'start' | 'last' | 'count';

export type Amo = 'swap' | 'add' | 'xor' | 'and' | 'or' | 'min' | 'max' | 'minu' | 'maxu';

/** Events outside the register file and memory; the instruction ends with them. */
export type SystemEvent = 'ecall' | 'ebreak' | 'mret' | 'wfi' | 'fence' | 'fence.i';

/**
 * Operations of a hart's DMA front end on operands a and b. `source`, `destination`: address a (b, its upper half, is
 * ignored). `strides`: a of the source, b of the destination, bytes from row to row. `rows`: a of 2D transfers. `user`: has no effect.
 * `copy`: queues a copy of a bytes per row; bit 1 of b makes it 2D. `fill`: queues the setting of a bytes to 0 or 255
 * for bits 1:0 of b = 0 or 1, otherwise to the low byte of the source address. `status`: bits 1:0 of a select the id of
 * the last finished transfer, the id of the next one, whether one is unfinished, whether the queue is full.
 */
export type DmaOperation =
  'source' | 'destination' | 'strides' | 'rows' | 'user' | 'copy' | 'fill' | 'status';

/**
 * What a definition may say. `V` is a 32-bit value in the making: a JavaScript expression for the interpreter, a
 * list of opcodes for a translator. Division and remainder follow the M extension (by zero: −1 and the dividend;
 * overflow: the dividend and 0). Operands are evaluated where they are used; `bind` evaluates at once.
 */
export interface Semantics<V> {
  x(register: RegisterField): V;
  setX(register: RegisterField, value: V): void;
  /** The value of an operand field that is not a register: `imm`, `shamt`, `uimm`. */
  field(name: string): V;
  constant(value: number): V;
  pc(): V;
  /** Address of the following instruction: pc + 2 or pc + 4. */
  nextPc(): V;
  binary(operation: Binary, a: V, b: V): V;
  unary(operation: Unary, a: V): V;
  /** `operation` on each lane of `bits` bits. */
  lanes(operation: LaneOperation, bits: 8 | 16, a: V, b: V): V;
  /** Sum of the products of all lanes, modulo 2^32. */
  dot(bits: 8 | 16, signs: DotSigns, a: V, b: V): V;
  select(condition: V, whenTrue: V, whenFalse: V): V;
  /** Evaluates `value` now and names it, so that later writes cannot change it. */
  bind(value: V): V;
  load(bytes: 1 | 2 | 4, signed: boolean, address: V): V;
  store(bytes: 1 | 2 | 4, address: V, value: V): void;
  /** Traps where a jump to `target` would not be aligned (to 4 bytes without C); goes before the link is written. */
  checkTarget(target: V): void;
  /** Continues at `target`, which `checkTarget` has seen, instead of the following instruction. */
  jump(target: V): void;
  /** Jumps to `target`, after a check of its own, when the condition is not 0. */
  branch(condition: V, target: V): void;
  loadReserved(address: V): V;
  /** 0 when stored, 1 when the reservation was lost. */
  storeConditional(address: V, value: V): V;
  /** The old memory word; the new one is operation(old, value). */
  amo(operation: Amo, address: V, value: V): V;
  /** Reads the CSR in field `csr` and writes, sets or clears bits of it; set and clear with field `rs1` = 0 do not write. */
  csr(operation: 'write' | 'set' | 'clear', value: V): V;
  system(event: SystemEvent): void;
  /**
   * Performs a DMA operation at once. The value is the transfer's id for `copy` and `fill`, the status for `status`, 0
   * otherwise. With a full queue `copy` and `fill` stall the hart, and the instruction is repeated from its beginning.
   */
  dma(operation: DmaOperation, a: V, b: V): V;
  /** Sets a register of the hardware loop (0 or 1) in field `loop`; takes effect from the following instruction on. */
  setLoop(register: LoopRegister, value: V): void;
}

/** Latency classes; the timing model gives each its cycles per core. */
export type TimingClass =
  'alu' | 'mul' | 'mulh' | 'div' | 'load' | 'elw' | 'store' | 'amo' | 'branch' | 'jump' | 'csr' | 'system';

/** An instruction with a meaning of its own. */
export interface Insn {
  /** Unique: the mnemonic, with the way of addressing appended where several forms share one (`cv.lw.rr.post`). */
  readonly name: string;
  /** What the assembler calls it. */
  readonly mnemonic: string;
  readonly pattern: Pattern;
  /** Operand order and punctuation of the assembler: `rd, imm(rs1)`. */
  readonly syntax: string;
  readonly timing: TimingClass;
  /** The meaning, said in the vocabulary of one back end. */
  readonly semantics: <V>(e: Semantics<V>) => void;
}

/** A short form that means exactly a long one with some operands fixed. */
export interface Expansion {
  readonly name: string;
  readonly mnemonic: string;
  readonly pattern: Pattern;
  readonly syntax: string;
  /** Name of the instruction it stands for. */
  readonly long: string;
  /** Operands of the long form that the short encoding does not carry. */
  readonly fixed: Readonly<Record<string, number>>;
}

/** A set of instructions that the ISA string selects by one name. */
export interface Extension {
  readonly name: string;
  readonly title: string;
  /** The document the definitions follow. */
  readonly source: string;
  readonly insns: readonly Insn[];
  readonly expansions: readonly Expansion[];
}

/** Defines one instruction. Its pattern is parsed when it is asked for: no hart has all instructions. */
export function insn(
  name: string,
  pattern: string,
  syntax: string,
  timing: TimingClass,
  semantics: <V>(e: Semantics<V>) => void,
  mnemonic = name,
): Insn {
  let parsed: Pattern | undefined;
  return {
    name,
    mnemonic,
    get pattern() {
      return (parsed ??= parsePattern(pattern));
    },
    syntax,
    timing,
    semantics,
  };
}

/** Defines a compressed form by the instruction it expands to; operands of equal name carry over. */
export function expansion(
  name: string,
  pattern: string,
  syntax: string,
  long: string,
  fixed: Readonly<Record<string, number>> = {},
): Expansion {
  return { name, mnemonic: name, pattern: parsePattern(pattern), syntax, long, fixed };
}
