import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import { numeric } from '../../../src/deploy/graph/elements.ts';
import { elements, type TensorData } from '../../../src/deploy/graph/graph.ts';
import { Arrays } from '../../../src/deploy/models/arrays.ts';
import { buildFloatMobileBert } from '../../../src/deploy/models/mobilebert-float.ts';
import { MOBILEBERT } from '../../../src/deploy/models/mobilebert.ts';
import { isSafetensors, parseSafetensors } from '../../../src/deploy/models/safetensors.ts';
import { Stream } from '../../../src/deploy/models/splitmix.ts';
import { calibrationTokens } from '../../../src/deploy/models/synthetic.ts';
import { quantise } from '../../../src/deploy/quantise/quantise.ts';
import { agreement } from '../../../src/deploy/quantise/report.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { deploy } from '../../../src/deploy/deploy.ts';

/** A safetensors file of float32 tensors. */
function safetensors(tensors: ReadonlyMap<string, { shape: number[]; data: Float32Array }>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  at = 8 + text.length;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

const CONFIG = {
  ...MOBILEBERT,
  layers: 2,
  hidden: 64,
  bottleneck: 32,
  heads: 2,
  headSize: 16,
  intermediate: 64,
  sequence: 64,
  vocabulary: 50,
  embedding: 16,
};

/** A random checkpoint with the tensors of MobileBERT under the names of the Transformers library. */
function checkpoint(): Uint8Array {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const put = (name: string, shape: number[], sigma: number, mean = 0): void => {
    const stream = new Stream(3, name);
    const data = Float32Array.from({ length: elements(shape) }, (_, i) => mean + sigma * stream.normal(i));
    tensors.set(`mobilebert.${name}`, { shape, data });
  };
  const dense = (name: string, inputs: number, outputs: number, gain = 1): void => {
    put(`${name}.weight`, [outputs, inputs], gain / Math.sqrt(inputs));
    put(`${name}.bias`, [outputs], 0.1);
  };
  const norm = (name: string, width: number): void => {
    put(`${name}.weight`, [width], 0.1, 0.8);
    put(`${name}.bias`, [width], 0.1);
  };
  const { hidden, bottleneck, heads, headSize, intermediate, vocabulary, embedding, layers, ffns } = CONFIG;
  put('embeddings.word_embeddings.weight', [vocabulary, embedding], 1);
  put('embeddings.position_embeddings.weight', [80, hidden], 0.3);
  put('embeddings.token_type_embeddings.weight', [2, hidden], 0.2);
  dense('embeddings.embedding_transformation', 3 * embedding, hidden);
  norm('embeddings.LayerNorm', hidden);
  for (let n = 0; n < layers; n++) {
    const at = `encoder.layer.${n}`;
    for (const part of ['input', 'attention']) {
      dense(`${at}.bottleneck.${part}.dense`, hidden, bottleneck);
      norm(`${at}.bottleneck.${part}.LayerNorm`, bottleneck);
    }
    for (const part of ['query', 'key'])
      dense(`${at}.attention.self.${part}`, bottleneck, heads * headSize, 1.5);
    dense(`${at}.attention.self.value`, hidden, heads * headSize);
    dense(`${at}.attention.output.dense`, heads * headSize, bottleneck, 0.5);
    norm(`${at}.attention.output.LayerNorm`, bottleneck);
    for (let i = 0; i < ffns; i++) {
      const own = i < ffns - 1 ? `${at}.ffn.${i}` : at;
      dense(`${own}.intermediate.dense`, bottleneck, intermediate);
      dense(`${own}.output.dense`, intermediate, bottleneck, 0.5);
      norm(`${own}.output.LayerNorm`, bottleneck);
    }
    dense(`${at}.output.bottleneck.dense`, bottleneck, hidden, 0.5);
    norm(`${at}.output.bottleneck.LayerNorm`, hidden);
  }
  return safetensors(tensors);
}

const arrays = (): Arrays =>
  new Arrays(parseSafetensors(checkpoint(), 'random.safetensors'), 'random.safetensors');

describe('a safetensors file', () => {
  test('gives its tensors by name', () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const bytes = safetensors(new Map([['a.weight', { shape: [2, 3], data }]]));
    expect(isSafetensors(bytes)).toBe(true);
    expect(parseSafetensors(bytes, 'f').get('a.weight')).toEqual({ type: 'float32', shape: [2, 3], data });
  });

  test('may hold half precision and bfloat16', () => {
    const text = new TextEncoder().encode(
      '{"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[6,10]}}',
    );
    const bytes = new Uint8Array(8 + text.length + 10);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    [0x3e00, 0xc000, 0x0001, 0x3fc0, 0xc120].forEach((bits, i) =>
      view.setUint16(8 + text.length + 2 * i, bits, true),
    );
    const tensors = parseSafetensors(bytes, 'f');
    expect([...numeric(tensors.get('h')?.data as TensorData)]).toEqual([1.5, -2, 2 ** -24]);
    expect([...numeric(tensors.get('b')?.data as TensorData)]).toEqual([1.5, -10]);
  });

  test('that is damaged is refused with a sentence, wherever it is cut', () => {
    const whole = safetensors(new Map([['a', { shape: [4], data: new Float32Array(4) }]]));
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSafetensors(whole.subarray(0, length), 'cut.safetensors')).toThrow(
        /^cut\.safetensors: /,
      );
    }
  });
});

describe('a trained MobileBERT', () => {
  test('joins the embeddings of the right neighbour, the token and the left neighbour', () => {
    const graph = buildFloatMobileBert(CONFIG, arrays());
    const [inputs] = calibrationTokens(CONFIG, 5, 1);
    const ids = inputs.get('input_ids') as Int32Array;
    const seen = new Map<string, TensorData>();
    evaluate(graph, inputs, (name, data) => seen.set(name, data));
    const words = arrays().values('mobilebert.embeddings.word_embeddings.weight', [50, 16]);
    const row = (token: number): number[] =>
      token < 0 || token >= ids.length
        ? Array<number>(16).fill(0)
        : [...words.subarray(ids[token] * 16, ids[token] * 16 + 16)];
    for (const token of [0, 7, 63]) {
      const joined = numeric(seen.get('embedding/trigram') as TensorData).subarray(
        token * 48,
        token * 48 + 48,
      );
      expect([...joined]).toEqual([...row(token + 1), ...row(token), ...row(token - 1)]);
    }
  });

  test('quantises with calibration text and stays close to its real values', () => {
    const graph = buildFloatMobileBert(CONFIG, arrays());
    const [own, ...calibration] = calibrationTokens(CONFIG, 5, 4);
    const network = quantise(graph, calibration);
    check(network.graph);
    const errors = new Map(agreement(network, [own]).tensors.map((error) => [error.tensor, error.cosine]));
    expect(errors.get('embedding/output')).toBeGreaterThan(0.998);
    expect(errors.get('layer_00/output')).toBeGreaterThan(0.99);
    expect(errors.get('layer_01/output')).toBeGreaterThan(0.98);
  });

  test('runs its products and heads on the accelerator', () => {
    const [own, ...calibration] = calibrationTokens(CONFIG, 5, 2);
    const network = quantise(buildFloatMobileBert(CONFIG, arrays()), calibration);
    const { plan } = deploy(network.graph, { inputs: Object.fromEntries(own) });
    const steps = plan.steps.filter(({ engine }) => engine === 'ita');
    // Embedding; in each layer two bottlenecks in, one out, four FFNs, and two heads of query, key, value, core, projection.
    expect(steps.length).toBe(1 + CONFIG.layers * (3 + 4 * 2 + 2 * 5));
  });

  test('names the tensor that is missing', () => {
    const none = new Arrays(new Map(), 'empty.safetensors');
    expect(() => buildFloatMobileBert(CONFIG, none)).toThrow(
      'empty.safetensors: there is no array mobilebert.embeddings.word_embeddings.weight; expected one of shape (50, 16)',
    );
  });
});
