import { describe, expect, test } from 'vitest';
import { numeric } from '../../../src/deploy/graph/elements.ts';
import { elements } from '../../../src/deploy/graph/graph.ts';
import { Arrays } from '../../../src/deploy/models/arrays.ts';
import { buildKwt, KWT1, kwtInput } from '../../../src/deploy/models/kwt.ts';
import { mfcc } from '../../../src/deploy/models/mfcc.ts';
import { parseWav } from '../../../src/deploy/models/wav.ts';
import { type NpyArray, parseNpz } from '../../../src/deploy/npz.ts';
import { inputFor, quantise } from '../../../src/deploy/quantise/quantise.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { kwtScores, quantisedKwt } from '../../../src/deploy/run/kwt.ts';
import { readShared, testWith } from '../shared.ts';

const FULL = process.env.OCTET_FULL === '1';
const PARAMETERS = 'kwt1/kwt1_params.npz';
const CLIPS = 66;
const PER_CLASS = 6;

const parameters = (): Arrays => Arrays.parse(readShared(PARAMETERS), PARAMETERS);

/** Golden arrays; entry i of each belongs to clip i. */
function golden(): Record<'features' | 'logits', (i: number) => Float32Array> & {
  label: (i: number) => number;
} {
  const arrays = parseNpz(readShared('kwt1/golden.npz'), 'golden.npz');
  const entry = (name: string, i: number): Float32Array => {
    const { data, shape } = arrays.get(name) as NpyArray;
    const size = elements(shape.slice(1));
    return Float32Array.from(numeric(data).subarray(i * size, (i + 1) * size));
  };
  return {
    features: (i) => entry('features', i),
    logits: (i) => entry('logits', i),
    label: (i) => entry('label', i)[0],
  };
}

/** Clip i as a file: six of each label, in the order of the labels from the second on. */
const clipName = (i: number): string =>
  `${KWT1.labels[1 + Math.floor(i / PER_CLASS)].replaceAll('_', '')}_${String(i % PER_CLASS).padStart(2, '0')}.wav`;

const winner = (values: ArrayLike<number>): number => {
  const row = Array.from(values).slice(0, KWT1.labels.length);
  return row.indexOf(Math.max(...row));
};

describe('KWT-1', () => {
  testWith(PARAMETERS, 'the features of a clip are the golden ones to 1e-3', () => {
    const tables = parameters();
    for (const i of FULL ? Array.from({ length: CLIPS }, (_, n) => n) : [0, 24, 65]) {
      const file = clipName(i);
      const found = mfcc(parseWav(readShared(`kwt1/speech_commands/${file}`), file), tables, file);
      const differences = golden()
        .features(i)
        .map((value, j) => Math.abs(value - found[j]));
      expect(Math.max(...differences), file).toBeLessThan(1e-3);
    }
  });

  testWith(PARAMETERS, 'the real-valued network gives the golden logits, padded or not', () => {
    const { features, logits } = golden();
    for (const sequence of [KWT1.sequence, KWT1.tokens]) {
      const network = buildKwt(parameters(), { sequence });
      const found = evaluate(network, new Map([['features', kwtInput(features(30), sequence)]])).get(
        'logits',
      );
      logits(30).forEach((value, i) => expect(Number(found?.[i])).toBeCloseTo(value, 2));
    }
  });

  testWith(PARAMETERS, 'padding has no part in the tokens with softmax shift 0', () => {
    const { features } = golden();
    const network = buildKwt(parameters(), { layers: 2 });
    const samples = [3, 40].map((i) => new Map([['features', kwtInput(features(i))]]));
    const { graph } = quantise(network, samples, { padding: { rows: KWT1.sequence, valid: KWT1.tokens } });
    const run = (input: Float32Array): number[] =>
      Array.from(
        evaluate(graph, new Map([['features', inputFor(graph, 'features', input)]])).get('logits') ?? [],
        Number,
      );
    const clip = kwtInput(features(12));
    const noisy = clip.slice().fill(50, KWT1.tokens * KWT1.features);
    const [a, b] = [run(clip), run(noisy)];
    const tokens = KWT1.tokens * KWT1.labels.length;
    expect(a.slice(0, tokens)).toEqual(b.slice(0, tokens));
    expect(a.slice(tokens)).not.toEqual(b.slice(tokens));
  });

  // Each takes a second a clip and more: softmax shift 5 and all clips are for the full run.
  for (const shift of FULL ? ([0, 5] as const) : ([0] as const)) {
    const clips = FULL ? CLIPS : 8;
    testWith(
      PARAMETERS,
      `int8 recognises ${clips} clips as the real-valued network does within 2 %, with softmax shift ${shift}`,
      () => {
        const { features, logits, label } = golden();
        const calibration = Array.from({ length: FULL ? 18 : 2 }, (_, i) =>
          features(Math.floor((i * CLIPS) / 18)),
        );
        const network = quantisedKwt(parameters(), calibration, shift);
        let [float, int8] = [0, 0];
        for (let n = 0; n < clips; n++) {
          const i = FULL ? n : n * 8 + 1;
          const input = inputFor(network, 'features', kwtInput(features(i)));
          const found = evaluate(network, new Map([['features', input]])).get('logits') as Int8Array;
          expect(kwtScores(network, found)[0].word).toBe(KWT1.labels[winner(found)]);
          if (winner(found) === label(i)) int8++;
          if (winner(logits(i)) === label(i)) float++;
        }
        expect(int8 / clips).toBeGreaterThanOrEqual(float / clips - 0.02);
      },
      FULL ? 300_000 : 60_000,
    );
  }

  test('a missing array is named with its shape', () => {
    const none = new Arrays(new Map(), 'empty.npz');
    expect(() => buildKwt(none)).toThrow('empty.npz: there is no array ln.eps; expected one of shape ()');
  });
});
