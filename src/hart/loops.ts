/**
 * Hardware loops: two sets of start, last and count (CV32E40P manual, "CORE-V Hardware Loop feature"; RI5CY for the
 * older encodings). `last` is the address of the last instruction of the body; the CSR `lpend` is made from it.
 */
import type { Decoded } from '../isa/decode.ts';
import type { LoopRegister } from '../isa/insn.ts';
import { hex, MachineError } from '../errors.ts';

const INDEX: Readonly<Record<LoopRegister, number>> = { start: 0, last: 1, count: 2 };

/** What a loop body must not contain (manual, "Hardware Loops constraints"). */
const FORBIDDEN = new Set(['fence', 'fence.i', 'mret', 'wfi']);

/** What the loops need to know of the hart. */
export interface LoopContext {
  readonly hart: number;
  /** The older family: a finished loop keeps a count of 1, and its bodies are not restricted. */
  readonly older: boolean;
  /** Makes the engines ask `next` after the instruction at this address. */
  watchEnd(address: number): void;
  decode(address: number): Decoded | undefined;
}

export class HardwareLoops {
  /** start0, last0, count0, start1, last1, count1. */
  readonly registers: Int32Array;
  readonly #context: LoopContext;
  /** Bodies already found to keep the rules, as `start:last`. */
  readonly #sound = new Set<string>();

  constructor(registers: Int32Array, context: LoopContext) {
    this.registers = registers;
    this.#context = context;
    this.reset();
  }

  reset(): void {
    this.registers.fill(0);
    for (const loop of [0, 1]) this.registers[3 * loop + INDEX.last] = this.#context.older ? 0 : -4;
  }

  /** The value of a loop register; the count is unsigned in meaning, signed at rest. */
  get(loop: number, register: LoopRegister): number {
    return this.registers[3 * loop + INDEX[register]];
  }

  /** Sets a loop register. @throws MachineError when this starts a loop that breaks the manual's rules */
  set(loop: number, register: LoopRegister, value: number, pc: number): void {
    this.registers[3 * loop + INDEX[register]] = value;
    if (register === 'last') this.#context.watchEnd(value);
    if (register === 'count' && value !== 0 && !this.#context.older) this.#check(loop, pc);
  }

  /** Where to go on after the instruction at `pc`, when it is the last one of an active loop; `following` otherwise. */
  next(pc: number, following: number): number {
    const { registers: r } = this;
    for (let at = 0; at < 6; at += 3) {
      if (r[at + 1] !== pc || r[at + 2] === 0) continue;
      if (!this.#context.older) {
        r[at + 2] -= 1;
        return r[at + 2] === 0 ? following : r[at];
      }
      if (r[at + 2] === 1) continue; // the last pass leaves the count at 1, and an outer loop may end here too
      r[at + 2] -= 1;
      return r[at];
    }
    return following;
  }

  #check(loop: number, pc: number): void {
    const start = this.get(loop, 'start');
    const last = this.get(loop, 'last');
    const key = `${start}:${last}`;
    if (this.#sound.has(key)) return;
    const broken = this.#brokenRule(loop, start, last);
    if (broken !== undefined) {
      throw new MachineError(
        `hardware loop ${loop} from ${hex(start)} to ${hex(last + 4)} started by hart ${this.#context.hart} at pc ${hex(pc)}: ${broken}`,
      );
    }
    this.#sound.add(key);
  }

  #brokenRule(loop: number, start: number, last: number): string | undefined {
    if ((start | last) & 3) return 'its start and end must be 4-byte aligned';
    if (last - start < 8) return 'its body must have at least three instructions';
    for (let at = start; at <= last; at += 4) {
      const decoded = this.#context.decode(at);
      if (!decoded) continue; // an illegal instruction will trap when it is reached
      const { insn, bytes, operands } = decoded;
      const name = `${insn.name} at ${hex(at)}`;
      if (bytes === 2) return `its body holds a compressed instruction (${decoded.form.name} at ${hex(at)})`;
      if (insn.timing === 'branch' || insn.timing === 'jump')
        return `its body holds a jump or branch (${name})`;
      if (FORBIDDEN.has(insn.name)) return `its body holds ${name}`;
      if ('loop' in operands && operands['loop'] === loop)
        return `its body changes its own registers (${name})`;
    }
    const [innerLast, outerLast] = [this.get(0, 'last'), this.get(1, 'last')];
    const nested = this.get(0, 'count') !== 0 && this.get(1, 'count') !== 0 && innerLast <= outerLast;
    if (nested && this.get(0, 'start') >= this.get(1, 'start') && outerLast - innerLast < 8) {
      return 'the end of the outer loop must lie at least 8 bytes behind the end of the inner one';
    }
    return undefined;
  }
}
