/** Sequential little-endian reading with the variable-length integers of DWARF (DWARF 5 §7.6). */

const UTF8 = new TextDecoder();
/** Ten groups of seven bits hold 64. */
const LEB_LIMIT = 2 ** 70;

/** Reads forward through `bytes`; every read past the end throws RangeError. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  /** Offset of the next read. */
  at: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  u8(): number {
    return this.#view.getUint8(this.at++);
  }

  i8(): number {
    return this.#view.getInt8(this.at++);
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A 64-bit integer; exact up to 2^53. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Unsigned LEB128; exact up to 2^53. */
  uleb(): number {
    let value = 0;
    for (let scale = 1; scale < LEB_LIMIT; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a variable-length integer has more than 64 bits');
  }

  /** Signed LEB128; exact within ±2^53. */
  sleb(): number {
    let value = 0;
    for (let scale = 1; scale < LEB_LIMIT; scale *= 128) {
      const byte = this.u8();
      if (byte < 0x80) return value + (byte & 0x40 ? byte - 0x80 : byte) * scale;
      value += (byte & 0x7f) * scale;
    }
    throw new RangeError('a variable-length integer has more than 64 bits');
  }

  /** A string up to its terminating zero byte, which is read too. */
  cstring(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || this.at > this.bytes.length) throw new RangeError('a string has no end');
    const text = UTF8.decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  /** The next `count` bytes as a view, not a copy. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    if (count < 0 || this.at > this.bytes.length) throw new RangeError(`${count} bytes do not fit`);
    return this.bytes.subarray(start, this.at);
  }

  #advance(count: number): number {
    const start = this.at;
    this.at += count;
    return start;
  }
}
