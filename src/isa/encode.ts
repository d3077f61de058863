/** Encoding: the word of a form with given operands, the inverse of decoding. */
import type { Expansion, Insn } from './insn.ts';
import { extract, insert } from './pattern.ts';

/**
 * The instruction word of `form` with the given operand values; fields not given are zero.
 * @throws RangeError where the encoding cannot hold a value or excludes it
 */
export function encode(form: Insn | Expansion, operands: Readonly<Record<string, number>>): number {
  let word = form.pattern.match;
  for (const field of form.pattern.fields) {
    const value = operands[field.name] ?? field.bias;
    word = insert(field, word, value);
    if (extract(field, word) !== value || field.excluded.includes(value)) {
      throw new RangeError(`${form.name}: ${field.name} cannot be ${value}`);
    }
  }
  return word;
}
