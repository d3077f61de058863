/** What an instruction does to control flow and registers, read off its definition by running it over constants. */
import type { Decoded } from '../isa/decode.ts';
import type { Amo, Binary, LoopRegister, RegisterField, Semantics, SystemEvent, Unary } from '../isa/insn.ts';

/** A value known before the program runs, or not. */
type Known = number | undefined;

/** Where control goes after an instruction. */
export type Flow =
  | { readonly kind: 'next' }
  | { readonly kind: 'jump'; readonly target: number }
  | { readonly kind: 'branch'; readonly target: number }
  /** The target is computed. */
  | { readonly kind: 'indirect' }
  /** Only the interpreter can execute it: it reads time, may sleep, changes privilege or translated assumptions. */
  | { readonly kind: 'interpret' };

export interface Effects {
  readonly flow: Flow;
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** Writes the address of the following instruction to a register: a call. */
  readonly links: boolean;
  /** Stores to memory. */
  readonly stores: boolean;
  /** The hardware loop this instruction sets up completely, from constants. */
  readonly loop?: { readonly loop: number; readonly start: number; readonly last: number };
}

class Analysis implements Semantics<Known> {
  flow: Flow = { kind: 'next' };
  links = false;
  stores = false;
  /** A jump or branch leads to an address that is not a multiple of 4. */
  misaligned = false;
  readonly reads = new Set<number>();
  readonly writes = new Set<number>();
  readonly loops: [register: LoopRegister, value: Known][] = [];
  readonly #decoded: Decoded;
  readonly #pc: number;

  constructor(decoded: Decoded, pc: number) {
    this.#decoded = decoded;
    this.#pc = pc;
  }

  x(register: RegisterField): Known {
    const index = this.#decoded.operands[register];
    if (index === 0) return 0;
    this.reads.add(index);
    return undefined;
  }
  setX(register: RegisterField, value: Known): void {
    const index = this.#decoded.operands[register];
    if (index === 0) return;
    if (value === this.nextPc()) this.links = true;
    this.writes.add(index);
  }
  field(name: string): Known {
    return this.#decoded.operands[name];
  }
  constant(value: number): Known {
    return value;
  }
  pc(): Known {
    return this.#pc;
  }
  nextPc(): Known {
    return (this.#pc + this.#decoded.bytes) | 0;
  }
  binary(operation: Binary, a: Known, b: Known): Known {
    if (a === undefined || b === undefined) return undefined;
    if (operation === 'add') return (a + b) | 0;
    if (operation === 'sub') return (a - b) | 0;
    if (operation === 'and') return a & b;
    if (operation === 'shl') return a << b;
    return undefined;
  }
  unary(_operation: Unary): Known {
    return undefined;
  }
  lanes(): Known {
    return undefined;
  }
  dot(): Known {
    return undefined;
  }
  select(): Known {
    return undefined;
  }
  bind(value: Known): Known {
    return value;
  }
  load(): Known {
    return undefined;
  }
  store(): void {
    this.stores = true;
  }
  checkTarget(target: Known): void {
    if (target !== undefined && target & 3) this.misaligned = true;
  }
  jump(target: Known): void {
    this.flow = target === undefined ? { kind: 'indirect' } : { kind: 'jump', target };
  }
  branch(_condition: Known, target: Known): void {
    this.misaligned ||= target !== undefined && (target & 3) !== 0;
    this.flow = target === undefined ? { kind: 'interpret' } : { kind: 'branch', target };
  }
  loadReserved(): Known {
    return this.#interpret();
  }
  storeConditional(): Known {
    return this.#interpret();
  }
  amo(_operation: Amo): Known {
    this.stores = true;
    return undefined;
  }
  csr(): Known {
    return this.#interpret();
  }
  system(event: SystemEvent): void {
    if (event !== 'fence') this.#interpret();
  }
  dma(): Known {
    return this.#interpret();
  }
  setLoop(register: LoopRegister, value: Known): void {
    this.loops.push([register, value]);
  }

  #interpret(): undefined {
    this.flow = { kind: 'interpret' };
  }
}

/** The effects of the decoded instruction at `pc`, for a hart with or without compressed instructions. */
export function effectsOf(decoded: Decoded, pc: number, compressed: boolean): Effects {
  const analysis = new Analysis(decoded, pc);
  decoded.insn.semantics(analysis);
  if (analysis.misaligned && !compressed) analysis.flow = { kind: 'interpret' };
  const { reads, writes, links, stores, loops } = analysis;
  if (loops.length === 0) return { flow: analysis.flow, reads, writes, links, stores };
  // A complete set-up from constants can be translated; anything else changes what is known of the loop.
  const value = (name: LoopRegister): Known => loops.find(([register]) => register === name)?.[1];
  const [start, last] = [value('start'), value('last')];
  const complete =
    start !== undefined &&
    last !== undefined &&
    last !== pc && // an end counts from the next instruction on only
    loops.some(([register]) => register === 'count');
  return complete
    ? {
        flow: analysis.flow,
        reads,
        writes,
        links,
        stores,
        loop: { loop: decoded.operands['loop'], start, last },
      }
    : { flow: { kind: 'interpret' }, reads, writes, links, stores };
}
