/** Reads and writes NumPy arrays, `.npy` (NEP 1) and archives of them, `.npz`. */
import { InputError } from '../errors.ts';
import { ARRAY, elementBytes } from './graph/elements.ts';
import { elements, type ElementType, type TensorData } from './graph/graph.ts';
import { emitZip, parseZip } from './zip.ts';

/** An array in row-major order. */
export interface NpyArray {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

const DESCRIPTION: Readonly<Record<ElementType, string>> = {
  int8: '|i1',
  uint8: '|u1',
  int16: '<i2',
  int32: '<i4',
  int64: '<i8',
  float32: '<f4',
  float64: '<f8',
  bool: '|b1',
};

const TYPE_OF = new Map(
  Object.entries(DESCRIPTION).map(([type, descr]) => [descr.slice(1), type as ElementType]),
);

/**
 * One `.npy` array.
 * @param where file and entry, the prefix of error messages
 * @throws InputError when it is no array, is big-endian, of an unsupported type, or truncated
 */
export function parseNpy(bytes: Uint8Array, where: string): NpyArray {
  if (bytes.length < 12 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new InputError(`${where}: does not begin with the signature of a NumPy array`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] >= 2;
  const headerAt = wide ? 12 : 10;
  const start = headerAt + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(bytes.subarray(headerAt, start));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || dims === undefined) {
    throw new InputError(
      `${where}: its header lacks descr, fortran_order or shape: ${header.trim().slice(0, 80)}`,
    );
  }
  const type = TYPE_OF.get(descr.slice(1));
  if (!type || descr.startsWith('>')) {
    throw new InputError(
      `${where}: element type ${descr} is not supported, expected one of ${Object.values(DESCRIPTION).join(' ')}`,
    );
  }
  const shape = dims
    .split(',')
    .filter((d) => d.trim() !== '')
    .map(Number);
  const needed = elements(shape) * elementBytes(type);
  if (!(bytes.length - start >= needed)) {
    throw new InputError(
      `${where}: shape (${dims}) of ${type} needs ${needed} bytes, ${bytes.length - start} are there`,
    );
  }
  const raw = new Uint8Array(bytes.subarray(start, start + needed)); // a copy, and so aligned
  const data = new ARRAY[type](raw.buffer);
  return { type, shape, data: order === 'True' ? rowMajor(data, shape) : data };
}

/** The elements of a column-major array in row-major order. */
function rowMajor(data: TensorData, shape: readonly number[]): TensorData {
  const step = shape.map((_, axis) => elements(shape.slice(0, axis)));
  const result = data.slice();
  let to = 0;
  const walk = (axis: number, from: number): void => {
    if (axis === shape.length) {
      result[to++] = data[from];
      return;
    }
    for (let i = 0; i < shape[axis]; i++) walk(axis + 1, from + i * step[axis]);
  };
  walk(0, 0);
  return result;
}

/** The bytes of a `.npy` file, version 1.0. */
export function emitNpy({ type, shape, data }: NpyArray): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${DESCRIPTION[type]}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(padded + data.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, padded - 10, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(padded - 11)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), padded);
  return bytes;
}

/**
 * The arrays of a `.npz` archive by name, without the `.npy` ending.
 * @throws InputError naming the file and the array at fault
 */
export function parseNpz(bytes: Uint8Array, file: string): Map<string, NpyArray> {
  return new Map(
    Array.from(parseZip(bytes, file), ([entry, data]) => {
      const name = entry.replace(/\.npy$/, '');
      return [name, parseNpy(data, `${file}: array ${name}`)];
    }),
  );
}

/** The bytes of a `.npz` archive, uncompressed as `numpy.savez` writes it unless asked otherwise. */
export function emitNpz(
  arrays: ReadonlyMap<string, NpyArray>,
  options: { readonly deflate?: boolean } = {},
): Uint8Array {
  return emitZip(new Map(Array.from(arrays, ([name, array]) => [`${name}.npy`, emitNpy(array)])), options);
}
