/** C identifiers from tensor names. */

const KEYWORDS = new Set(
  'auto break case char const continue default do double else enum extern float for goto if inline int long main register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while'.split(
    ' ',
  ),
);

/** Hands out identifiers: letters, digits and underscores of a name; a number is appended where two would coincide. */
export class Names {
  readonly #taken: Set<string>;

  /** @param reserved identifiers that are never handed out, beside the keywords of C */
  constructor(reserved: Iterable<string> = []) {
    this.#taken = new Set([...KEYWORDS, ...reserved]);
  }

  take(name: string): string {
    const plain = name.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/^(?=\d)|^$/, '_');
    let unique = plain;
    for (let n = 2; this.#taken.has(unique); n++) unique = `${plain}_${n}`;
    this.#taken.add(unique);
    return unique;
  }
}

/** A name inside a C comment. */
export const comment = (text: string): string => text.replaceAll('*/', '* /').replaceAll('\n', ' ');
