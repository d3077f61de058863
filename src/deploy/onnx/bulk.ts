/** Packed repeated numbers of protobuf as typed arrays (protobuf.dev, "Encoding"): a file's millions take no objects. */
import type { Bulk } from './schema.ts';

export type BulkArray =
  Int8Array | Uint8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** A view of the bytes as `Class` where they are aligned, else of a copy. */
function viewed(bytes: Uint8Array, Class: typeof Float32Array | typeof Float64Array): BulkArray {
  const width = Class.BYTES_PER_ELEMENT;
  if (bytes.length % width !== 0) throw new Error('its last packed value is cut off');
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return new Class(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / width);
}

/** Calls `take` with each varint as a signed 32-bit number; what is beyond 32 bits is cut off, as protobuf says. */
function eachInt32(bytes: Uint8Array, take: (value: number) => void): void {
  let value = 0;
  let shift = 0;
  for (const byte of bytes) {
    if (shift < 32) value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) {
      take(value);
      value = 0;
      shift = 0;
    } else if (shift === 70) throw new Error('invalid varint');
  }
  if (shift !== 0) throw new Error('its last packed value is cut off');
}

/** The narrowest array that holds the values: two passes instead of one wide array. */
function int32s(bytes: Uint8Array): BulkArray {
  let count = 0;
  let least = 0;
  let most = 0;
  eachInt32(bytes, (value) => {
    count++;
    least = Math.min(least, value);
    most = Math.max(most, value);
  });
  if (count === bytes.length) return bytes;
  const narrow = [
    [Int8Array, -0x80, 0x7f],
    [Uint8Array, 0, 0xff],
    [Int16Array, -0x8000, 0x7fff],
  ] as const;
  const [Class] = narrow.find(([, low, high]) => least >= low && most <= high) ?? [Int32Array];
  const values = new Class(count);
  let to = 0;
  eachInt32(bytes, (value) => (values[to++] = value));
  return values;
}

function int64s(bytes: Uint8Array): BulkArray {
  const count = bytes.reduce((n, byte) => n + (byte < 0x80 ? 1 : 0), 0);
  const values = new BigInt64Array(count);
  let to = 0;
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte < 0x80) {
      values[to++] = value;
      value = 0n;
      shift = 0n;
    } else if (shift === 70n) throw new Error('invalid varint');
  }
  if (shift !== 0n) throw new Error('its last packed value is cut off');
  return values;
}

const UNPACK: Readonly<Record<Bulk, (bytes: Uint8Array) => BulkArray>> = {
  int32s,
  int64s,
  floats: (bytes) => viewed(bytes, Float32Array),
  doubles: (bytes) => viewed(bytes, Float64Array),
};

/**
 * The numbers in the bytes of a packed field: a view of them where the format allows.
 * @throws Error with a clause that says what is wrong with the bytes
 */
export const unpack = (kind: Bulk, bytes: Uint8Array): BulkArray => UNPACK[kind](bytes);
