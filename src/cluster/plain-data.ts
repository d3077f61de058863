/** Plain data as JSON and back, with the values beside JSON's own that device states hold. */

const TAG = '$';

/** Kinds of tagged values: `{"$": [kind, text]}`. Bytes are base64, words little-endian. */
const revivers: Readonly<Record<string, (text: string) => unknown>> = {
  bigint: BigInt,
  number: Number,
  u8: (text) => new Uint8Array(Buffer.from(text, 'base64')),
  i32: (text) => {
    const bytes = new Uint8Array(Buffer.from(text, 'base64'));
    return new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  },
};

const base64 = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

function tagged(value: unknown): readonly [kind: string, text: string] | undefined {
  if (typeof value === 'bigint') return ['bigint', String(value)];
  if (typeof value === 'number' && !Number.isFinite(value)) return ['number', String(value)];
  if (value instanceof Uint8Array) return ['u8', base64(value)];
  if (value instanceof Int32Array) return ['i32', base64(value)];
  return undefined;
}

/** Numbers of every kind, strings, bytes and words, in arrays and objects; properties that are undefined are left out. */
export const stringifyPlain = (data: unknown): string =>
  JSON.stringify(data, (_, value: unknown) => {
    const tag = tagged(value);
    return tag ? { [TAG]: tag } : value;
  });

/** @throws SyntaxError for what is not the text of `stringifyPlain` */
export const parsePlain = (text: string): unknown =>
  JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(TAG in value)) return value;
    const [kind, content] = value[TAG] as [string, string];
    return revivers[kind](content);
  });
