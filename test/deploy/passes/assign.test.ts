import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { acceleratorRequant, biasOfZero, requantise } from '../../../src/deploy/passes/requant.ts';
import type { SumStep } from '../../../src/deploy/passes/steps.ts';
import { Network, type LinearOptions } from '../networks.ts';

const program = (build: (n: Network) => string) => {
  const n = new Network();
  return lower(n.build(build(n)), { softmaxShift: 0 });
};
const linear = (rows: number, inner: number, columns: number, options?: LinearOptions) => () =>
  program((n) => n.linear('y', n.input('x', rows, inner), columns, options));

describe('engine assignment', () => {
  test('gives matrix products to the accelerator and sums to the harts, each with a reason', () => {
    const { steps } = program((n) => {
      const x = n.input('x', 64, 128);
      return n.norm('out', n.add('sum', n.linear('y', x, 128), x));
    });
    expect(steps.map(({ kind, engine }) => [kind, engine])).toEqual([
      ['linear', 'ita'],
      ['sum', 'harts'],
    ]);
    expect(steps[0].reason).toBe(
      'int8 matrix product [64, 128] x [128, 128] with one u8 multiplier (3 / 2^12 + 0)',
    );
    expect(steps[1].reason).toBe('NoNorm of the sum of 2 tensors, element by element');
  });

  test.each([
    [
      'a multiplier above 255',
      linear(64, 64, 64, { mul: 257 }),
      'node y: the accelerator does not take it: its requantisation multiplies by 257, the accelerator by 0 to 255',
    ],
    [
      'an addend beyond what biases hold',
      linear(64, 64, 64, { mul: 3, add: 3 * 2 ** 24, shift: 1 }),
      'its requantisation adds 50331648, the accelerator a whole multiple of 2^1',
    ],
    [
      'rows that are no multiple of 64',
      linear(100, 64, 64),
      'its 100 rows are no multiple of 64; padding the sequence would change the softmax, so choose a sequence length of 128',
    ],
    [
      'an inner size above 960',
      linear(64, 1024, 64),
      'its inner size 1024 exceeds the 960 the accelerator accumulates',
    ],
    [
      'values that no linear layer makes',
      () =>
        program((n) => n.attention('o', n.input('q', 64, 64), n.input('k', 64, 64), n.input('v', 64, 64))),
      'its values v are not the output of a linear layer',
    ],
    [
      'another softmax shift',
      () =>
        program((n) =>
          n.attention(
            'o',
            n.input('q', 64, 64),
            n.input('k', 64, 64),
            n.linear('v', n.input('x', 64, 64), 64),
            { softmaxShift: 5 },
          ),
        ),
      "its softmax has shift 5, the machine's accelerator 0 (see --softmax-shift)",
    ],
  ])('leaves %s to the harts and says why', (_, deploy, message) => {
    const { steps } = deploy();
    expect(steps.some(({ kind, reason }) => kind === 'kernel' && reason.includes(message))).toBe(true);
  });

  test('folds the scale of iNoNorm into weight and bias', () => {
    const [sum] = program((n) => n.norm('y', n.input('x', 4, 8))).steps as SumStep[];
    const n = new Network();
    n.norm('y', n.input('x', 4, 8));
    const weight = n.graph.tensors.get('y/weight')?.data as Int8Array;
    expect([...sum.scale]).toEqual(Array.from(weight, (w) => w * 150));
    expect(sum).toMatchObject({ shift: 14, wide: false });
  });

  test('asks for 64-bit products where 32 bits may overflow', () => {
    const wide = program((n) =>
      n.requant('y', n.add('ab', n.input('a', 4, 4), n.input('b', 4, 4)), { mul: 2 ** 24, shift: 20 }),
    );
    expect(wide.steps[0]).toMatchObject({ wide: true });
  });
});

describe("requantisation in the accelerator's form", () => {
  const form = fc.record({
    mult: fc.integer({ min: 0, max: 255 }),
    shift: fc.integer({ min: 0, max: 22 }),
    add: fc.integer({ min: -128, max: 127 }),
  });

  test('computes what the multiply-add-divide form computes', () => {
    fc.assert(
      fc.property(form, fc.integer({ min: -(2 ** 25), max: 2 ** 25 - 1 }), ({ mult, shift, add }, acc) => {
        const half = shift > 0 ? 2 ** (shift - 1) : 0;
        const dialect = { mul: mult, add: half + add * 2 ** shift, shift };
        expect(acceleratorRequant(dialect)).toEqual({ mult, shift, add });
        const y = Math.floor((acc * dialect.mul + dialect.add) / 2 ** shift);
        expect(requantise(acc, { mult, shift, add })).toBe(Math.min(127, Math.max(-128, y)));
      }),
    );
  });

  test('has a bias that gives zero, or says that there is none', () => {
    fc.assert(
      fc.property(form, (requant) => {
        const bias = biasOfZero(requant);
        if (bias !== undefined) expect(requantise(bias, requant)).toBe(0);
        else expect(requant.add).not.toBe(0);
      }),
    );
    expect(biasOfZero({ mult: 200, shift: 10, add: 5 })).toBe(-26);
  });

  test('follows the worked examples of the accelerator specification, §6', () => {
    const examples = [
      [1000, 97, 10, 3, 98],
      [-1000, 97, 10, 3, -92],
      [3, 1, 1, 0, 2],
      [-5, 1, 1, 0, -2],
      [5, 1, 2, 0, 1],
      [-100000, 255, 16, -7, -128],
      [12345, 64, 14, -5, 43],
    ];
    for (const [acc, mult, shift, add, y] of examples) expect(requantise(acc, { mult, shift, add })).toBe(y);
  });
});
