/** Instruction decoding, built from the definitions: a word is an instance of exactly one form or it is illegal. */
import type { Expansion, Insn } from './insn.ts';
import type { Isa } from './isa.ts';
import { extract, matches } from './pattern.ts';

/** One decoded instruction. */
export interface Decoded {
  /** The definition whose meaning it has. */
  readonly insn: Insn;
  /** The form it is written in: the definition itself, or a compressed form of it. */
  readonly form: Insn | Expansion;
  readonly bytes: 2 | 4;
  /** Operand values of the definition's fields, by field name. */
  readonly operands: Readonly<Record<string, number>>;
}

/** The length of the instruction whose first halfword is given. */
export const instructionBytes = (halfword: number): 2 | 4 => ((halfword & 3) === 3 ? 4 : 2);

const bucketOf = (word: number): number =>
  (word & 3) === 3
    ? 128 + (((word >>> 12) & 7) << 5) + ((word >>> 2) & 31)
    : ((word >>> 13) & 7) * 4 + (word & 3);

/** Decodes words of one instruction set. */
export class Decoder {
  readonly isa: Isa;
  readonly #buckets: (Insn | Expansion)[][] = Array.from({ length: 128 + 256 }, () => []);
  readonly #long: Map<string, Insn>;

  constructor(isa: Isa) {
    this.isa = isa;
    this.#long = new Map(isa.insns.map((insn) => [insn.name, insn]));
    for (const form of [...isa.insns, ...isa.expansions]) {
      if ('long' in form && !this.#long.has(form.long)) continue; // the long form is not in this ISA
      const { mask, match, bytes } = form.pattern;
      for (let funct3 = 0; funct3 < 8; funct3++) {
        const word = bytes === 4 ? (match & 0x7f) | (funct3 << 12) : (match & 3) | (funct3 << 13);
        const bits = bytes === 4 ? 0x707f : 0xe003;
        if (((word ^ match) & mask & bits) === 0) this.#buckets[bucketOf(word)].push(form);
      }
    }
  }

  /** Decodes the instruction in `word` (only its low half counts for a compressed one); undefined when illegal. */
  decode(word: number): Decoded | undefined {
    const bits = (word & 3) === 3 ? word >>> 0 : word & 0xffff;
    const form = this.#buckets[bucketOf(bits)].find((f) => matches(f.pattern, bits));
    if (!form) return undefined;
    const operands: Record<string, number> = {};
    for (const field of form.pattern.fields) operands[field.name] = extract(field, bits);
    if (!('long' in form)) return { insn: form, form, bytes: form.pattern.bytes, operands };
    if ('uimm' in operands) operands['imm'] = operands['uimm'];
    Object.assign(operands, form.fixed);
    return { insn: this.#long.get(form.long)!, form, bytes: form.pattern.bytes, operands };
  }
}
