import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import type { Attribute, ElementType, TensorData } from '../../../src/deploy/graph/graph.ts';
import { streamingSoftmax } from '../../../src/deploy/reference/softmax.ts';
import { compareWithFloat, cosineSimilarity, evaluateFloat } from '../../../src/deploy/reference/float.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { matmul } from '../../../src/deploy/reference/matmul.ts';
import { toRequantShift } from '../../../src/deploy/models/parameters.ts';
import { InputError } from '../../../src/errors.ts';

interface Operand {
  readonly type?: ElementType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The result of one node on constant operands. */
function compute(
  op: string,
  operands: readonly Operand[],
  attributes: Record<string, Attribute> = {},
): number[] {
  const b = new GraphBuilder();
  const names = operands.map(({ type = 'int8', shape, data }, i) => b.constant(`i${i}`, type, shape, data));
  b.output(b.node(op, 'y', names, { attributes }));
  const graph = b.build('g');
  const data = evaluate(graph, new Map()).get('y') as Int8Array;
  expect(data).toHaveLength(graph.tensors.get('y')?.shape.reduce((n, d) => n * d, 1) as number);
  return [...data];
}

const v = (
  data: readonly number[],
  shape: readonly number[] = [data.length],
  type?: ElementType,
): Operand => ({
  type,
  shape,
  data,
});

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

const requantize = (acc: number, mult: number, shift: number, addend: number): number => {
  const { mul, add, div } = toRequantShift({ mult, shift, addend });
  return compute('RequantShift', [v([acc], [1], 'int32'), v([mul], [1], 'int32'), v([add], [1], 'float64')], {
    div,
  })[0];
};

describe('requantisation', () => {
  test.each([
    [1000, 97, 10, 3, 98],
    [-1000, 97, 10, 3, -92],
    [3, 1, 1, 0, 2],
    [-3, 1, 1, 0, -1],
    [-5, 1, 1, 0, -2],
    [5, 1, 2, 0, 1],
    [100000, 255, 16, 0, 127],
    [-100000, 255, 16, -7, -128],
    [12345, 64, 14, -5, 43],
    [-128, 1, 8, 0, 0],
    [-129, 1, 8, 0, -1],
  ])('of %i by %i, shift %i, addend %i is %i', (acc, mult, shift, addend, y) => {
    expect(requantize(acc, mult, shift, addend)).toBe(y);
  });

  test('rounds half up in exact arithmetic for every constant the accelerator has', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 25), max: 2 ** 25 - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 35 }),
        fc.integer({ min: -128, max: 127 }),
        (acc, mult, shift, addend) => {
          const product = BigInt(acc) * BigInt(mult);
          const half = shift > 0 ? (product >> BigInt(shift - 1)) & 1n : 0n;
          const exact = Number((product >> BigInt(shift)) + half) + addend;
          expect(requantize(acc, mult, shift, addend)).toBe(Math.min(Math.max(exact, -128), 127));
        },
      ),
    );
  });

  test('takes constants per channel and an unsigned result', () => {
    const inputs = [
      v([100, 100, -5, 900], [2, 2], 'int32'),
      v([1, 2], [2], 'int32'),
      v([0, 8], [2], 'int32'),
    ];
    expect(compute('RequantShift', inputs, { div: 4, signed: 0 })).toEqual([25, 52, 0, 255]);
  });
});

const softmax = (logits: readonly number[], shift: number): number[] => {
  const out = new Uint8Array(logits.length);
  streamingSoftmax(Int8Array.from(logits), out, shift);
  return [...out];
};

describe('the streaming softmax', () => {
  test('gives the worked example of the specification', () => {
    const row = [3, 1, 0, 2, 3, -1, -5, -20, 0, 0, 1, 2, -128, -3, -2, -1];
    row.push(
      4,
      ...Array<number>(15).fill(-10),
      ...Array<number>(16).fill(-2),
      7,
      6,
      6,
      6,
      ...Array<number>(12).fill(-100),
    );
    const expected = [5, 1, 0, 2, 5, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 10, ...Array<number>(31).fill(0)];
    expected.push(87, 43, 43, 43, ...Array<number>(12).fill(0));
    expect(softmax(row, 0)).toEqual(expected);
  });

  test('depends on the order of the groups, since the running sum is shifted as a whole', () => {
    const low = [0, ...Array<number>(15).fill(-8)];
    const high = [1, ...Array<number>(15).fill(-128)];
    // First low: (256 + 15 · 1) >> 1 = 135, then 256. First high: 256, then 128 + 15 · 0.
    expect(softmax([...low, ...high], 0)[16]).toBe(Math.floor(65280 / 391));
    expect(softmax([...high, ...low], 0)[0]).toBe(Math.floor(65280 / 384));
  });

  test('of a flat row is 255/n, hence 1 for 128 columns and 0 from 256 on', () => {
    expect(new Set(softmax(Array<number>(128).fill(9), 0))).toEqual(new Set([1]));
    expect(new Set(softmax(Array<number>(256).fill(9), 5))).toEqual(new Set([0]));
  });

  test('with 32 LSB per octave rounds the distance to the nearest octave', () => {
    const row = Array<number>(16).fill(-128);
    row[0] = 100;
    row[1] = 85; // 15 below: still the same octave
    row[2] = 84; // 16 below: one octave down
    const [top, same, next] = softmax(row, 5);
    expect([same, next]).toEqual([top, top >> 1]);
  });

  test('refuses a shift the accelerator does not have', () => {
    expect(() => compute('ITAPartialMax', [v([1, 2], [1, 2])], { softmax_shift: 3 })).toThrow(
      'expected 0 or 5',
    );
  });
});

describe('matrix products', () => {
  test('equal the triple loop for any size', () => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        fc.infiniteStream(fc.integer({ min: -128, max: 127 })),
        (rows, inner, columns, draw) => {
          const a = Int8Array.from({ length: rows * inner }, () => draw.next().value as number);
          const b = Int8Array.from({ length: inner * columns }, () => draw.next().value as number);
          const out = new Int32Array(rows * columns);
          matmul(
            { data: a, offset: 0 },
            { data: b, offset: 0 },
            { data: out, offset: 0 },
            rows,
            inner,
            columns,
          );
          const expected = out.map((_, n) => {
            const [i, j] = [Math.floor(n / columns), n % columns];
            return range(inner).reduce((sum, k) => sum + a[i * inner + k] * b[k * columns + j], 0);
          });
          expect(out).toEqual(expected);
        },
      ),
    );
  });

  test('take unsigned probabilities times signed values', () => {
    expect(compute('MatMul', [v([255, 1], [1, 2], 'uint8'), v([-128, 127], [2, 1])])).toEqual([-32513]);
  });

  test('repeat over leading axes', () => {
    const a = v([1, 2, 3, 4], [2, 1, 2]);
    expect(compute('MatMul', [a, v([1, 0, 0, 1], [2, 2])])).toEqual([1, 2, 3, 4]);
    expect(compute('MatMul', [a, v([1, 1, 10, 10], [2, 2, 1])])).toEqual([3, 70]);
  });
});

describe('operators that move elements', () => {
  test.each([
    ['Transpose', [v(range(6), [2, 3])], {}, [0, 3, 1, 4, 2, 5]],
    ['Transpose', [v(range(8), [2, 2, 2])], { perm: [1, 0, 2] }, [0, 1, 4, 5, 2, 3, 6, 7]],
    ['Gather', [v(range(6), [3, 2]), v([2, -3], [2], 'int32')], {}, [4, 5, 0, 1]],
    ['Gather', [v(range(6), [3, 2]), v([1], [1], 'int32')], { axis: 1 }, [1, 3, 5]],
    ['Concat', [v([1, 2], [2, 1]), v([3, 4, 5, 6], [2, 2])], { axis: 1 }, [1, 3, 4, 2, 5, 6]],
    ['Slice', [v(range(6), [3, 2]), v([1], [1], 'int64'), v([3], [1], 'int64')], {}, [2, 3, 4, 5]],
    [
      'Slice',
      [
        v(range(6), [3, 2]),
        v([-1], [1], 'int64'),
        v([-9], [1], 'int64'),
        v([0], [1], 'int64'),
        v([-2], [1], 'int64'),
      ],
      {},
      [4, 5, 0, 1],
    ],
    ['Reshape', [v(range(6), [3, 2]), v([-1], [1], 'int64')], {}, range(6)],
    ['Add', [v([127, -128], [2, 1]), v([127, 0, -128])], {}, [254, 127, -1, -1, -128, -256]],
    ['Relu', [v([-1, 0, 5])], {}, [0, 0, 5]],
  ] as const)('%s', (op, operands, attributes, expected) => {
    expect(compute(op, operands, attributes)).toEqual(expected);
  });

  test('an index outside a table is refused', () => {
    expect(() => compute('Gather', [v([1, 2]), v([2], [1], 'int32')])).toThrow(
      'index 2 lies outside the 2 entries',
    );
  });
});

test('iNoNorm takes the floor of the affine map', () => {
  const operands = [v([10, -10, 10, -10], [2, 2], 'int32'), v([3, 100], [2]), v([1, -1], [2], 'int32')];
  expect(compute('iNoNorm', operands, { mul: 5, D: 64, n_levels: 256 })).toEqual([2, -79, 2, -79]);
});

const chain = (): GraphBuilder => {
  const b = new GraphBuilder();
  b.output(b.node('Relu', 'b', [b.node('Relu', 'a', [b.input('x', 'int8', [2])])]));
  return b;
};

describe('evaluate', () => {
  const x = new Map<string, TensorData>([['x', Int8Array.of(-1, 3)]]);

  test('shows every intermediate in order', () => {
    const seen: string[] = [];
    evaluate(chain().build('g'), x, (name, data) => seen.push(`${name} ${data.join(' ')}`));
    expect(seen).toEqual(['a 0 3', 'b 0 3']);
  });

  test.each([
    [new Map<string, TensorData>(), 'graph g: no data for its input x'],
    [new Map([['x', Uint8Array.of(1, 2)]]), 'input x is a Uint8Array of 2 elements, expected int8 [2]'],
    [new Map([['x', Int8Array.of(1)]]), 'input x is a Int8Array of 1 elements, expected int8 [2]'],
  ])('refuses wrong inputs', (inputs, message) => {
    expect(() => evaluate(chain().build('g'), inputs)).toThrow(InputError);
    expect(() => evaluate(chain().build('g'), inputs)).toThrow(message);
  });
});

describe('the float run', () => {
  test('neither rounds nor clips, and agrees with the integers within their rounding', () => {
    const b = new GraphBuilder();
    const acc = b.constant('acc', 'int32', [3], [1001, -333, 100000]);
    const { mul, add, div } = toRequantShift({ mult: 200, shift: 12, addend: -2 });
    const mulName = b.constant('mul', 'int32', [1], [mul]);
    b.output(
      b.node('RequantShift', 'y', [acc, mulName, b.constant('add', 'int32', [1], [add])], {
        attributes: { div },
      }),
    );
    const graph = b.build('g');
    const y = evaluateFloat(graph, new Map()).get('y') as Float64Array;
    expect([...y]).toEqual([1001, -333, 100000].map((a) => (a * 200) / 4096 - 2));
    expect(evaluate(graph, new Map()).get('y')).toEqual(Int8Array.of(47, -18, 127));
  });

  test('has a softmax that sums to 255', () => {
    const b = new GraphBuilder();
    const logits = b.constant('x', 'int8', [1, 3], [0, 32, -32]);
    b.output(b.node('ITAPartialMax', 'p', [logits], { attributes: { softmax_shift: 5 } }));
    const p = evaluateFloat(b.build('g'), new Map()).get('p') as Float64Array;
    expect(p[0] + p[1] + p[2]).toBeCloseTo(255);
    expect(p[1] / p[0]).toBeCloseTo(2);
  });

  test('is compared by the angle between the two results', () => {
    expect(cosineSimilarity([1, 2], [2, 4])).toBeCloseTo(1);
    expect(cosineSimilarity([1, 0], [0, 1])).toBe(0);
    expect(cosineSimilarity([0, 0], [0, 1])).toBe(0);
    const b = new GraphBuilder();
    b.output(b.node('Relu', 'y', [b.input('x', 'int8', [2])]));
    const inputs = new Map([['x', Int8Array.of(3, 4)]]);
    expect(compareWithFloat(b.build('g'), inputs, new Set(['y']))).toEqual([{ tensor: 'y', cosine: 1 }]);
  });
});
