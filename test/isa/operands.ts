/** Arbitrary instances of a form. */
import fc from 'fast-check';
import type { Expansion, Insn } from '../../src/isa/insn.ts';
import { extract, matches } from '../../src/isa/pattern.ts';

/** Arbitrary words of the form. */
export const wordsOf = ({ pattern }: Insn | Expansion): fc.Arbitrary<number> =>
  fc
    .integer()
    .map((bits) => (((bits & ~pattern.mask) | pattern.match) >>> 0) % 2 ** (8 * pattern.bytes))
    .filter((word) => matches(pattern, word));

/** Arbitrary operands that the form's encoding can hold. */
export const operandsOf = (form: Insn | Expansion): fc.Arbitrary<Record<string, number>> =>
  wordsOf(form).map((word) => Object.fromEntries(form.pattern.fields.map((f) => [f.name, extract(f, word)])));
