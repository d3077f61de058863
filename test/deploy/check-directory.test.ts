/** The integer reference against every network with golden outputs that another tool wrote. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkDirectory, type TensorComparison } from '../../src/deploy/check-directory.ts';
import { GraphBuilder } from '../../src/deploy/graph/builder.ts';
import { emitNpz, type NpyArray } from '../../src/deploy/npz.ts';
import { emitOnnx } from '../../src/deploy/onnx/emit.ts';

const ROOT = fileURLToPath(new URL('../../../shared/models/deeploy', import.meta.url));

/** Folders below `dir`, relative to it, that hold a network. */
function networks(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return networks(dir, join(below, entry.name));
    return entry.name === 'network.onnx' ? [below] : [];
  });
}

const wrong = (comparisons: readonly TensorComparison[]): readonly TensorComparison[] =>
  comparisons.filter((c) => c.mismatches > 0);

describe('every element of every golden output and intermediate is reproduced:', () => {
  if (!existsSync(ROOT)) {
    test.skip('(skipped: ../shared/models/deeploy is absent)', () => undefined);
    return;
  }
  const folders = networks(ROOT);
  test.each(folders)('%s', (folder) => {
    const check = checkDirectory(join(ROOT, folder));
    expect(check.outputs).toHaveLength(check.graph.outputs.length);
    expect(wrong(check.outputs)).toEqual([]);
    expect(wrong(check.intermediates)).toEqual([]);
    expect(wrong(check.constants)).toEqual([]);
    // Integers are integer tensors throughout, though the files store them as float32.
    const types = new Set(Array.from(check.graph.tensors.values(), ({ type }) => type));
    expect(types.has('float32')).toBe(folder.includes('FP32'));
  });
});

const int64 = (...values: number[]): NpyArray => ({
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

describe('a test directory of our own', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'octet-check-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  function write(inputs: Record<string, NpyArray>, outputs: Record<string, NpyArray>): void {
    const b = new GraphBuilder();
    b.output(
      b.node('Add', 'y', [b.input('x', 'float32', [3]), b.constant('c', 'float32', [3], [1, 2, 300])]),
    );
    writeFileSync(join(dir, 'network.onnx'), emitOnnx(b.build('g')));
    writeFileSync(join(dir, 'inputs.npz'), emitNpz(new Map(Object.entries(inputs))));
    writeFileSync(join(dir, 'outputs.npz'), emitNpz(new Map(Object.entries(outputs))));
  }

  test('matches arrays by name or, where names differ, by position', () => {
    for (const name of ['x', 'anything']) {
      write({ [name]: int64(-1, 5, 200) }, { [name]: int64(0, 7, 500) });
      const check = checkDirectory(dir);
      expect(check.outputs).toEqual([{ array: name, tensor: 'y', elements: 3, mismatches: 0 }]);
      expect(check.graph.tensors.get('x')?.type).toBe('int16');
      expect(check.graph.tensors.get('c')?.type).toBe('int16');
    }
  });

  test('counts the elements that differ and shows the first', () => {
    write({ x: int64(1, 1, 1) }, { y: int64(2, 4, 300) });
    expect(checkDirectory(dir).outputs).toEqual([
      { array: 'y', tensor: 'y', elements: 3, mismatches: 2, first: { index: 1, expected: 4, found: 3 } },
    ]);
  });

  test('says which array beyond the inputs is no constant of the network', () => {
    write({ x: int64(1, 1, 1), c: int64(1, 2, 300), d: int64(1, 2, 3) }, { y: int64(2, 3, 301) });
    const { constants } = checkDirectory(dir);
    expect(constants.map(({ array, tensor, mismatches }) => [array, tensor, mismatches])).toEqual([
      ['c', 'c', 0],
      ['d', 'c', 1],
    ]);
  });

  test('is refused with the file that is missing or does not fit', () => {
    expect(() => checkDirectory(dir)).toThrow('network.onnx: is missing; a test directory holds it');
    write({ x: int64(1) }, { y: int64(1) });
    expect(() => checkDirectory(dir)).toThrow('array x has the shape [1], the input x [3]');
    write({}, { y: int64(1) });
    expect(() => checkDirectory(dir)).toThrow('has 0 arrays (), the network has 1: x');
    rmSync(join(dir, 'outputs.npz'));
    write({ x: int64(1, 2, 3) }, {});
    expect(() => checkDirectory(dir)).toThrow('outputs.npz: has 0 arrays (), the network has 1: y');
  });
});
