/** BERT-tiny on real embedded sentences: the encoder as firmware on the emulated cluster, the classifier on the host. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { presets } from '../../../src/cluster/config.ts';
import { emitNpz, type NpyArray } from '../../../src/deploy/npz.ts';
import { inferBertTiny, parseSentences } from '../../../src/deploy/run/bert-tiny.ts';
import { InputError } from '../../../src/errors.ts';
import { fullRun } from '../../support/effort.ts';
import { needsToolchain } from '../../support/toolchain.ts';
import { readShared, testWith } from '../shared.ts';

const PARAMETERS = 'berttiny_sst2/berttiny_params.npz';
const SENTENCES = 'berttiny_sst2/golden.npz';

const workspace = mkdtempSync(join(tmpdir(), 'octet-berttiny-'));
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

const array = (...shape: number[]): NpyArray => ({
  type: 'float32',
  shape,
  data: new Float32Array(shape.reduce((n, d) => n * d, 1)),
});
const file = (arrays: Readonly<Record<string, NpyArray>>): { file: string; bytes: Uint8Array } => ({
  file: 's.npz',
  bytes: emitNpz(new Map(Object.entries(arrays))),
});

describe('a file of embedded sentences', () => {
  test('gives them by name, with their golden logits where it has some', () => {
    const logits: NpyArray = { type: 'float32', shape: [2], data: Float32Array.of(-1, 2) };
    const sentences = parseSentences(file({ emb_a: array(3, 128), logits_a: logits, emb_b: array(7, 128) }));
    expect(sentences.map(({ name, tokens, golden }) => [name, tokens, golden])).toEqual([
      ['a', 3, [-1, 2]],
      ['b', 7, undefined],
    ]);
  });

  test.each([
    [{ emb_0: array(3, 64) }, 's.npz: array emb_0 has shape (3, 64), expected (tokens, 128)'],
    [{ other: array(3, 128) }, 's.npz: holds no sentence; expected arrays emb_0, emb_1, …'],
  ])('is refused with a sentence when there is none in it (%#)', (arrays, message) => {
    expect(() => parseSentences(file(arrays))).toThrow(InputError);
    expect(() => parseSentences(file(arrays))).toThrow(message);
  });
});

describe('BERT-tiny on the emulated cluster', () => {
  for (const shift of fullRun ? ([0, 5] as const) : ([0] as const)) {
    testWith(
      PARAMETERS,
      `finds the golden class, every element of the encoder equal to the reference, with softmax shift ${shift}`,
      async (context) => {
        needsToolchain(context);
        const { octa } = presets;
        if (!octa.ita) throw new Error('octa has an accelerator');
        const sentences = parseSentences({ file: SENTENCES, bytes: readShared(SENTENCES) });
        for (const sentence of fullRun ? sentences : sentences.slice(1, 2)) {
          const { logits, comparisons } = await inferBertTiny({
            weights: { file: PARAMETERS, bytes: readShared(PARAMETERS) },
            sentence,
            machine: { ...octa, ita: { ...octa.ita, softmaxShift: shift } },
            check: 'layers',
            workspace,
          });
          expect(comparisons.map(({ elements, mismatches }) => [elements, mismatches])).toEqual([
            [64 * 128, 0],
            [64 * 128, 0],
          ]);
          const { golden, float, reference, emulator } = logits;
          if (!golden || !emulator) throw new Error('the firmware ran, and the file has golden logits');
          expect(emulator).toEqual(reference);
          golden.forEach((value, i) => {
            expect(float[i]).toBeCloseTo(value, 3);
            expect(Math.abs(emulator[i] - value)).toBeLessThan(shift === 0 ? 0.25 : 0.6);
          });
          expect(emulator[1] > emulator[0]).toBe(golden[1] > golden[0]);
        }
      },
      120_000,
    );
  }
});
