import { describe, expect } from 'vitest';
import { numeric } from '../../../src/deploy/graph/elements.ts';
import type { TensorData } from '../../../src/deploy/graph/graph.ts';
import { Arrays } from '../../../src/deploy/models/arrays.ts';
import { BERT_TINY, buildBertTiny, sentimentOf } from '../../../src/deploy/models/bert-tiny.ts';
import { type NpyArray, parseNpz } from '../../../src/deploy/npz.ts';
import { inputFor, quantise, scalesOf } from '../../../src/deploy/quantise/quantise.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { readShared, testWith } from '../shared.ts';

const PARAMETERS = 'berttiny_sst2/berttiny_params.npz';
const SEQUENCE = 64;

interface Sentence {
  readonly tokens: number;
  /** Embeddings [64, 128], padded with zeros. */
  readonly input: Float32Array;
  readonly logits: readonly number[];
}

function sentences(): Sentence[] {
  const golden = parseNpz(readShared('berttiny_sst2/golden.npz'), 'golden.npz');
  return [0, 1, 2].map((i) => {
    const { shape, data } = golden.get(`emb_${i}`) as NpyArray;
    const input = new Float32Array(SEQUENCE * BERT_TINY.width);
    input.set(Float32Array.from(numeric(data)));
    return { tokens: shape[0], input, logits: [...numeric((golden.get(`logits_${i}`) as NpyArray).data)] };
  });
}

describe('BERT-tiny on embedded sentences', () => {
  testWith(PARAMETERS, 'gives the golden logits in real numbers, with padding masked', () => {
    const parameters = Arrays.parse(readShared(PARAMETERS), PARAMETERS);
    for (const { tokens, input, logits } of sentences()) {
      const network = buildBertTiny(parameters, tokens);
      const encoded = evaluate(network, new Map([['embeddings', input]])).get('encoded') as TensorData;
      sentimentOf(parameters, numeric(encoded)).forEach((v, i) => expect(v).toBeCloseTo(logits[i], 3));
    }
  });

  // The classes are 1.8 to 5 apart.
  for (const [softmaxShift, most] of [
    [0, 0.25],
    [5, 0.6],
  ] as const) {
    testWith(PARAMETERS, `finds the same class in int8 with softmax shift ${softmaxShift}`, () => {
      const parameters = Arrays.parse(readShared(PARAMETERS), PARAMETERS);
      for (const { tokens, input, logits } of sentences()) {
        const network = buildBertTiny(parameters, tokens);
        const samples = [new Map([['embeddings', input]])];
        const padding = { rows: SEQUENCE, valid: tokens };
        const { graph } = quantise(network, samples, { softmaxShift, padding });
        const encoded = evaluate(graph, new Map([['embeddings', inputFor(graph, 'embeddings', input)]]));
        const [scale] = scalesOf(graph, 'encoded');
        const row = Array.from(numeric(encoded.get('encoded') as TensorData), (q) => q * scale);
        const found = sentimentOf(parameters, row);
        expect(Math.sign(found[1] - found[0])).toBe(Math.sign(logits[1] - logits[0]));
        found.forEach((v, i) => expect(Math.abs(v - logits[i])).toBeLessThan(most));
      }
    });
  }
});
