/**
 * Packets of the GDB remote serial protocol and back to bytes: framing, checksums, escapes, acknowledgements, the
 * interrupt byte (GDB manual, "Remote Protocol: Overview"). Nothing here knows a command.
 */

/** What `qSupported` announces: the most bytes a packet may have, frame included. */
export const PACKET_SIZE = 0x1_0000;

export const INTERRUPT = 0x03;

const PLUS = 0x2b;
const MINUS = 0x2d;
const DOLLAR = 0x24;
const HASH = 0x23;
const STAR = 0x2a;
const ESCAPE = 0x7d;
const ESCAPE_BIT = 0x20;

/** What arrives on the line. */
export type Incoming =
  | { readonly kind: 'packet'; readonly payload: Uint8Array }
  /** A packet whose checksum is wrong, or that is longer than we said we take. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack' }
  | { readonly kind: 'interrupt' };

/** Whether a connection that begins with this byte can be one of the protocol; HTTP, for one, begins otherwise. */
export const canBegin = (byte: number): boolean => [PLUS, MINUS, DOLLAR, INTERRUPT].includes(byte);

/** Each character as one byte: for texts of ASCII, or of bytes that `textOf` made. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Several times as fast as spreading the bytes. */
const fromCharCodes = (codes: Uint8Array): string => Reflect.apply(String.fromCharCode, undefined, codes);

/** Each byte as one character, so that `bytesOf` gives it back. */
export function textOf(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x2000) {
    text += fromCharCodes(bytes.subarray(i, i + 0x2000));
  }
  return text;
}

const HEX = '0123456789abcdef';

/** Two lower-case digits for each byte. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte >> 4] + HEX[byte & 15];
  return text;
}

/** The bytes that pairs of digits name; undefined for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || /[^\da-f]/i.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** `$payload#checksum`, with the bytes that mean something to the frame escaped. */
export function frame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 * payload.length + 4);
  let at = 0;
  let sum = 0;
  bytes[at++] = DOLLAR;
  for (const byte of payload) {
    if (byte === ESCAPE || byte === HASH || byte === DOLLAR || byte === STAR) {
      bytes[at++] = ESCAPE;
      bytes[at++] = byte ^ ESCAPE_BIT;
      sum += ESCAPE + (byte ^ ESCAPE_BIT);
    } else {
      bytes[at++] = byte;
      sum += byte;
    }
  }
  bytes[at++] = HASH;
  bytes[at++] = HEX.charCodeAt((sum >> 4) & 15);
  bytes[at++] = HEX.charCodeAt(sum & 15);
  return bytes.subarray(0, at);
}

/** How much of `payload` fits into one packet when it is sent from its beginning. */
export function fitting(payload: Uint8Array, room: number): number {
  let size = 0;
  for (let i = 0; i < payload.length; i++) {
    const byte = payload[i];
    size += byte === ESCAPE || byte === HASH || byte === DOLLAR || byte === STAR ? 2 : 1;
    if (size > room) return i;
  }
  return payload.length;
}

type State = 'between' | 'payload' | 'escaped' | 'checksum' | 'last digit';

/** Takes bytes as they arrive, however they are cut, and gives what they mean. Keeps at most one packet. */
export class PacketReader {
  #state: State = 'between';
  readonly #payload = new Uint8Array(PACKET_SIZE);
  #length = 0;
  #sum = 0;
  #expected = 0;

  /** The payload of a packet is a copy with escapes resolved. */
  *read(bytes: Uint8Array): Generator<Incoming> {
    for (const byte of bytes) {
      const incoming = this.#take(byte);
      if (incoming) yield incoming;
    }
  }

  #take(byte: number): Incoming | undefined {
    switch (this.#state) {
      case 'between':
        return this.#between(byte);
      case 'checksum':
        this.#expected = digit(byte) << 4;
        this.#state = 'last digit';
        return undefined;
      case 'last digit': {
        this.#state = 'between';
        const right = this.#sum === (this.#expected | digit(byte)) && this.#length <= PACKET_SIZE;
        if (!right) return { kind: 'damaged' };
        return { kind: 'packet', payload: this.#payload.slice(0, this.#length) };
      }
      default:
        this.#inside(byte);
        return undefined;
    }
  }

  #between(byte: number): Incoming | undefined {
    if (byte === DOLLAR) this.#open();
    if (byte === PLUS) return { kind: 'ack' };
    if (byte === MINUS) return { kind: 'nack' };
    if (byte === INTERRUPT) return { kind: 'interrupt' };
    return undefined; // noise on the line
  }

  #open(): void {
    this.#state = 'payload';
    this.#length = 0;
    this.#sum = 0;
  }

  #inside(byte: number): void {
    if (byte === DOLLAR) return this.#open(); // never inside a packet: the rest of the last one was lost
    if (byte === HASH) {
      this.#state = 'checksum';
      return;
    }
    this.#sum = (this.#sum + byte) & 0xff;
    if (this.#state === 'payload' && byte === ESCAPE) {
      this.#state = 'escaped';
      return;
    }
    this.#payload[this.#length] = this.#state === 'escaped' ? byte ^ ESCAPE_BIT : byte; // beyond the end: dropped
    this.#length = Math.min(this.#length + 1, PACKET_SIZE + 1);
    this.#state = 'payload';
  }
}

/** The value of a hexadecimal digit; for another character one that no checksum equals. */
function digit(byte: number): number {
  const value = HEX.indexOf(String.fromCharCode(byte).toLowerCase());
  return value < 0 ? 0x100 : value;
}
