import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packBias, tileWeight } from '../../../src/deploy/emit-c/weights.ts';
import { Names } from '../../../src/deploy/emit-c/names.ts';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { requantise } from '../../../src/deploy/passes/requant.ts';
import type { LinearStep } from '../../../src/deploy/passes/steps.ts';
import { bytes, Network } from '../networks.ts';

describe('weights', () => {
  test('become transposed tiles of 64 x 64 with zeros around', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 150 }), (inner, outputs) => {
        const data = bytes(inner * outputs);
        const tiles = tileWeight({ name: 'w', type: 'int8', shape: [inner, outputs], data });
        const across = Math.ceil(inner / 64);
        expect(tiles).toHaveLength(across * Math.ceil(outputs / 64) * 4096);
        let nonzero = 0;
        for (let n = 0; n < outputs; n++) {
          for (let k = 0; k < inner; k++) {
            const at = ((n >> 6) * across + (k >> 6)) * 4096 + (n & 63) * 64 + (k & 63);
            if (tiles[at] !== data[k * outputs + n]) throw new Error(`weight ${k}, ${n} is not at ${at}`);
            nonzero += +(tiles[at] !== 0);
          }
        }
        expect(tiles.filter((x) => x !== 0)).toHaveLength(nonzero);
      }),
      { numRuns: 20 },
    );
  });

  test('biases are packed in 24 bits, and padding channels requantise to zero', () => {
    const n = new Network();
    const graph = n.build(
      n.linear('y', n.input('x', 64, 64), 32, { mul: 200, shift: 10, add: 512 + 5 * 1024 }),
    );
    const [step] = lower(graph, { softmaxShift: 0 }).steps as LinearStep[];
    const packed = packBias(step);
    expect(packed).toHaveLength(192);
    const value = (i: number): number =>
      ((packed[3 * i] | (packed[3 * i + 1] << 8) | (packed[3 * i + 2] << 16)) << 8) >> 8;
    const biases = Array.from({ length: 64 }, (_, i) => value(i));
    expect(Int32Array.from(biases.slice(0, 32))).toEqual(graph.tensors.get('y/bias')?.data);
    for (const bias of biases.slice(32)) expect(requantise(bias, step.requant)).toBe(0);
  });
});

describe('names', () => {
  test('are C identifiers, each used once', () => {
    const names = new Names();
    expect(['layer/0:out', 'layer_0_out', '3d', 'int', 'a*/b'].map((name) => names.take(name))).toEqual([
      'layer_0_out',
      'layer_0_out_2',
      '_3d',
      'int_2',
      'a_b',
    ]);
  });
});
