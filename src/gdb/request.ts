/** What commands are made of: the arguments of a packet as numbers, and refusals with a code and a sentence. */
import { bytesOf, fromHex, textOf, toHex } from './packet.ts';

/** Error numbers of the replies; where GDB has a meaning for a number it is that of `errno`. */
export const code = {
  thread: 0x01,
  address: 0x0e,
  busy: 0x10,
  malformed: 0x16,
  readOnly: 0x1e,
  unsupported: 0x5f,
} as const;

/** A request that is refused: the code is for every client, the sentence for those that announced `error-message`. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  constructor(code: number, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

const malformed = (what: string): Refusal => new Refusal(code.malformed, `malformed request: ${what}`);

/** A 32-bit number in hexadecimal; GDB may extend the sign of an address to 64 bits. */
export function parseNumber(text: string): number {
  if (!/^[\da-f]{1,16}$/i.test(text)) throw malformed(`'${text.slice(0, 40)}' is no hexadecimal number`);
  return parseInt(text.slice(-8), 16);
}

/** `n` numbers that commas separate. */
export function parseNumbers(text: string, count: number): number[] {
  const parts = text.split(',');
  if (parts.length !== count) throw malformed(`expected ${count} numbers, found '${text.slice(0, 40)}'`);
  return parts.map(parseNumber);
}

/** The bytes that pairs of hexadecimal digits name. */
export function parseBytes(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (!bytes) throw malformed('expected pairs of hexadecimal digits');
  return bytes;
}

/** Text that was sent as hexadecimal, in UTF-8. */
export const parseText = (text: string): string => new TextDecoder().decode(parseBytes(text));

/** A register's value as the protocol writes it: four bytes, the lowest first. */
export function wordText(value: number): string {
  return toHex(Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
}

/** @throws Refusal unless the text is eight digits */
export function parseWord(text: string): number {
  const bytes = parseBytes(text);
  if (bytes.length !== 4) throw malformed(`a register has 4 bytes, found ${bytes.length}`);
  return bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24);
}

/** The arguments before `:` as text, and the binary data behind it. */
export function splitData(args: Uint8Array): { head: string; data: Uint8Array } {
  const colon = args.indexOf(0x3a);
  if (colon < 0) throw malformed("expected ':' before the data");
  return { head: textOf(args.subarray(0, colon)), data: args.subarray(colon + 1) };
}

/** A reply of ASCII followed by binary data. */
export function withData(head: string, data: Uint8Array): Uint8Array {
  const reply = new Uint8Array(head.length + data.length);
  reply.set(bytesOf(head));
  reply.set(data, head.length);
  return reply;
}

/** Text as hexadecimal of its UTF-8 bytes. */
export const hexOfText = (text: string): string => toHex(new TextEncoder().encode(text));
