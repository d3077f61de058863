import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import { operationsOf } from '../../../src/deploy/graph/operations.ts';
import { buildVision, DINOV2_SMALL } from '../../../src/deploy/models/vit.ts';

/** A graph of one node with int8 inputs of these shapes. */
function single(op: string, shapes: readonly (readonly number[])[], attributes = {}) {
  const graph = new GraphBuilder();
  const inputs = shapes.map((shape, i) => graph.input(`in${i}`, 'int8', shape));
  graph.output(graph.node(op, 'node', inputs, { attributes }));
  return graph.build('single');
}

describe('the operations of a network', () => {
  test.each([
    [
      'MatMul',
      [
        [3, 5],
        [5, 7],
      ],
      {},
      3 * 5 * 7,
    ],
    [
      'MatMul',
      [
        [2, 4, 3, 5],
        [2, 4, 5, 7],
      ],
      {},
      2 * 4 * 3 * 5 * 7,
    ],
    [
      'MatMul',
      [
        [6, 3, 5],
        [5, 7],
      ],
      {},
      6 * 3 * 5 * 7,
    ],
    [
      'MatMulInteger',
      [
        [3, 5],
        [5, 7],
      ],
      {},
      3 * 5 * 7,
    ],
    [
      'Gemm',
      [
        [5, 3],
        [7, 5],
      ],
      { transA: 1, transB: 1 },
      3 * 5 * 7,
    ],
    // 8 filters of 4 channels and 3 × 3 over 10 × 10 outputs, two images
    [
      'Conv',
      [
        [2, 4, 12, 12],
        [8, 4, 3, 3],
      ],
      {},
      2 * 8 * 10 * 10 * 4 * 9,
    ],
    // depthwise: one channel per filter
    [
      'Conv',
      [
        [1, 8, 12, 12],
        [8, 1, 3, 3],
      ],
      { group: 8, pads: [1, 1, 1, 1] },
      8 * 12 * 12 * 9,
    ],
    [
      'Add',
      [
        [3, 5],
        [3, 5],
      ],
      {},
      0,
    ],
  ] as const)('are two for each multiply-add of %s %j', (op, shapes, attributes, macs) => {
    expect(operationsOf(single(op, shapes, attributes))).toEqual({ macs, operations: 2 * macs });
  });

  test('count a padded axis with its valid part, in rows and in sums', () => {
    const padding = { rows: 64, valid: 50 };
    expect(
      operationsOf(
        single('MatMul', [
          [64, 32],
          [32, 16],
        ]),
        padding,
      ).macs,
    ).toBe(50 * 32 * 16);
    expect(
      operationsOf(
        single('MatMul', [
          [64, 64],
          [64, 16],
        ]),
        padding,
      ).macs,
    ).toBe(50 * 50 * 16);
  });

  test('of DINOv2-Small are those of its 241 tokens', () => {
    const { sequence, tokens, layers } = DINOV2_SMALL;
    const all = operationsOf(buildVision({ ...DINOV2_SMALL, layers: 1 }, 1), {
      rows: sequence,
      valid: tokens,
    });
    const layer = tokens * (4 * 384 ** 2 + 2 * 384 * 1536 + 2 * tokens * 384);
    const patches = all.macs - layer;
    expect(tokens).toBe(241);
    expect(layers).toBe(12);
    // what is not the layer is the embedding of patches: tokens times 384 times the patch's 14 × 14 × 3 values
    expect(patches).toBe(tokens * 384 * 588);
  });
});
