/** firmware/kernels/sum_block.c, compiled for the host with sanitizers, against its definition. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytes } from '../deploy/networks.ts';

const KERNELS = fileURLToPath(new URL('../../firmware/kernels/', import.meta.url));
const gcc = spawnSync('gcc', ['--version']).status === 0;
const directory = mkdtempSync(join(tmpdir(), 'octet-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Reads count, rows, columns, harts, shift, per_column, wide, then scale, offset and the terms; writes the result. */
const MAIN = `
#include <stdio.h>
#include <stdlib.h>
#include "sum.h"
static void *get(size_t size, size_t n) {
  void *at = malloc(size * n);
  if (fread(at, size, n, stdin) != n) exit(1);
  return at;
}
int main(void) {
  int32_t *head = get(4, 7);
  uint32_t elements = head[1] * head[2], constants = head[5] ? head[2] : 1;
  struct sum_scaling scaling = {.shift = head[4], .per_column = head[5], .wide = head[6]};
  scaling.scale = get(4, constants);
  scaling.offset = get(4, constants);
  struct sum_block block = {.count = head[0], .rows = head[1], .columns = head[2], .out = malloc(elements)};
  for (int32_t t = 0; t < head[0]; t++) block.terms[t] = get(1, elements);
  for (int32_t h = 0; h < head[3]; h++) sum_block(&block, &scaling, h, head[3]);
  return fwrite(block.out, 1, elements, stdout) != elements;
}
`;

interface Case {
  readonly terms: number;
  readonly rows: number;
  readonly columns: number;
  readonly harts: number;
  readonly shift: number;
  readonly perColumn: boolean;
  readonly wide: boolean;
  /** Magnitude of scale and offset. */
  readonly scale: number;
}

const base: Case = {
  terms: 2,
  rows: 9,
  columns: 12,
  harts: 8,
  shift: 12,
  perColumn: true,
  wide: false,
  scale: 90,
};
const CASES: readonly Case[] = [
  ...[1, 2, 3, 4, 5, 8].map((terms) => ({ ...base, terms })),
  ...[1, 3, 9, 16].map((harts) => ({ ...base, harts })),
  ...[1, 3, 6, 7].map((columns) => ({ ...base, columns })),
  { ...base, perColumn: false },
  { ...base, perColumn: false, columns: 5, terms: 4 },
  { ...base, rows: 1, columns: 4, harts: 16 },
  { ...base, shift: 0, scale: 1 },
  { ...base, wide: true, scale: 2 ** 23, shift: 30 },
  { ...base, wide: true, scale: 2 ** 23, shift: 35 },
];

beforeAll(() => {
  if (!gcc) return;
  writeFileSync(join(directory, 'main.c'), MAIN);
  const flags = [
    '-std=c11',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fsanitize=address,undefined',
    '-fno-sanitize-recover=all',
  ];
  execFileSync('gcc', [...flags, `-I${KERNELS}`, 'main.c', join(KERNELS, 'sum_block.c'), '-o', 'sum'], {
    cwd: directory,
  });
});

describe('sum_block on the host', () => {
  test.for(CASES)(
    'adds $terms terms of $rows x $columns on $harts harts (shift $shift, per column $perColumn, wide $wide)',
    (sum, context) => {
      context.skip(!gcc, 'there is no gcc for this host');
      const { terms, rows, columns, harts, shift, perColumn, wide, scale } = sum;
      const constants = perColumn ? columns : 1;
      const scales = Int32Array.from(bytes(constants, 3), (b) => Math.trunc((b * scale) / 100));
      const offsets = Int32Array.from(bytes(constants, 5), (b) => b * scale);
      const data = Array.from({ length: terms }, (_, t) => bytes(rows * columns, 11 + t));
      const input = Buffer.concat(
        [Int32Array.of(terms, rows, columns, harts, shift, +perColumn, +wide), scales, offsets, ...data].map(
          (part) => Buffer.from(part.buffer),
        ),
      );
      const output = new Int8Array(
        execFileSync(join(directory, 'sum'), { input, env: { ASAN_OPTIONS: 'detect_leaks=0' } }),
      );
      const expected = Int8Array.from({ length: rows * columns }, (_, i) => {
        const c = perColumn ? i % columns : 0;
        const x = data.reduce((total, term) => total + term[i], 0);
        const y = Math.floor((x * scales[c] + offsets[c]) / 2 ** shift);
        return Math.min(127, Math.max(-128, y));
      });
      expect(output).toEqual(expected);
      if (expected.length > 4) expect(new Set(expected).size).toBeGreaterThan(1);
    },
  );
});
