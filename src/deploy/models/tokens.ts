/** Token sequences as the network's inputs: read from JSON, checked against the network, padded to its length. */
import { InputError } from '../../errors.ts';
import type { TensorData } from '../graph/graph.ts';
import { DEFAULT_TOKENS } from './default-tokens.ts';
import type { Encoding } from './wordpiece.ts';

/** What a sequence has to fit. */
export interface TokenLimits {
  /** Length in tokens. */
  readonly sequence: number;
  /** Ids are below this. */
  readonly vocabulary: number;
  /** Token types are below this. */
  readonly tokenTypes: number;
}

export interface Tokens {
  /** int32 [sequence] */
  readonly inputIds: Int32Array;
  /** int32 [sequence] */
  readonly tokenTypeIds: Int32Array;
  /** Tokens before the padding. */
  readonly length: number;
}

const PAD = 0;

/**
 * Pads a sequence to the network's length with `[PAD]`, token type 0. The network has no mask: padding takes part in
 * the softmax of every row, exactly as the accelerator computes it, so the result depends on the padded length.
 * @throws InputError when it is empty or too long, or an id or token type is out of range
 */
export function fitTokens({ inputIds, tokenTypeIds }: Encoding, limits: TokenLimits, where: string): Tokens {
  const { sequence, vocabulary, tokenTypes } = limits;
  if (inputIds.length === 0) throw new InputError(`${where}: there are no tokens in it`);
  if (inputIds.length > sequence) {
    throw new InputError(`${where}: has ${inputIds.length} tokens, the network takes at most ${sequence}`);
  }
  if (tokenTypeIds.length !== inputIds.length) {
    throw new InputError(`${where}: has ${tokenTypeIds.length} token types for ${inputIds.length} tokens`);
  }
  const inRange = (values: readonly number[], bound: number, what: string): void => {
    const bad = values.findIndex((v) => !Number.isInteger(v) || v < 0 || v >= bound);
    if (bad >= 0)
      throw new InputError(
        `${where}: ${what} ${bad} is ${values[bad]}, expected an integer from 0 to ${bound - 1}`,
      );
  };
  inRange(inputIds, vocabulary, 'token');
  inRange(tokenTypeIds, tokenTypes, 'token type');
  const padded = (values: readonly number[]): Int32Array =>
    Int32Array.from({ length: sequence }, (_, i) => values[i] ?? PAD);
  return { inputIds: padded(inputIds), tokenTypeIds: padded(tokenTypeIds), length: inputIds.length };
}

/** The network's inputs by name. */
export const tokenInputs = ({ inputIds, tokenTypeIds }: Tokens): Map<string, TensorData> =>
  new Map([
    ['input_ids', inputIds],
    ['token_type_ids', tokenTypeIds],
  ]);

/** The built-in sequence, cut to the network's length; where its vocabulary is smaller, ids wrap around. */
export function defaultTokens(limits: TokenLimits): Tokens {
  const fit = (values: readonly number[], bound: number): number[] =>
    values.slice(0, limits.sequence).map((value) => value % bound);
  const encoding = {
    inputIds: fit(DEFAULT_TOKENS.inputIds, limits.vocabulary),
    tokenTypeIds: fit(DEFAULT_TOKENS.tokenTypeIds, limits.tokenTypes),
  };
  return fitTokens(encoding, limits, 'built-in tokens');
}

/**
 * Reads `tokens.json`: an array of ids; an object `{ input_ids, token_type_ids?, question_end? }`, where question_end
 * is the index of the first `[SEP]` and token types are 1 after it; or a list of SQuAD items that hold such features.
 * @param item which SQuAD item: its index or its qas_id; the first unless given
 * @throws InputError naming the file and what was expected
 */
export function parseTokens(json: string, file: string, limits: TokenLimits, item = '0'): Tokens {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new InputError(`${file}: is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isNumbers(value)) return fitTokens(encodingOf({ input_ids: value }, file), limits, file);
  if (Array.isArray(value)) {
    const where = `${file}, item ${item}`;
    return fitTokens(encodingOf(squadFeature(value, item, file), where), limits, where);
  }
  return fitTokens(encodingOf(value, file), limits, file);
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((v) => typeof v === 'number');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function squadFeature(items: readonly unknown[], item: string, file: string): unknown {
  const byId = items.find((i) => isRecord(i) && i['qas_id'] === item);
  const found = byId ?? (/^\d+$/.test(item) ? items[Number(item)] : undefined);
  if (found === undefined) {
    throw new InputError(
      `${file}: has no item ${item}; expected a qas_id or an index from 0 to ${items.length - 1}`,
    );
  }
  const features = isRecord(found) ? found['features'] : undefined;
  if (!Array.isArray(features) || features.length === 0) {
    throw new InputError(
      `${file}: item ${item} has no features; expected token ids or SQuAD items with features`,
    );
  }
  return features[0];
}

function encodingOf(value: unknown, where: string): Encoding {
  const ids = isRecord(value) ? value['input_ids'] : undefined;
  if (!isRecord(value) || !isNumbers(ids)) {
    throw new InputError(`${where}: expected an array of token ids, or an object with an array input_ids`);
  }
  const { token_type_ids: types, question_end: end } = value;
  if (types !== undefined) {
    if (!isNumbers(types)) throw new InputError(`${where}: token_type_ids is not an array of numbers`);
    return { inputIds: ids, tokenTypeIds: types };
  }
  if (
    end !== undefined &&
    (typeof end !== 'number' || !Number.isInteger(end) || end < 0 || end >= ids.length)
  ) {
    throw new InputError(`${where}: question_end is ${JSON.stringify(end)}, expected the index of a token`);
  }
  return { inputIds: ids, tokenTypeIds: ids.map((_, i) => (typeof end === 'number' && i > end ? 1 : 0)) };
}
