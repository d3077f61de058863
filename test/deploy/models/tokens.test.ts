import { describe, expect, test } from 'vitest';
import { DEFAULT_TEXT, DEFAULT_TOKENS } from '../../../src/deploy/models/default-tokens.ts';
import { defaultTokens, parseTokens, tokenInputs } from '../../../src/deploy/models/tokens.ts';
import {
  basicTokens,
  encodeText,
  parseVocabulary,
  tokenize,
  wordPieces,
  type Vocabulary,
} from '../../../src/deploy/models/wordpiece.ts';
import { InputError } from '../../../src/errors.ts';
import { readShared, testWith } from '../shared.ts';

const VOCABULARY = 'mobilebert/vocab.txt';
const SQUAD = 'squad/squad_dev50.json';

const small = (): Vocabulary =>
  parseVocabulary('[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n##a\nhe\n##llo\n!\n', 'vocab.txt');

const real = (): Vocabulary => parseVocabulary(readShared(VOCABULARY).toString('utf8'), 'vocab.txt');

interface Item {
  readonly qas_id: string;
  readonly question_tokens: string[];
  readonly context_words: string[];
  readonly features: {
    n: number;
    question_end: number;
    input_ids: number[];
    tokens: string[];
    token_to_orig: number[];
  }[];
}

const items = (): Item[] => JSON.parse(readShared(SQUAD).toString('utf8')) as Item[];

describe('basic tokenisation', () => {
  test.each([
    ['Héllo  WÖRLD', ['hello', 'world']],
    ["don't stop-me $5", ['don', "'", 't', 'stop', '-', 'me', '$', '5']],
    ['a\u00a0b\u0000c\ufffd\td', ['a', 'bc', 'd']],
    ['日本x', ['日', '本', 'x']],
    ['½ „quoted“', ['½', '„', 'quoted', '“']],
    ['', []],
  ])('of %j is %j', (text, tokens) => {
    expect(basicTokens(text)).toEqual(tokens);
  });
});

describe('word pieces', () => {
  test('are the longest that match, from the left', () => {
    expect(wordPieces('unaffable', small())).toEqual(['un', '##aff', '##able']);
    expect(wordPieces('hea', small())).toEqual(['he', '##a']);
  });
  test('of a word with an unknown part are one unknown piece', () => {
    expect(wordPieces('unknown', small())).toEqual(['[UNK]']);
    expect(wordPieces('a'.repeat(101), small())).toEqual(['[UNK]']);
  });
  test('of two texts are framed and told apart', () => {
    expect(encodeText(small(), 'Hello!', 'unaffable')).toEqual({
      inputIds: [2, 8, 9, 10, 3, 4, 5, 6, 3],
      tokenTypeIds: [0, 0, 0, 0, 0, 1, 1, 1, 1],
    });
    expect(encodeText(small(), 'he')).toEqual({ inputIds: [2, 8, 3], tokenTypeIds: [0, 0, 0] });
  });
  test('a file that is no vocabulary is refused', () => {
    expect(() => parseVocabulary('a\nb', 'words.txt')).toThrow(
      'words.txt: has no piece [PAD]; is it the vocab.txt of a BERT model?',
    );
  });

  testWith(SQUAD, 'agree with every feature of the SQuAD sample', () => {
    const vocabulary = real();
    for (const { question_tokens, context_words, features } of items()) {
      expect(tokenize(question_tokens.join(' ').replaceAll(' ##', ''), vocabulary)).toEqual(question_tokens);
      for (const { n, question_end, input_ids, tokens, token_to_orig } of features) {
        expect(tokens.map((t) => vocabulary.ids.get(t))).toEqual(input_ids);
        // The context between [SEP]s, retokenised word by word; a feature may begin or end inside the context.
        const ours = context_words.map((word) => tokenize(word, vocabulary));
        const context = tokens.slice(question_end + 1, n - 1);
        const words = [...new Set(token_to_orig)].slice(1, -1);
        const first = token_to_orig.indexOf(words[0] ?? -1);
        const inner = words.flatMap((w) => ours[w]);
        if (first >= 0) expect(context.slice(first, first + inner.length)).toEqual(inner);
      }
    }
  });

  testWith(VOCABULARY, 'of the built-in text are the built-in ids', () => {
    expect(encodeText(real(), DEFAULT_TEXT.question, DEFAULT_TEXT.passage)).toEqual(DEFAULT_TOKENS);
  });
});

describe('tokens.json', () => {
  const limits = { sequence: 6, vocabulary: 100, tokenTypes: 2 };
  const read = (value: unknown, item?: string): [number[], number[], number] => {
    const { inputIds, tokenTypeIds, length } = parseTokens(
      JSON.stringify(value),
      'tokens.json',
      limits,
      item,
    );
    return [[...inputIds], [...tokenTypeIds], length];
  };

  test('may be an array of ids, padded with 0', () => {
    expect(read([5, 6, 7])).toEqual([[5, 6, 7, 0, 0, 0], [0, 0, 0, 0, 0, 0], 3]);
  });
  test('may give token types, or the end of the question', () => {
    expect(read({ input_ids: [5, 6], token_type_ids: [0, 1] })[1]).toEqual([0, 1, 0, 0, 0, 0]);
    expect(read({ input_ids: [5, 6, 7, 8], question_end: 1 })[1]).toEqual([0, 0, 1, 1, 0, 0]);
  });
  test('may be SQuAD items, chosen by index or id', () => {
    const squad = [11, 12].map((id) => ({
      qas_id: `q${id}`,
      features: [{ input_ids: [id, 2], question_end: 0 }],
    }));
    expect(read(squad)[0][0]).toBe(11);
    expect(read(squad, '1')[0][0]).toBe(12);
    expect(read(squad, 'q12')).toEqual([[12, 2, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], 2]);
    expect(() => read(squad, 'q13')).toThrow('has no item q13; expected a qas_id or an index from 0 to 1');
  });

  test.each([
    ['[1, 2', 'tokens.json: is not JSON'],
    ['[]', 'tokens.json: there are no tokens in it'],
    ['[1, 2, 3, 4, 5, 6, 7]', 'tokens.json: has 7 tokens, the network takes at most 6'],
    ['[1, 100]', 'tokens.json: token 1 is 100, expected an integer from 0 to 99'],
    ['[1.5]', 'tokens.json: token 0 is 1.5, expected an integer from 0 to 99'],
    ['"text"', 'tokens.json: expected an array of token ids, or an object with an array input_ids'],
    ['["a"]', 'tokens.json: item 0 has no features'],
    ['{"input_ids": [1], "token_type_ids": [0, 1]}', 'tokens.json: has 2 token types for 1 tokens'],
    [
      '{"input_ids": [1], "token_type_ids": [2]}',
      'tokens.json: token type 0 is 2, expected an integer from 0 to 1',
    ],
    [
      '{"input_ids": [1], "question_end": 1}',
      'tokens.json: question_end is 1, expected the index of a token',
    ],
  ])('%s is refused', (json, message) => {
    expect(() => parseTokens(json, 'tokens.json', limits)).toThrow(InputError);
    expect(() => parseTokens(json, 'tokens.json', limits)).toThrow(message);
  });

  testWith(SQUAD, 'may be the SQuAD sample itself', () => {
    const text = readShared(SQUAD).toString('utf8');
    const wide = { sequence: 384, vocabulary: 30522, tokenTypes: 2 };
    items().forEach(({ qas_id, features: [feature] }) => {
      const tokens = parseTokens(text, SQUAD, wide, qas_id);
      expect([...tokens.inputIds.subarray(0, tokens.length)]).toEqual(feature.input_ids);
      expect(tokens.tokenTypeIds.indexOf(1)).toBe(feature.question_end + 1);
    });
  });
});

describe('the built-in tokens', () => {
  test('fill the published length with real word pieces of both segments', () => {
    const { length, tokenTypeIds } = defaultTokens({ sequence: 128, vocabulary: 30522, tokenTypes: 2 });
    expect(length).toBe(128);
    expect(new Set(tokenTypeIds)).toEqual(new Set([0, 1]));
  });
  test('are cut to shorter networks and wrapped into smaller vocabularies', () => {
    const tokens = defaultTokens({ sequence: 16, vocabulary: 50, tokenTypes: 1 });
    expect(Math.max(...tokens.inputIds)).toBeLessThan(50);
    expect([...tokenInputs(tokens)].map(([name, data]) => [name, data.length])).toEqual([
      ['input_ids', 16],
      ['token_type_ids', 16],
    ]);
  });
});
