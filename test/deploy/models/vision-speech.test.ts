import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import type { Graph } from '../../../src/deploy/graph/graph.ts';
import { buildVision, DINOV2_SMALL, visionInput } from '../../../src/deploy/models/vit.ts';
import { buildWhisper, WHISPER_TINY, whisperInput } from '../../../src/deploy/models/whisper.ts';
import { quantise, type QuantisedNetwork } from '../../../src/deploy/quantise/quantise.ts';
import { agreement } from '../../../src/deploy/quantise/report.ts';
import type { Padding } from '../../../src/deploy/quantise/statistics.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

const shapeOf = (graph: Graph, name: string): readonly number[] | undefined => graph.tensors.get(name)?.shape;

/** Cosine of the quantised output with the real one, on another input than those of calibration. */
function cosineOf(network: QuantisedNetwork, name: string, input: Float32Array, padding?: Padding): number {
  check(network.graph);
  const { tensors } = agreement(network, [new Map([[name, input]])], padding);
  return tensors.find(({ tensor }) => tensor === 'encoded')?.cosine ?? 0;
}

/** Convolution of width 3 over the rows of x [rows, columns], by its definition. */
function convolved(
  x: Float32Array,
  columns: number,
  w: Float32Array,
  b: Float32Array,
  stride: number,
): number[] {
  const rows = x.length / columns;
  const outputs = b.length;
  return Array.from({ length: (rows / stride) * outputs }, (_, i) => {
    const [row, o] = [Math.floor(i / outputs) * stride, i % outputs];
    let sum = b[o];
    for (let tap = 0; tap < 3; tap++) {
      const from = row + tap - 1;
      if (from < 0 || from >= rows) continue;
      for (let c = 0; c < columns; c++) sum += x[from * columns + c] * w[(tap * columns + c) * outputs + o];
    }
    return sum;
  });
}

describe('DINOv2-Small', () => {
  test('has the published shape: 241 tokens padded to 256, 12 layers of width 384', () => {
    const { layers, sequence, tokens, width, heads, headSize, hidden } = DINOV2_SMALL;
    expect([layers, sequence, tokens, width, heads, headSize, hidden]).toEqual([
      12, 256, 241, 384, 6, 64, 1536,
    ]);
    const graph = buildVision({ ...DINOV2_SMALL, layers: 1, sequence: 64, tokens: 50 }, 1);
    expect(shapeOf(graph, 'encoded')).toEqual([64, 384]);
    // 1536 columns are more than the accelerator accumulates: two parts.
    expect(shapeOf(graph, 'layer_00/ffn/part_1/up')).toEqual([64, 768]);
  });

  test('keeps its values in int8, and its padding out of the tokens', () => {
    const config = { ...DINOV2_SMALL, layers: 2, sequence: 64, tokens: 50, width: 64, heads: 1, hidden: 128 };
    const padding = { rows: 64, valid: 50 };
    const [own, calibration] = [visionInput(config, 2), visionInput(config, 3)];
    const network = quantise(buildVision(config, 1), [new Map([['patches', calibration]])], { padding });
    expect(cosineOf(network, 'patches', own, padding)).toBeGreaterThan(0.97);
  });
});

describe("Whisper-Tiny's encoder", () => {
  test('has the published shape: 1024 frames become 512 rows, 4 layers of width 384', () => {
    const { layers, sequence, width, heads, headSize, hidden, bands } = WHISPER_TINY;
    expect([layers, sequence, width, heads, headSize, hidden, bands]).toEqual([4, 512, 384, 6, 64, 1536, 80]);
  });

  test('its stem is two convolutions of width 3, the second of stride 2', () => {
    const config = { ...WHISPER_TINY, layers: 1, sequence: 8, bands: 5, width: 6, hidden: 12, heads: 1 };
    const graph = buildWhisper(config, 1);
    const data = (name: string): Float32Array => graph.tensors.get(name)?.data as Float32Array;
    const seen = new Map<string, Float32Array>();
    const frames = whisperInput(config, 2);
    evaluate(graph, new Map([['frames', frames]]), (name, values) => seen.set(name, values as Float32Array));
    const first = convolved(frames, 5, data('stem/first/weight'), data('stem/first/bias'), 1);
    seen.get('stem/first')?.forEach((v, i) => expect(v).toBeCloseTo(first[i], 4));
    const taps = Float32Array.from([
      ...data('stem/second/first_tap/weight'),
      ...data('stem/second/other_taps/weight'),
    ]);
    const input = seen.get('stem/first/gelu') as Float32Array;
    const second = convolved(input, 6, taps, data('stem/second/first_tap/bias'), 2);
    seen.get('stem/second')?.forEach((v, i) => expect(v).toBeCloseTo(second[i], 4));
  });

  test('keeps its values in int8', () => {
    const config = { ...WHISPER_TINY, layers: 2, sequence: 64, width: 64, hidden: 128, heads: 1 };
    const samples = [new Map([['frames', whisperInput(config, 3)]])];
    const network = quantise(buildWhisper(config, 1), samples);
    expect(cosineOf(network, 'frames', whisperInput(config, 2))).toBeGreaterThan(0.97);
  });
});
