/** Pre-decoded instructions: two words for each halfword of a code page, filled at first execution, cleared by stores. */
import { decoderOf } from '../isa/disassemble.ts';
import { instructionBytes, type Decoded } from '../isa/decode.ts';
import type { Insn } from '../isa/insn.ts';
import type { Field } from '../isa/pattern.ts';
import type { Isa } from '../isa/isa.ts';
import type { Bus } from '../memory/bus.ts';
import { PageTable } from '../memory/page-table.ts';
import { type CoreTiming, costWord, LOOKAHEAD_BYTES } from './core-timing.ts';

/**
 * First word of a slot, low bit first: operation 10 bits, rd 6, rs1 5, rs2 5, length in bytes 3, and bit 31 where a
 * hardware loop may end. The second word is the immediate. An rd of 0 is stored as 32, a register nobody reads, so that writing needs no test.
 */
export const slot = {
  operation: 0x3ff,
  rd: 10,
  rs1: 16,
  rs2: 21,
  bytes: 26,
  /** Bit 31 asks the hart after the instruction whether a hardware loop ends here. */
  loopEnd: 31,
} as const;

/** Operations below this number are not instructions. */
export const UNDECODED = 0;
export const ILLEGAL = 1;
/** The hart is to be asked before the instruction: a debugger halts there. */
export const MARKED = 2;
export const FIRST_OPERATION = 8;

const PAGE = 4096;
const SINK = 32;

/** Which slot word an operand field travels in. */
export type Place = 'rd' | 'rs1' | 'rs2' | 'imm';

/** The operand field of that name. */
export function fieldOf(insn: Insn, name: string): Field {
  const field = insn.pattern.fields.find((f) => f.name === name);
  if (!field) throw new Error(`${insn.name} has no operand '${name}'`);
  return field;
}

/**
 * Where a field is found in a slot: one that starts where a register field does and is no wider keeps that place,
 * as the bits of the word; all else is the immediate, as the operand's value.
 */
export function placeOf({ pieces }: Field): Place {
  const [{ width, wordBit }] = pieces;
  if (pieces.length === 1 && width <= 5) {
    if (wordBit === 7) return 'rd';
    if (wordBit === 15) return 'rs1';
    if (wordBit === 20) return 'rs2';
  }
  return 'imm';
}

/** Fields that carry hints only and are not kept. */
const DROPPED = new Set(['aq', 'rl', 'fm', 'pred', 'succ', 'uimm']);

/** Decoded pages of one instruction set, shared by all harts that have it. */
export class CodeCache {
  readonly isa: Isa;
  readonly #bus: Bus;
  readonly #pages = new PageTable<Int32Array>();
  readonly #operations: Map<string, number>;
  readonly #loopEnds = new Set<number>();
  readonly #marks = new Set<number>();
  readonly #markListeners: ((pc: number) => void)[] = [];
  /** Whose cost words are kept too; undefined in instruction timing. */
  readonly #core: CoreTiming | undefined;
  readonly #costs = new PageTable<Int32Array>();
  /** Bytes behind an instruction that its slot and cost word depend on. */
  readonly reach: number;

  constructor(isa: Isa, bus: Bus, core?: CoreTiming) {
    this.isa = isa;
    this.#bus = bus;
    this.#core = core;
    this.reach = core ? LOOKAHEAD_BYTES : 0;
    this.#operations = new Map(isa.insns.map((insn, i) => [insn.name, FIRST_OPERATION + i]));
    bus.onCodeStore((address, bytes) => this.invalidate(address, bytes));
  }

  /** The slots of the page holding `pc`, index = byte offset; undefined where nothing can be fetched. */
  page(pc: number): Int32Array | undefined {
    const number = pc >>> 12;
    const known = this.#pages.get(number);
    if (known) return known;
    if (!this.#bus.reachable(number * PAGE, PAGE)) return undefined;
    const slots = new Int32Array(PAGE);
    this.#pages.set(number, slots);
    this.#bus.markCode(number * PAGE);
    if (this.#core) this.#costs.set(number, new Int32Array(PAGE));
    return slots;
  }

  /** Cost words of the page holding `pc`, valid where its slots are decoded; cluster timing only. */
  costs(pc: number): Int32Array {
    return this.#costs.get(pc >>> 12)!;
  }

  /** Cost word of the instruction at `pc`, see `cost`; 0 in instruction timing. */
  cost(pc: number): number {
    const slots = this.#core && this.page(pc);
    if (!this.#core || !slots) return 0;
    if ((slots[pc & (PAGE - 1)] & slot.operation) >= FIRST_OPERATION) return this.costs(pc)[pc & (PAGE - 1)];
    const decoded = this.decoded(pc);
    return decoded ? this.#costOf(this.#core, pc, decoded) : 0;
  }

  #costOf(core: CoreTiming, pc: number, decoded: Decoded): number {
    const reader = {
      decoded: (at: number) => {
        if ((at ^ pc) >>> 12 !== 0) this.page(at); // a store there must be seen
        return this.decoded(at);
      },
    };
    return costWord(core, reader, pc, decoded);
  }

  /** Decodes the instruction at `pc` into its slot; false where its second half cannot be fetched. */
  decode(pc: number): boolean {
    const slots = this.page(pc);
    if (!slots) return false;
    const at = pc & (PAGE - 1);
    if (this.#marks.has(pc)) {
      slots[at] = MARKED;
      return true;
    }
    return this.#decodeAt(pc, slots, at);
  }

  #decodeAt(pc: number, slots: Int32Array, at: number): boolean {
    const word = this.fetch(pc);
    if (word === undefined) return false;
    const decoded = decoderOf(this.isa).decode(word);
    if (!decoded) {
      slots[at] = ILLEGAL | (instructionBytes(word) << slot.bytes);
      slots[at + 1] = word;
      return true;
    }
    this.#fill(slots, at, decoded);
    if (this.#core) this.costs(pc)[at] = this.#costOf(this.#core, pc, decoded);
    if (this.#loopEnds.has(pc)) slots[at] |= 1 << slot.loopEnd;
    return true;
  }

  /** The instruction word at `pc` (16 bits for a compressed one), undefined where it cannot be fetched whole. */
  fetch(pc: number): number | undefined {
    if (!this.#bus.reachable(pc, 2)) return undefined;
    const low = this.#bus.peek(pc, 2);
    if (instructionBytes(low) === 2) return low;
    if (!this.#bus.reachable(pc + 2, 2)) return undefined;
    if (((pc + 2) & (PAGE - 1)) === 0) this.page(pc + 2); // a store to the second half must be seen too
    return low | (this.#bus.peek(pc + 2, 2) << 16);
  }

  /** Marks the instruction at `pc`, decoded or not, as the possible end of a hardware loop. */
  markLoopEnd(pc: number): void {
    const slots = this.#pages.get(pc >>> 12);
    const at = pc & (PAGE - 1);
    if (slots && slots[at] < 0) return;
    if (!this.#loopEnds.has(pc)) {
      this.#loopEnds.add(pc);
      for (const listener of this.#markListeners) listener(pc);
    }
    if (slots && slots[at] !== UNDECODED) slots[at] |= 1 << slot.loopEnd;
  }

  /** Lets the hart be asked before the instruction at `pc` (`Hart.marked`), or no longer. */
  mark(pc: number, on: boolean): void {
    if (this.#marks.has(pc) === on) return;
    if (on) this.#marks.add(pc);
    else this.#marks.delete(pc);
    this.rearm(pc);
    for (const listener of this.#markListeners) listener(pc);
  }

  isMarked(pc: number): boolean {
    return this.#marks.has(pc);
  }

  /** Lets the interpreter execute the marked instruction at `pc` until `rearm`; false where it cannot be fetched. */
  lift(pc: number): boolean {
    const slots = this.page(pc);
    return slots !== undefined && this.#decodeAt(pc, slots, pc & (PAGE - 1));
  }

  /** Ends `lift`. */
  rearm(pc: number): void {
    const slots = this.#pages.get(pc >>> 12);
    if (slots) slots[pc & (PAGE - 1)] = UNDECODED;
  }

  /** Whether a hardware loop may end with the instruction at `pc`. */
  isLoopEnd(pc: number): boolean {
    return this.#loopEnds.has(pc);
  }

  /** Calls back for each address that becomes a possible loop end, is marked or is no longer. */
  onMark(listener: (pc: number) => void): void {
    this.#markListeners.push(listener);
  }

  /** The instruction at `pc`, undefined where there is none or it is illegal. */
  decoded(pc: number): Decoded | undefined {
    const word = this.fetch(pc);
    return word === undefined ? undefined : decoderOf(this.isa).decode(word);
  }

  /** Forgets what was decoded from the bytes, or looked at them: what lies before and reaches so far. */
  invalidate(address: number, bytes: number): void {
    const first = (address - 2 - this.reach) & ~1;
    const last = address + bytes - 1;
    for (let page = first >>> 12; page <= last >>> 12; page++) {
      const slots = this.#pages.get(page);
      if (!slots) continue;
      const from = Math.max(first - page * PAGE, 0);
      slots.fill(UNDECODED, from, Math.min(last - page * PAGE + 1, PAGE));
    }
  }

  #fill(slots: Int32Array, at: number, { insn, bytes, operands }: Decoded): void {
    const places: Record<Place, number> = { rd: 0, rs1: 0, rs2: 0, imm: 0 };
    for (const field of insn.pattern.fields) {
      if (DROPPED.has(field.name)) continue;
      const place = placeOf(field);
      const value = operands[field.name] ?? 0;
      places[place] = place === 'imm' ? value : (value >> field.pieces[0].valueBit) & 31;
    }
    if ('rd' in operands && places.rd === 0) places.rd = SINK;
    slots[at] =
      this.#operations.get(insn.name)! |
      (places.rd << slot.rd) |
      (places.rs1 << slot.rs1) |
      (places.rs2 << slot.rs2) |
      (bytes << slot.bytes);
    slots[at + 1] = places.imm;
  }
}
