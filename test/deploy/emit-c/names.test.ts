import { expect, test } from 'vitest';
import { declaredNames } from '../../../src/deploy/emit-c/declared.ts';
import { Names } from '../../../src/deploy/emit-c/names.ts';

test('a node with the name of a kernel or of a runtime function gets another name in C', () => {
  const names = new Names(declaredNames());
  for (const name of ['softmax', 'gemm', 'dma_copy', 'cluster_barrier', 'ita_submit']) {
    expect(names.take(name), name).toBe(`${name}_2`);
  }
  expect(names.take('layer_1')).toBe('layer_1');
});

test('words of comments are not taken for names', () => {
  expect(declaredNames()).not.toContain('shapes');
});
