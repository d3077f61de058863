/**
 * Reads tensors from a safetensors file (huggingface.co/docs/safetensors, "Format"): eight bytes that hold the length of a
 * JSON header, the header, and the data it points into.
 */
import { InputError } from '../../errors.ts';
import { elements } from '../graph/graph.ts';
import type { NpyArray } from '../npz.ts';

/** More than any header of a network this size needs; a larger length is that of another kind of file. */
const MOST_HEADER = 100_000_000;

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [start: number, end: number];
}

/** IEEE 754 binary16 as a number. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a binary32. */
function brain(bits: number, scratch: DataView): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** Bytes of one element, and how it is read. */
const READERS: Readonly<
  Record<string, readonly [bytes: number, read: (view: DataView, at: number) => number]>
> = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => half(view.getUint16(at, true))],
  BF16: [2, (view, at) => brain(view.getUint16(at, true), SCRATCH)],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  I32: [4, (view, at) => view.getInt32(at, true)],
};
const SCRATCH = new DataView(new ArrayBuffer(4));

const whole = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((v) => Number.isSafeInteger(v) && v >= 0);

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  return typeof dtype === 'string' && whole(shape) && whole(offsets) && offsets.length === 2;
}

/** Whether the bytes begin as a safetensors file does: a length, then a JSON object. */
export function isSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 9 && bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;
}

/**
 * The tensors of a file by name, as float32.
 * @param wanted reads only tensors of these names; all unless given
 * @throws InputError naming the file and the tensor at fault
 */
export function parseSafetensors(
  bytes: Uint8Array,
  file: string,
  wanted: (name: string) => boolean = () => true,
): Map<string, NpyArray> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? -1 : Number(view.getBigUint64(0, true));
  if (length < 2 || length > MOST_HEADER || 8 + length > bytes.length) {
    throw new InputError(
      `${file}: is no safetensors file: its header would have ${length} of ${bytes.length} bytes`,
    );
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw new InputError(`${file}: its header is not JSON`);
  }
  if (typeof header !== 'object' || header === null)
    throw new InputError(`${file}: its header is no JSON object`);
  const tensors = new Map<string, NpyArray>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__' || !wanted(name)) continue;
    if (!isEntry(entry)) throw new InputError(`${file}: tensor ${name} lacks dtype, shape or data_offsets`);
    tensors.set(name, {
      type: 'float32',
      shape: entry.shape,
      data: read(view, 8 + length, name, entry, file),
    });
  }
  return tensors;
}

function read(view: DataView, start: number, name: string, entry: Entry, file: string): Float32Array {
  const { dtype, shape, data_offsets: offsets } = entry;
  const reader = Object.hasOwn(READERS, dtype) ? READERS[dtype] : undefined;
  if (!reader) {
    throw new InputError(
      `${file}: tensor ${name} is ${dtype}, expected one of ${Object.keys(READERS).join(', ')}`,
    );
  }
  const [size, valueAt] = reader;
  const count = elements(shape);
  const [from, to] = [start + offsets[0], start + offsets[1]];
  if (to - from !== count * size || to > view.byteLength) {
    throw new InputError(
      `${file}: tensor ${name} of shape (${shape.join(', ')}) lies at bytes ${from} to ${to} of ${view.byteLength}, expected ${count * size} bytes`,
    );
  }
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = valueAt(view, from + i * size);
  return data;
}
