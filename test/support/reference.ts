/**
 * A third back end of the vocabulary, for tests: evaluates definitions directly over unbounded integers, written from
 * the words' documentation and the manuals, sharing nothing with the engines but the definitions and the decoder.
 * A value is a bigint from 0 to 2^32 − 1.
 */
import type { Decoded, Decoder } from '../../src/isa/decode.ts';
import type {
  Amo,
  Binary,
  DotSigns,
  LaneOperation,
  LoopRegister,
  RegisterField,
  Semantics,
  SystemEvent,
  Unary,
} from '../../src/isa/insn.ts';

const u = (value: bigint, bits = 32): bigint => BigInt.asUintN(bits, value);
const s = (value: bigint, bits = 32): bigint => BigInt.asIntN(bits, value);
const flag = (condition: boolean): bigint => (condition ? 1n : 0n);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const bitsOf = (value: bigint, bits = 32): string => u(value, bits).toString(2).padStart(bits, '0');

/** Product of polynomials over the field of two elements. */
const carryless = (a: bigint, b: bigint): bigint => {
  let sum = 0n;
  for (let i = 0n; i < 32n; i++) if ((b >> i) & 1n) sum ^= a << i;
  return sum;
};

/** Results before they are cut to 32 bits. */
const BINARY: Record<Binary, (a: bigint, b: bigint) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << (b % 32n),
  shr: (a, b) => a >> (b % 32n),
  sar: (a, b) => s(a) >> (b % 32n),
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  lt: (a, b) => flag(s(a) < s(b)),
  ltu: (a, b) => flag(a < b),
  ge: (a, b) => flag(s(a) >= s(b)),
  geu: (a, b) => flag(a >= b),
  mul: (a, b) => a * b,
  mulh: (a, b) => (s(a) * s(b)) >> 32n,
  mulhsu: (a, b) => (s(a) * b) >> 32n,
  mulhu: (a, b) => (a * b) >> 32n,
  div: (a, b) => (b === 0n ? -1n : s(a) / s(b)),
  divu: (a, b) => (b === 0n ? -1n : a / b),
  rem: (a, b) => (b === 0n ? a : s(a) % s(b)),
  remu: (a, b) => (b === 0n ? a : a % b),
  min: (a, b) => least(s(a), s(b)),
  max: (a, b) => most(s(a), s(b)),
  minu: least,
  maxu: most,
  rotr: (a, b) => ((a << 32n) | a) >> (b % 32n),
  clmul: carryless,
  clmulh: (a, b) => carryless(a, b) >> 32n,
};

const UNARY: Record<Unary, (a: bigint) => number> = {
  clz: (a) => /^0*/.exec(bitsOf(a))![0].length,
  ctz: (a) => /0*$/.exec(bitsOf(a))![0].length,
  popcount: (a) => bitsOf(a).replaceAll('0', '').length,
};

/** One lane of `n` bits, operands from 0 to 2^n − 1, results before they are cut. */
const LANE: Record<LaneOperation, (a: bigint, b: bigint, n: number) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  avg: (a, b, n) => s(a + b, n) >> 1n,
  avgu: (a, b, n) => u(a + b, n) >> 1n,
  min: (a, b, n) => least(s(a, n), s(b, n)),
  minu: least,
  max: (a, b, n) => most(s(a, n), s(b, n)),
  maxu: most,
  shl: (a, b, n) => a << (b % BigInt(n)),
  shr: (a, b, n) => a >> (b % BigInt(n)),
  sar: (a, b, n) => s(a, n) >> (b % BigInt(n)),
  abs: (a, _b, n) => (s(a, n) < 0n ? -s(a, n) : a),
  eq: (a, b) => -flag(a === b),
  ne: (a, b) => -flag(a !== b),
  lt: (a, b, n) => -flag(s(a, n) < s(b, n)),
  ltu: (a, b) => -flag(a < b),
  ge: (a, b, n) => -flag(s(a, n) >= s(b, n)),
  geu: (a, b) => -flag(a >= b),
};

const AMO: Record<Amo, (old: bigint, value: bigint) => bigint> = {
  swap: (_old, value) => value,
  add: BINARY.add,
  xor: BINARY.xor,
  and: BINARY.and,
  or: BINARY.or,
  min: BINARY.min,
  max: BINARY.max,
  minu: BINARY.minu,
  maxu: BINARY.maxu,
};

/** Thrown where an exception is to be taken. */
export class Exception extends Error {
  readonly mcause: number;
  readonly mtval: bigint;
  constructor(mcause: number, mtval: bigint) {
    super(`exception ${mcause}`);
    this.mcause = mcause;
    this.mtval = mtval;
  }
}

/** Thrown where the reference has no opinion: devices, most CSRs, DMA, sleep. */
export class NoOpinion extends Error {}

/** RAM the reference sees: a window, and nothing at all from 0x40000000 to 0x7fffffff. */
export interface ReferenceMemory {
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** What one instruction reads and writes; x[0] stays zero. */
export interface ReferenceState {
  readonly x: bigint[];
  pc: bigint;
  readonly memory: ReferenceMemory;
  /** start, last and count of loop 0, then of loop 1. */
  readonly loops: bigint[];
  mscratch: bigint;
  mstatus: bigint;
  mepc: bigint;
  privilege: number;
}

/** Executes one instruction of a hart in machine mode. @throws Exception, before anything has changed; NoOpinion */
export function step(state: ReferenceState, decoder: Decoder, word: number): void {
  const decoded = decoder.decode(word);
  if (!decoded) throw new Exception(2, BigInt(word >>> 0));
  const evaluation = new Evaluation(state, decoded, decoder.isa.has('c'), word);
  decoded.insn.semantics(evaluation);
  state.pc = evaluation.target ?? nextInLoop(state, evaluation, decoder.isa.has('xpulpv2'));
}

/**
 * CV32E40P: after the last instruction of a body the count falls, and the body repeats until the count is zero. An end
 * counts from the instruction on that follows the one that sets it.
 */
function nextInLoop({ pc, loops }: ReferenceState, evaluation: Evaluation, older: boolean): bigint {
  const following = evaluation.nextPc();
  const at = [0, 3].find(
    (base) => loops[base + 1] === pc && loops[base + 2] !== 0n && base !== evaluation.endSet,
  );
  if (at === undefined) return following;
  if (older) throw new NoOpinion();
  loops[at + 2] -= 1n;
  return loops[at + 2] === 0n ? following : loops[at];
}

const HARMLESS_CSR = 0x340; // mscratch
const NO_CSR = 0x8ff;
const READ_ONLY_CSR = 0xf14; // mhartid of hart 0

class Evaluation implements Semantics<bigint> {
  target: bigint | undefined;
  /** Where the registers of the loop begin whose end this instruction sets. */
  endSet: number | undefined;
  readonly #state: ReferenceState;
  readonly #decoded: Decoded;
  readonly #compressed: boolean;
  readonly #word: number;
  #written = false;

  constructor(state: ReferenceState, decoded: Decoded, compressed: boolean, word: number) {
    this.#state = state;
    this.#decoded = decoded;
    this.#compressed = compressed;
    this.#word = word;
  }

  x(register: RegisterField): bigint {
    return this.#state.x[this.#operand(register)];
  }
  setX(register: RegisterField, value: bigint): void {
    this.#written = true;
    const number = this.#operand(register);
    if (number !== 0) this.#state.x[number] = u(value);
  }
  field(name: string): bigint {
    return u(BigInt(this.#operand(name)));
  }
  constant(value: number): bigint {
    return u(BigInt(value));
  }
  pc(): bigint {
    return this.#state.pc;
  }
  nextPc(): bigint {
    return u(this.#state.pc + BigInt(this.#decoded.bytes));
  }
  binary(operation: Binary, a: bigint, b: bigint): bigint {
    return u(BINARY[operation](a, b));
  }
  unary(operation: Unary, a: bigint): bigint {
    return BigInt(UNARY[operation](a));
  }
  lanes(operation: LaneOperation, bits: 8 | 16, a: bigint, b: bigint): bigint {
    return this.#eachLane(bits, (at) => {
      const lane = LANE[operation](u(a >> at, bits), u(b >> at, bits), bits);
      return u(lane, bits) << at;
    });
  }
  dot(bits: 8 | 16, signs: DotSigns, a: bigint, b: bigint): bigint {
    const extend = (sign: string, value: bigint): bigint => (sign === 's' ? s(value, bits) : u(value, bits));
    return this.#eachLane(bits, (at) => extend(signs[0], a >> at) * extend(signs[1], b >> at));
  }
  select(condition: bigint, whenTrue: bigint, whenFalse: bigint): bigint {
    return condition === 0n ? whenFalse : whenTrue;
  }
  bind(value: bigint): bigint {
    return value;
  }
  load(bytes: 1 | 2 | 4, signed: boolean, address: bigint): bigint {
    const at = this.#place(address, bytes, 5);
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#state.memory.bytes[at + i]);
    return signed ? u(s(value, 8 * bytes)) : value;
  }
  store(bytes: 1 | 2 | 4, address: bigint, value: bigint): void {
    const at = this.#place(address, bytes, 7);
    this.#written = true;
    for (let i = 0; i < bytes; i++) this.#state.memory.bytes[at + i] = Number(u(value >> BigInt(8 * i), 8));
  }
  checkTarget(target: bigint): void {
    if (!this.#compressed && target & 2n) throw this.#exception(0, target);
  }
  jump(target: bigint): void {
    this.target = target;
  }
  branch(condition: bigint, target: bigint): void {
    if (condition === 0n) return;
    this.checkTarget(target);
    this.target = target;
  }
  loadReserved(address: bigint): bigint {
    if (address & 3n) throw this.#exception(4, address);
    return this.load(4, true, address);
  }
  /** Only one instruction is looked at: there is no reservation. */
  storeConditional(address: bigint, _value: bigint): bigint {
    if (address & 3n) throw this.#exception(6, address);
    this.#place(address, 4, 7);
    return 1n;
  }
  amo(operation: Amo, address: bigint, value: bigint): bigint {
    if (address & 3n) throw this.#exception(6, address);
    this.#place(address, 4, 7);
    const old = this.load(4, true, address);
    this.store(4, address, u(AMO[operation](old, value)));
    return old;
  }
  csr(operation: 'write' | 'set' | 'clear', value: bigint): bigint {
    const number = this.#operand('csr');
    const { rs1, zimm } = this.#decoded.operands;
    const writes = operation === 'write' || (rs1 ?? zimm) !== 0;
    const illegal = number === NO_CSR || (number === READ_ONLY_CSR && writes);
    if (illegal) throw this.#exception(2, BigInt(this.#word >>> 0));
    if (number === READ_ONLY_CSR) return 0n;
    if (number !== HARMLESS_CSR) throw new NoOpinion();
    const old = this.#state.mscratch;
    const results = { write: value, set: old | value, clear: old & ~value };
    if (writes) this.#state.mscratch = u(results[operation]);
    return old;
  }
  system(event: SystemEvent): void {
    switch (event) {
      case 'fence':
      case 'fence.i':
        return;
      case 'ecall':
        throw this.#exception(11, 0n);
      case 'ebreak':
        throw this.#exception(3, this.pc());
      case 'mret': {
        const { mstatus } = this.#state;
        this.#state.privilege = Number((mstatus >> 11n) & 3n);
        // MIE takes MPIE, MPIE becomes 1, MPP the least privileged mode; MPRV ends outside machine mode.
        const left = this.#state.privilege === 3 ? 0n : 1n << 17n;
        const kept = mstatus & ~((1n << 3n) | (1n << 7n) | (3n << 11n) | left);
        this.#state.mstatus = kept | (1n << 7n) | (((mstatus >> 7n) & 1n) << 3n);
        this.target = this.#state.mepc;
        return;
      }
      case 'wfi':
        return; // an interrupt is pending, see the states the tests make
    }
  }
  dma(): bigint {
    throw new NoOpinion();
  }
  setLoop(register: LoopRegister, value: bigint): void {
    this.#written = true;
    const index = { start: 0, last: 1, count: 2 }[register];
    const base = 3 * this.#operand('loop');
    this.#state.loops[base + index] = u(value);
    if (register === 'last') this.endSet = base;
  }

  #operand(name: string): number {
    const value = this.#decoded.operands[name];
    if (value === undefined) throw new Error(`${this.#decoded.form.name} has no operand '${name}'`);
    return value;
  }

  /** The sum of the parts that the lanes contribute, given their lowest bit. */
  #eachLane(bits: 8 | 16, part: (at: bigint) => bigint): bigint {
    let sum = 0n;
    for (let at = 0; at < 32; at += bits) sum += part(BigInt(at));
    return u(sum);
  }

  /** Index of the address in the window. */
  #place(address: bigint, bytes: number, mcause: number): number {
    const { base, bytes: ram } = this.#state.memory;
    const at = Number(address) - base;
    if (at >= 0 && at + bytes <= ram.length) return at;
    if (address >> 30n === 1n && (address + BigInt(bytes)) >> 30n === 1n) {
      throw this.#exception(mcause, address);
    }
    throw new NoOpinion();
  }

  /** An exception; a definition must not have written anything before it raises one. */
  #exception(mcause: number, mtval: bigint): Exception {
    if (this.#written) throw new Error(`${this.#decoded.form.name} writes before it may trap`);
    return new Exception(mcause, mtval);
  }
}
