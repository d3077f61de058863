import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { emitNpy, emitNpz, parseNpy, parseNpz, type NpyArray } from '../../src/deploy/npz.ts';
import { emitZip, parseZip } from '../../src/deploy/zip.ts';
import { InputError } from '../../src/errors.ts';

const ARRAYS = new Map<string, NpyArray>([
  ['layer/weight', { type: 'int8', shape: [2, 3], data: Int8Array.of(-128, -1, 0, 1, 2, 127) }],
  ['bias', { type: 'int32', shape: [2], data: Int32Array.of(-(2 ** 31), 7) }],
  ['wide', { type: 'int64', shape: [1], data: BigInt64Array.of(-5n) }],
  ['scalar', { type: 'float64', shape: [], data: Float64Array.of(Math.PI) }],
  ['single', { type: 'float32', shape: [2], data: Float32Array.of(0.5, -1) }],
  ['none', { type: 'int16', shape: [0, 4], data: new Int16Array(0) }],
  ['flags', { type: 'bool', shape: [2], data: Uint8Array.of(1, 0) }],
]);

const numpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;
const withNumpy = numpy ? test : test.skip;
const why = numpy ? '' : ' (skipped: python3 has no numpy)';

describe('an .npz archive', () => {
  test.each([false, true])('is read back as it was written (deflated: %s)', (deflate) => {
    expect(parseNpz(emitNpz(ARRAYS, { deflate }), 'x.npz')).toEqual(ARRAYS);
  });

  test('is the same bytes every time', () => {
    expect(emitNpz(ARRAYS)).toEqual(emitNpz(ARRAYS));
  });

  withNumpy(`is read and written as NumPy does${why}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'octet-npz-'));
    try {
      const [ours, stored, packed] = ['ours.npz', 'stored.npz', 'packed.npz'].map((name) =>
        join(folder, name),
      );
      writeFileSync(ours, emitNpz(ARRAYS));
      const script = `
import numpy, sys
a = dict(numpy.load(sys.argv[1]))
assert a['layer/weight'].tolist() == [[-128, -1, 0], [1, 2, 127]] and a['none'].shape == (0, 4)
numpy.savez(sys.argv[2], **a)
numpy.savez_compressed(sys.argv[3], **a)`;
      execFileSync('python3', ['-c', script, ours, stored, packed]);
      expect(parseNpz(readFileSync(stored), 'stored.npz')).toEqual(ARRAYS);
      expect(parseNpz(readFileSync(packed), 'packed.npz')).toEqual(ARRAYS);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** A `.npy` file with the given header text. */
const npy = (header: string, data = new Uint8Array(8)): Uint8Array => {
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length, 0]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
};

const header = (descr: string, order: string, shape: string): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }\n`;

test('an array in Fortran order is read into row-major order', () => {
  // Stored column by column: (0, 0), (1, 0), (0, 1), …
  const { shape, data } = parseNpy(npy(header('|i1', 'True', '2, 3'), Uint8Array.of(1, 2, 3, 4, 5, 6)), 'x');
  expect(shape).toEqual([2, 3]);
  expect(data).toEqual(Int8Array.of(1, 3, 5, 2, 4, 6));
});

describe('an array octet cannot use is refused with a sentence:', () => {
  test.each([
    [new Uint8Array(20), 'x.npy: does not begin with the signature of a NumPy array'],
    [npy('{}'), 'x.npy: its header lacks descr, fortran_order or shape: {}'],
    [
      npy(header('>i4', 'False', '2')),
      'x.npy: element type >i4 is not supported, expected one of |i1 |u1 <i2',
    ],
    [npy(header('<c16', 'False', '2')), 'x.npy: element type <c16 is not supported'],
    [npy(header('<i4', 'False', '3')), 'x.npy: shape (3) of int32 needs 12 bytes, 8 are there'],
  ])('%#', (bytes, message) => {
    expect(() => parseNpy(bytes, 'x.npy')).toThrow(InputError);
    expect(() => parseNpy(bytes, 'x.npy')).toThrow(message);
  });

  test('a one-dimensional shape keeps its comma', () => {
    expect(new TextDecoder().decode(emitNpy({ type: 'int8', shape: [1], data: Int8Array.of(5) }))).toContain(
      "'shape': (1,)",
    );
  });
});

const archive = (): Uint8Array => emitZip(new Map([['a.npy', Uint8Array.of(1, 2, 3, 4)]]));

describe('a damaged archive is refused with a sentence:', () => {
  const damaged = (at: number, byte: number): Uint8Array => {
    const bytes = archive();
    bytes[at] = byte;
    return bytes;
  };
  const central = 30 + 5 + 4; // after the local header, its name and the data

  test.each([
    [
      'no archive',
      new Uint8Array(100),
      'x.npz: is no ZIP archive (an .npz file is one), or its end is missing',
    ],
    ['cut off', archive().subarray(0, 60), 'x.npz: is no ZIP archive'],
    ['altered data', damaged(36, 9), 'x.npz: entry a.npy: its checksum does not match, the data is damaged'],
    [
      'another compression',
      damaged(central + 10, 12),
      'x.npz: entry a.npy: compression method 12 is not supported',
    ],
    ['data that does not inflate', damaged(central + 10, 8), 'x.npz: entry a.npy: does not inflate:'],
    [
      'a wrong size',
      damaged(central + 24, 5),
      'x.npz: entry a.npy: unpacks to 4 bytes, the directory says 5',
    ],
    ['a wrong offset', damaged(central + 42, 5), 'x.npz: entry a.npy: its header is not at byte 5'],
    [
      'a missing directory entry',
      damaged(central, 0),
      `x.npz: byte ${central}: expected directory entry 0 of 1`,
    ],
  ])('%s', (_, bytes, message) => {
    expect(() => parseZip(bytes, 'x.npz')).toThrow(InputError);
    expect(() => parseZip(bytes, 'x.npz')).toThrow(message);
  });

  test('a size that lies cannot make it unpack without bound', () => {
    const packed = emitZip(new Map([['a', new Uint8Array(1 << 20)]]), { deflate: true });
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
    const directory = view.getUint32(packed.length - 6, true);
    view.setUint32(directory + 24, 10, true);
    expect(() => parseZip(packed, 'x.npz')).toThrow('x.npz: entry a: does not inflate:');
  });
});
