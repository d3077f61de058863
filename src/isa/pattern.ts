/** Encoding patterns: the bit layout of an instruction as the manuals draw it, most significant bit first. */

/** One run of word bits that carries bits of an operand. */
export interface Piece {
  /** Lowest bit of the run in the instruction word. */
  readonly wordBit: number;
  readonly width: number;
  /** Bit of the operand's value that `wordBit` carries. */
  readonly valueBit: number;
}

/** An operand of an encoding and how its value is gathered from the word. */
export interface Field {
  readonly name: string;
  readonly pieces: readonly Piece[];
  readonly signed: boolean;
  /** Number of significant bits of the value. */
  readonly bits: number;
  /** Added to the gathered value: 8 for the three-bit register fields of compressed instructions. */
  readonly bias: number;
  /** Values that this encoding excludes (they belong to another instruction, or are reserved). */
  readonly excluded: readonly number[];
}

export interface Pattern {
  readonly text: string;
  /** 2 or 4. */
  readonly bytes: 2 | 4;
  readonly mask: number;
  readonly match: number;
  readonly fields: readonly Field[];
}

const REGISTER = /^(rd|rs1|rs2|rs3)('?)$/;
const SCATTERED = /^([a-z]\w*)\[([\d:|]+)\]$/;
/** Fields whose sign is extended; every other immediate is unsigned. */
const SIGNED = new Set(['imm', 'simm']);

interface Operand {
  readonly name: string;
  readonly bias: number;
  readonly pieces: readonly Piece[];
  readonly excluded: readonly number[];
}

/** What a token says, its word bits counted from the lowest that it takes. */
interface Token {
  readonly width: number;
  /** Binary digits as a number. */
  readonly digits?: number;
  readonly operands: readonly Operand[];
}

function parseToken(text: string): Token {
  const [body, values] = text.split('!=');
  if (/^[01]+$/.test(body)) {
    return { width: body.length, digits: Number.parseInt(body, 2), operands: [] };
  }
  const excluded = values === undefined ? [] : values.split(',').map(Number);
  const scattered = SCATTERED.exec(body);
  if (scattered) {
    let width = 0;
    const pieces = scattered[2]
      .split('|')
      .toReversed()
      .map((range): Piece => {
        const [high, low = high] = range.split(':').map(Number);
        const wordBit = width;
        width += high - low + 1;
        return { wordBit, width: high - low + 1, valueBit: low };
      });
    return { width, operands: [{ name: scattered[1], bias: 0, pieces, excluded }] };
  }
  const names = body.split('+');
  const register = REGISTER.exec(names[0]);
  const width = register ? (register[2] ? 3 : 5) : 1;
  const operands = names.map((name, i): Operand => ({
    name: name.replace("'", ''),
    bias: register?.[2] ? 8 : 0,
    pieces: [{ wordBit: 0, width, valueBit: 0 }],
    excluded: i === 0 ? excluded : [],
  }));
  return { width, operands };
}

/** Patterns are many, but they are made of the same few tokens. */
const tokens = new Map<string, Token>();

function tokenOf(text: string): Token {
  let token = tokens.get(text);
  if (!token) tokens.set(text, (token = parseToken(text)));
  return token;
}

/**
 * Parses a pattern such as `imm[11:0] rs1 010 rd 0000011`.
 *
 * Tokens, most significant first: binary digits; `rd rs1 rs2 rs3` (five bits) or with a prime (three bits, x8 to
 * x15); `name[7:6|2]` for the named bits of an immediate in word order; `aq`, `rl` (one bit). `a+b` lets one field
 * feed two operands. A suffix `!=0` or `!=0,2` excludes values of the first operand, tested on the whole of it.
 */
export function parsePattern(text: string): Pattern {
  const parts = text.split(' ').toReversed().map(tokenOf);
  let mask = 0;
  let match = 0;
  let bit = 0;
  for (const { width, digits } of parts) {
    if (digits !== undefined) {
      mask |= (2 ** width - 1) * 2 ** bit;
      match |= digits * 2 ** bit;
    }
    bit += width;
  }
  if (bit !== 16 && bit !== 32) throw new Error(`pattern '${text}' has ${bit} bits`);
  let fields: readonly Field[] | undefined;
  return {
    text,
    bytes: bit === 16 ? 2 : 4,
    mask: mask >>> 0,
    match: match >>> 0,
    get fields() {
      return (fields ??= fieldsOf(parts));
    },
  };
}

/** The operands of a pattern's tokens, least significant token first. */
function fieldsOf(parts: readonly Token[]): Field[] {
  const drafts = new Map<string, { pieces: Piece[]; bias: number; excluded: number[] }>();
  let bit = 0;
  for (const { width, operands } of parts) {
    for (const { name, bias, pieces, excluded } of operands) {
      let draft = drafts.get(name);
      if (!draft) drafts.set(name, (draft = { pieces: [], bias, excluded: [] }));
      for (const piece of pieces) draft.pieces.push({ ...piece, wordBit: piece.wordBit + bit });
      draft.excluded.push(...excluded);
    }
    bit += width;
  }
  return [...drafts].map(([name, { pieces, bias, excluded }]): Field => {
    const bits = pieces.reduce((top, p) => Math.max(top, p.valueBit + p.width), 0);
    return { name, pieces, bias, bits, signed: SIGNED.has(name), excluded };
  });
}

/** The operand's value in `word`, sign-extended where the field is signed. */
export function extract(field: Field, word: number): number {
  let value = 0;
  for (const { wordBit, width, valueBit } of field.pieces) {
    value |= ((word >>> wordBit) & (2 ** width - 1)) << valueBit;
  }
  if (field.signed && field.bits < 32) value = (value << (32 - field.bits)) >> (32 - field.bits);
  return value + field.bias;
}

/** `word` with the operand set to `value`; bits of the value that the encoding cannot hold are dropped. */
export function insert(field: Field, word: number, value: number): number {
  let result = word;
  for (const { wordBit, width, valueBit } of field.pieces) {
    const ones = 2 ** width - 1;
    const bits = ((value - field.bias) >>> valueBit) & ones;
    result = (result & ~(ones << wordBit)) | (bits << wordBit);
  }
  return result >>> 0;
}

/** Whether `word` is an instance of the pattern, exclusions included. */
export function matches(pattern: Pattern, word: number): boolean {
  if ((word & pattern.mask) >>> 0 !== pattern.match) return false;
  return pattern.fields.every((f) => f.excluded.length === 0 || !f.excluded.includes(extract(f, word)));
}

/** The word bits of one operand and what they hold where the operand is `value`. */
function bitsOf(field: Field, value: number): { mask: number; match: number } {
  return { mask: insert(field, 0, -1 + field.bias), match: insert(field, 0, value) };
}

/**
 * Whether some word is an instance of both patterns. Exact, except that several exclusions together might leave
 * no word although each alone does; then it errs towards true.
 */
export function overlap(a: Pattern, b: Pattern): boolean {
  if (a.bytes !== b.bytes) return false;
  if (((a.match ^ b.match) & a.mask & b.mask) !== 0) return false;
  const mask = (a.mask | b.mask) >>> 0;
  const match = (a.match | b.match) >>> 0;
  const emptied = [a, b].some((p) =>
    p.fields.some((f) =>
      f.excluded.some((value) => {
        const bits = bitsOf(f, value);
        return (bits.mask & ~mask) === 0 && ((match ^ bits.match) & bits.mask) === 0;
      }),
    ),
  );
  return !emptied;
}
