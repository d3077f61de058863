import { describe, expect, test } from 'vitest';
import { buildMobileBert, MOBILEBERT, type MobileBertConfig } from '../../../src/deploy/models/mobilebert.ts';
import { calibrationTokens, syntheticParameters } from '../../../src/deploy/models/synthetic.ts';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { optimise } from '../../../src/deploy/passes/passes.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

const SMALL: MobileBertConfig = {
  ...MOBILEBERT,
  layers: 1,
  hidden: 64,
  bottleneck: 64,
  heads: 4,
  intermediate: 64,
  ffns: 1,
  sequence: 64,
  vocabulary: 100,
  embedding: 64,
};
const LIMITS = { softmaxShift: 0 };
const at = 'layer_00/attention';

describe('MobileBERT, its attention written for all heads at once,', () => {
  const graph = buildMobileBert(
    SMALL,
    syntheticParameters({ seed: 3, calibration: calibrationTokens(SMALL, 3, 2) }),
  );
  const { steps } = lower(graph, LIMITS);

  test('is deployed head by head, each with its slice of the projections, and no step moves anything', () => {
    const own = steps
      .filter(({ name }) => name.startsWith(`${at}/head`))
      .map(({ kind, name }) => [kind, name]);
    const heads = [0, 1, 2, 3].map((h) => `${at}/head_${h}`);
    expect(own).toEqual([
      ...heads.flatMap((head) => [
        ['linear', `${head}/query/requantize`],
        ['linear', `${head}/key/requantize`],
        ['linear', `${head}/value/requantize.transposed`],
        ['attention', `${head}/context/requantize`],
      ]),
      ...heads.map((head) => ['linear', `${head}/projection/requantize`]),
      ['sum', `${at}/heads/requantize`],
    ]);
    expect(steps.filter(({ kind }) => kind === 'kernel')).toEqual([]);
  });

  test('gives every head the multiplier and shift it was calibrated to', () => {
    const { mul } = { mul: graph.tensors.get(`${at}/projection/requantize/mul`)?.data as Int32Array };
    const div = graph.nodes.find(({ name }) => name === `${at}/projection/requantize`)?.attributes
      .div as number;
    steps
      .filter(({ name }) => name.endsWith('/projection/requantize'))
      .forEach((step, h) => {
        if (step.kind !== 'linear') throw new Error(`${step.name} is no linear layer`);
        const { mult, shift } = step.requant;
        expect(mult / 2 ** shift).toBe(mul[h] / div);
        expect(mult).toBeGreaterThanOrEqual(128);
        expect(mult).toBeLessThan(256);
      });
  });

  test('computes the same head by head', () => {
    const [inputs] = calibrationTokens(SMALL, 7, 1);
    expect(evaluate(optimise(graph, LIMITS), inputs)).toEqual(evaluate(graph, inputs));
  });

  test('runs on the harts where the passes that take it apart are switched off', () => {
    const disabled = new Set(['fuse-attention', 'split-projections']);
    const kinds = lower(graph, LIMITS, { disabled }).steps.filter(({ name }) => name.startsWith(at));
    expect(kinds.some(({ kind }) => kind === 'attention')).toBe(false);
    expect(kinds.some(({ kind }) => kind === 'kernel')).toBe(true);
  });
});
