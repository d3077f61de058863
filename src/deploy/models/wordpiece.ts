/**
 * BERT's uncased tokenisation: clean, lower-case, strip accents, split at punctuation, then greedy longest match
 * against the vocabulary (Devlin et al., "BERT", 2018; Wu et al., "Google's Neural Machine Translation System", 2016).
 */
import { InputError } from '../../errors.ts';

/** Words of more characters become `[UNK]`, as in the original tokeniser. */
const LONGEST_WORD = 100;

/** Word pieces and their ids: a piece's id is the number of its line in `vocab.txt`, from 0. */
export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly pieces: readonly string[];
}

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const;

/** Reads `vocab.txt`. Throws InputError when one of the special pieces is missing. */
export function parseVocabulary(text: string, file: string): Vocabulary {
  const pieces = text.split(/\r?\n/);
  if (pieces.at(-1) === '') pieces.pop();
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  for (const piece of SPECIAL) {
    if (!ids.has(piece))
      throw new InputError(`${file}: has no piece ${piece}; is it the vocab.txt of a BERT model?`);
  }
  return { ids, pieces };
}

/** Splits text into lower-case words without accents; every punctuation mark and CJK ideograph is a word. */
export function basicTokens(text: string): string[] {
  const spaced = text
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu, (c) => (/[\t\n\r]/.test(c) ? ' ' : ''))
    .replace(/[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu, ' $& ');
  return spaced
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .replace(/[\p{P}$+<=>^`|~]/gu, ' $& ')
    .split(/\s+/u)
    .filter((word) => word !== '');
}

/** The pieces of one word, longest first; continuation pieces begin with `##`. `[UNK]` when some part has no piece. */
export function wordPieces(word: string, vocabulary: Vocabulary): string[] {
  const characters = Array.from(word);
  if (characters.length > LONGEST_WORD) return ['[UNK]'];
  const pieces: string[] = [];
  for (let start = 0; start < characters.length;) {
    const prefix = start === 0 ? '' : '##';
    let end = characters.length;
    while (end > start && !vocabulary.ids.has(prefix + characters.slice(start, end).join(''))) end--;
    if (end === start) return ['[UNK]'];
    pieces.push(prefix + characters.slice(start, end).join(''));
    start = end;
  }
  return pieces;
}

/** Text as word pieces, without the special ones. */
export const tokenize = (text: string, vocabulary: Vocabulary): string[] =>
  basicTokens(text).flatMap((word) => wordPieces(word, vocabulary));

/** Token ids with the segment each belongs to: 0 for the first text and its `[SEP]`, 1 for the second. */
export interface Encoding {
  readonly inputIds: number[];
  readonly tokenTypeIds: number[];
}

/** `[CLS] text [SEP]`, or `[CLS] question [SEP] text [SEP]` when a second text is given. Not padded. */
export function encodeText(vocabulary: Vocabulary, first: string, second?: string): Encoding {
  const id = (piece: string): number => vocabulary.ids.get(piece) as number;
  const segment = (text: string): number[] => [...tokenize(text, vocabulary), '[SEP]'].map(id);
  const a = [id('[CLS]'), ...segment(first)];
  const b = second === undefined ? [] : segment(second);
  return { inputIds: [...a, ...b], tokenTypeIds: [...a.map(() => 0), ...b.map(() => 1)] };
}
