/** Bytes in the number formats of WebAssembly's binary format (WebAssembly Core Specification 2.0, §5.2). */

/** A growable run of bytes. */
export class Bytes {
  #data = new Uint8Array(256);
  length = 0;

  u8(byte: number): this {
    this.#room(1);
    this.#data[this.length++] = byte;
    return this;
  }

  append(bytes: ArrayLike<number>): this {
    this.#room(bytes.length);
    this.#data.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Unsigned LEB128 of an integer in 0 … 2^32 - 1; a negative i32 is taken as its unsigned value. */
  u32(value: number): this {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.u8(rest);
  }

  /** Signed LEB128 of an i32; an unsigned 32-bit value is taken as its signed one. */
  s32(value: number): this {
    let rest = value | 0;
    while (rest > 0x3f || rest < -0x40) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    return this.u8(rest & 0x7f);
  }

  /** Signed LEB128 of an i64. */
  s64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    while (rest > 0x3fn || rest < -0x40n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return this.u8(Number(rest & 0x7fn));
  }

  /** A name: its UTF-8 bytes behind their count. */
  name(text: string): this {
    return this.vector(new TextEncoder().encode(text));
  }

  /** Bytes behind their count. */
  vector(bytes: ArrayLike<number>): this {
    return this.u32(bytes.length).append(bytes);
  }

  /** The bytes written so far; valid until the next write. */
  view(): Uint8Array {
    return this.#data.subarray(0, this.length);
  }

  #room(bytes: number): void {
    if (this.length + bytes <= this.#data.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#data.length, this.length + bytes));
    grown.set(this.view());
    this.#data = grown;
  }
}
