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

/**
 * What decides how loops go on; what was looked at along the way is left out, since engines differ in it. Absent
 * addresses are null, so that the state survives as JSON.
 */
export interface LoopsState {
  readonly registers: Int32Array;
  readonly misaligned: readonly (number | null)[];
  readonly endSetBy: readonly (number | null)[];
  readonly suspect: boolean;
}

/** Distance that the manual asks for between the ends of nested loops, bytes. */
const END_DISTANCE = 8;
const MINIMUM_BODY = 3;
/** Bytes of a body that are searched for what it must not hold: the longest body of `cv.setup`. */
const LONGEST_SEARCH = 4 * 4096;

/**
 * The loop registers and the step from the end of a body back to its start. A loop that breaks the manual's rules is
 * reported when an instruction of its body has retired, which is where hardware would begin to go astray; a broken
 * loop that is never entered harms nobody. A jump into the middle of a body is not noticed and counts at the end,
 * as on hardware.
 */
export class HardwareLoops {
  /** start0, last0, count0, start1, last1, count1. */
  readonly registers: Int32Array;
  readonly #context: LoopContext;
  /** For each register, the address of the instruction that set it, where that is misaligned. */
  readonly #misaligned: (number | undefined)[] = Array.from({ length: 6 });
  /** Bodies already found to keep the rules: start + 2^32 × length. */
  readonly #sound = [new Set<number>(), new Set<number>()];
  /** For each loop, the address of the instruction that last set its end. */
  readonly #endSetBy: (number | undefined)[] = [undefined, undefined];
  /** Some active loop breaks a rule. */
  #suspect = false;

  constructor(registers: Int32Array, context: LoopContext) {
    this.registers = registers;
    this.#context = context;
    this.reset();
  }

  reset(): void {
    this.registers.fill(0);
    for (const loop of [0, 1]) this.registers[3 * loop + INDEX.last] = this.#context.older ? 0 : -4;
    this.#misaligned.fill(undefined);
    this.#endSetBy.fill(undefined);
    this.#suspect = false;
    for (const sound of this.#sound) sound.clear();
  }

  snapshot(): LoopsState {
    return {
      registers: this.registers.slice(),
      misaligned: this.#misaligned.map((pc) => pc ?? null),
      endSetBy: this.#endSetBy.map((pc, loop) => (pc === this.get(loop, 'last') ? pc : null)),
      suspect: this.#suspect,
    };
  }

  /** @param pc where the hart stands: a loop that breaks a rule is looked for from there on */
  restore(state: LoopsState, pc: number): void {
    this.registers.set(state.registers);
    for (const [i, at] of state.misaligned.entries()) this.#misaligned[i] = at ?? undefined;
    for (const [i, at] of state.endSetBy.entries()) this.#endSetBy[i] = at ?? undefined;
    for (const sound of this.#sound) sound.clear();
    this.#suspect = state.suspect;
    for (const loop of [0, 1]) this.#context.watchEnd(this.get(loop, 'last'));
    if (!state.suspect) return;
    this.#context.watchEnd(pc);
    for (const loop of [0, 1]) this.#context.watchEnd(this.get(loop, 'start'));
  }

  /** The value of a loop register; the count is unsigned in meaning, signed at rest. */
  get(loop: number, register: LoopRegister): number {
    return this.registers[3 * loop + INDEX[register]];
  }

  /** Sets a loop register by the instruction at `pc`. */
  set(loop: number, register: LoopRegister, value: number, pc: number): void {
    this.registers[3 * loop + INDEX[register]] = value;
    if (register === 'last') {
      this.#endSetBy[loop] = pc;
      this.#context.watchEnd(value);
    }
    if (this.#context.older) return;
    this.#misaligned[3 * loop + INDEX[register]] = pc & 3 ? pc : undefined;
    this.#suspect = [0, 1].some((l) => this.get(l, 'count') !== 0 && this.#brokenRule(l) !== undefined);
    if (!this.#suspect) return;
    this.#context.watchEnd(pc + 4);
    for (const l of [0, 1]) this.#context.watchEnd(this.get(l, 'start'));
  }

  /**
   * Where to go on after the instruction at `pc`, when it is the last one of an active loop; `following` otherwise.
   * @throws MachineError when the instruction lies in the body of an active loop that breaks a rule of the manual
   */
  next(pc: number, following: number): number {
    if (this.#suspect) this.#report(pc);
    const { registers: r } = this;
    for (let at = 0; at < 6; at += 3) {
      if (r[at + 1] !== pc || r[at + 2] === 0) continue;
      if (this.#endSetBy[at === 0 ? 0 : 1] === pc) continue; // an end counts from the next instruction on
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

  #report(pc: number): void {
    for (const loop of [0, 1]) {
      const [start, last] = [this.get(loop, 'start'), this.get(loop, 'last')];
      const inside = pc === start || (pc > start && pc <= last);
      if (this.get(loop, 'count') === 0 || !inside) continue;
      const broken = this.#brokenRule(loop);
      if (broken === undefined) continue;
      throw new MachineError(
        `hardware loop ${loop} from ${hex(start)} to ${hex(last + 4)}, entered by hart ${this.#context.hart} at pc ${hex(pc)}: ${broken}`,
      );
    }
  }

  #brokenRule(loop: number): string | undefined {
    const [start, last] = [this.get(loop, 'start'), this.get(loop, 'last')];
    const setUp = this.#misaligned.slice(3 * loop, 3 * loop + 3).find((pc) => pc !== undefined);
    if (setUp !== undefined) return `the instruction that set it up, at ${hex(setUp)}, is not 4-byte aligned`;
    const key = start + (last - start) * 2 ** 32;
    if (!this.#sound[loop].has(key)) {
      const broken = this.#brokenInBody(loop, start, last);
      if (broken !== undefined) return broken;
      this.#sound[loop].add(key);
    }
    const other = 1 - loop;
    const nested = start <= this.get(other, 'last') && this.get(other, 'start') <= last;
    if (!nested || this.get(other, 'count') === 0) return undefined;
    return Math.abs(last - this.get(other, 'last')) < END_DISTANCE
      ? 'the ends of nested loops must lie at least 8 bytes apart'
      : undefined;
  }

  /** The first rule broken by the instructions of the body. */
  #brokenInBody(loop: number, start: number, last: number): string | undefined {
    if (last < start) return 'its end does not lie behind its start';
    if (last - start < 4 * (MINIMUM_BODY - 1)) return 'its body must have at least three instructions';
    for (let at = start; at <= last && at - start < LONGEST_SEARCH; at += 4) {
      const decoded = this.#context.decode(at);
      if (!decoded) return undefined; // it will trap when it is reached
      const { insn, bytes, operands } = decoded;
      const name = `${insn.mnemonic} at ${hex(at)}`;
      if (bytes === 2) return `its body holds a compressed instruction (${decoded.form.name} at ${hex(at)})`;
      if (insn.timing === 'branch' || insn.timing === 'jump') {
        return `its body holds a jump or branch (${name})`;
      }
      if (FORBIDDEN.has(insn.name)) return `its body holds ${name}`;
      if (operands['loop'] === loop) return `its body changes its own registers (${name})`;
    }
    return undefined;
  }
}
