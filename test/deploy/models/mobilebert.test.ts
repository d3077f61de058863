import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import { numeric } from '../../../src/deploy/graph/elements.ts';
import { elements, type Graph, type Tensor, type TensorData } from '../../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import {
  buildMobileBert,
  layerOutputs,
  MOBILEBERT,
  type MobileBertConfig,
} from '../../../src/deploy/models/mobilebert.ts';
import { fromRequantShift, toRequantShift } from '../../../src/deploy/models/parameters.ts';
import { ownRequantization } from '../../../src/deploy/models/parts.ts';
import { calibrationTokens, scaleBy, syntheticParameters } from '../../../src/deploy/models/synthetic.ts';
import { exportParameters, fileParameters } from '../../../src/deploy/models/weights.ts';
import { emitNpz, parseNpz, type NpyArray } from '../../../src/deploy/npz.ts';
import { emitOnnx } from '../../../src/deploy/onnx/emit.ts';
import { parseOnnx } from '../../../src/deploy/onnx/parse.ts';
import { compareWithFloat } from '../../../src/deploy/reference/float.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { InputError, UsageError } from '../../../src/errors.ts';

const SMALL: MobileBertConfig = {
  ...MOBILEBERT,
  layers: 2,
  hidden: 128,
  bottleneck: 64,
  heads: 2,
  intermediate: 128,
  ffns: 2,
  sequence: 16,
  vocabulary: 300,
  embedding: 64,
};

const build = (config: MobileBertConfig, seed = 1): Graph =>
  buildMobileBert(config, syntheticParameters({ seed, calibration: calibrationTokens(config, seed, 2) }));

const small = build(SMALL);
const [input] = calibrationTokens(SMALL, 9, 1);

const tensor = (graph: Graph, name: string): Tensor => graph.tensors.get(name) as Tensor;

describe('the MobileBERT graph', () => {
  test('keeps every invariant', () => {
    expect(check(small)).toBe(small);
  });

  test('reads token ids and types and gives the last layer, int8', () => {
    expect(small.inputs).toEqual(['input_ids', 'token_type_ids']);
    expect(small.outputs).toEqual(['layer_01/output']);
    expect(tensor(small, 'layer_01/output')).toMatchObject({ type: 'int8', shape: [16, 128] });
  });

  test('names the output of the embedding and of every layer', () => {
    for (const name of layerOutputs(SMALL)) expect(tensor(small, name).shape).toEqual([16, 128]);
    expect(layerOutputs(SMALL)).toHaveLength(3);
  });

  test('writes a linear layer as MatMul, Add, RequantShift and Relu', () => {
    const ops = small.nodes.filter((n) => n.name.startsWith('layer_00/ffn_1/up/'));
    expect(ops.map((n) => [n.op, n.name, n.outputs[0]])).toEqual([
      ['MatMul', 'layer_00/ffn_1/up/matmul', 'layer_00/ffn_1/up/matmul'],
      ['Add', 'layer_00/ffn_1/up/add', 'layer_00/ffn_1/up/add'],
      ['RequantShift', 'layer_00/ffn_1/up/requantize', 'layer_00/ffn_1/up/linear'],
      ['Relu', 'layer_00/ffn_1/up/relu', 'layer_00/ffn_1/up'],
    ]);
  });

  test('writes attention for all heads at once, in standard operators but for the softmax', () => {
    const at = 'layer_00/attention';
    const ops = small.nodes.filter((n) => n.name.startsWith(`${at}/`) && !/(residual|norm)$/.test(n.name));
    const projection = ['MatMul', 'Add', 'RequantShift', 'Reshape', 'Transpose'];
    const softmax = ['MatMul', 'RequantShift', 'ITAPartialMax', 'MatMul', 'RequantShift'];
    const output = ['MatMul', 'Add', 'RequantShift', 'ReduceSum', 'RequantShift'];
    expect(ops.map((n) => n.op)).toEqual([
      ...projection,
      ...projection,
      ...projection,
      ...softmax,
      ...output,
    ]);
    expect(tensor(small, `${at}/query/weight`).shape).toEqual([64, 64]);
    expect(tensor(small, `${at}/logits/requantize/mul`).shape).toEqual([2, 1, 1]);
    expect(tensor(small, `${at}/projection/weight`).shape).toEqual([2, 32, 64]);
  });

  test('adds the projection bias once, in the first head', () => {
    const { shape, data } = tensor(small, 'layer_00/attention/projection/bias');
    expect(shape).toEqual([2, 1, 64]);
    expect(data?.subarray(0, 64).some((b) => b !== 0)).toBe(true);
    expect(data?.subarray(64)).toEqual(new Int32Array(64));
  });

  test('has the multiply-accumulates of the published network', () => {
    const macs = small.nodes
      .filter((n) => n.op === 'MatMul')
      .reduce(
        (sum, n) =>
          sum + elements(tensor(small, n.outputs[0]).shape) * (tensor(small, n.inputs[0]).shape.at(-1) ?? 0),
        0,
      );
    const {
      layers,
      hidden: h,
      bottleneck: b,
      heads,
      headSize: d,
      ffns,
      intermediate: f,
      sequence: s,
      embedding: e,
    } = SMALL;
    const layer = 3 * h * b + heads * (2 * b * d + h * d + 2 * s * d + d * b) + ffns * 2 * b * f;
    expect(macs).toBe(s * (3 * e * h + layers * layer));
  });

  test('joins each word with its left and right neighbour, and zeros at the ends', () => {
    const seen = new Map<string, Int8Array>();
    evaluate(small, input, (name, data) => seen.set(name, data as Int8Array));
    const word = seen.get('embedding/word') as Int8Array;
    const trigram = seen.get('embedding/trigram') as Int8Array;
    const row = (position: number): Int8Array =>
      position < 0 || position >= 16 ? new Int8Array(64) : word.subarray(position * 64, (position + 1) * 64);
    for (let p = 0; p < 16; p++) {
      const joined = Int8Array.of(...row(p - 1), ...row(p), ...row(p + 1));
      expect(trigram.subarray(p * 192, (p + 1) * 192)).toEqual(joined);
    }
  });

  test('has constants within the ranges of the hardware', () => {
    for (const node of small.nodes) {
      if (node.op !== 'RequantShift') continue;
      const [mul, add] = node.inputs.slice(1).map((name) => numeric(tensor(small, name).data as TensorData));
      const div = node.attributes['div'] as number;
      mul.forEach((value, i) => {
        const { mult } = ownRequantization(value, add[i], div, node.name);
        expect(mult, node.name).toBeGreaterThanOrEqual(128);
      });
    }
    for (const { name, data } of small.tensors.values()) {
      if (name.endsWith('/bias'))
        expect(Math.max(...(data as Int32Array).map(Math.abs))).toBeLessThan(2 ** 23);
    }
  });

  test('comes back from an ONNX file unchanged and computes the same', () => {
    const read = inferShapes(parseOnnx(emitOnnx(small), 'mobilebert.onnx'));
    expect(read.nodes).toEqual(small.nodes);
    expect(read.metadata).toEqual(small.metadata);
    expect(read.metadata).toMatchObject({ weights: 'synthetic', seed: '1' });
    expect(evaluate(read, input)).toEqual(evaluate(small, input));
  });

  test('infers the shapes that the reference computes', () => {
    evaluate(small, input, (name, data) =>
      expect(data, name).toHaveLength(elements(tensor(small, name).shape)),
    );
  });

  test('is built for one head and for both softmax settings', () => {
    const config: MobileBertConfig = { ...SMALL, heads: 1, softmaxShift: 5, layers: 1 };
    const graph = check(build(config));
    expect(graph.nodes.find((n) => n.op === 'ITAPartialMax')).toMatchObject({
      domain: 'octet',
      attributes: { softmax_shift: 5 },
    });
    expect(evaluate(graph, input).get('layer_00/output')).toHaveLength(16 * 128);
  });

  test.each([
    [{ layers: 0 }, 'mobilebert: layers is 0, expected an integer of at least 1'],
    [{ sequence: 1 }, 'mobilebert: sequence is 1, expected at least 2 tokens'],
    [{ softmaxShift: 3 as 0 }, 'mobilebert: softmaxShift is 3, expected 0 or 5'],
    [{ hidden: 1.5 }, 'mobilebert: hidden is 1.5'],
  ])('refuses %j', (change, message) => {
    expect(() => build({ ...SMALL, ...change })).toThrow(UsageError);
    expect(() => build({ ...SMALL, ...change })).toThrow(message);
  });
});

test('the integer network follows the same network in real numbers', () => {
  const similar = compareWithFloat(small, input, new Set(layerOutputs(SMALL)));
  expect(similar.map((s) => s.tensor)).toEqual(layerOutputs(SMALL));
  for (const { tensor, cosine } of similar) expect(cosine, tensor).toBeGreaterThan(0.97);
});

describe('synthetic parameters', () => {
  test('are the same for the same seed, and others for another', () => {
    expect(emitOnnx(build(SMALL))).toEqual(emitOnnx(small));
    expect(tensor(build(SMALL, 2), 'embedding/word/weight').data).not.toEqual(
      tensor(small, 'embedding/word/weight').data,
    );
  });

  test('are the same bits on every host', () => {
    const digest = createHash('sha256');
    const arrays = [...parseNpz(exportParameters(small), 'small.npz')].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, { data }] of arrays) digest.update(name).update(data);
    expect(digest.digest('hex').slice(0, 16)).toBe('2e13d0cbf663ac51');
  });

  test('have second FFN matrices and layer outputs whose columns sum to zero', () => {
    for (const name of ['layer_00/ffn_1/down/weight', 'layer_01/bottleneck/output/dense/weight']) {
      const { data, shape } = tensor(small, name);
      for (let j = 0; j < shape[1]; j++) {
        let sum = 0;
        for (let k = 0; k < shape[0]; k++) sum += Number(data?.[k * shape[1] + j]);
        expect(sum).toBe(0);
      }
    }
  });

  test('have no bias on keys', () => {
    expect(tensor(small, 'layer_00/attention/key/bias').data).toEqual(new Int32Array(64));
  });

  test('choose multipliers of 128..255 with the largest shift', () => {
    expect(scaleBy(1)).toEqual({ mult: 128, shift: 7 });
    expect(scaleBy(255 / 2 ** 20)).toEqual({ mult: 255, shift: 20 });
    expect(scaleBy(255.6 / 2 ** 20)).toEqual({ mult: 128, shift: 19 });
    expect(scaleBy(1000)).toEqual({ mult: 255, shift: 0 });
  });
});

test('requantisation constants survive the way through RequantShift', () => {
  for (const constants of [
    { mult: 255, shift: 35, addend: -128 },
    { mult: 1, shift: 0, addend: 127 },
    { mult: 128, shift: 1, addend: -1 },
  ]) {
    const { mul, add, div } = toRequantShift(constants);
    expect(fromRequantShift(mul, add, div)).toEqual(constants);
  }
  expect(fromRequantShift(256, 2, 4)).toBeUndefined();
  expect(fromRequantShift(1, 3, 4)).toBeUndefined();
  expect(fromRequantShift(1, 2, 3)).toBeUndefined();
});

/** The arrays of one head's projection: name, type and shape. */
const projectionArrays = (role: string, inputs: number): unknown[] => [
  [`${role}/bias`, 'int32', [32]],
  [`${role}/requantize`, 'int32', [3]],
  [`${role}/weight`, 'int8', [inputs, 32]],
];

describe('a file of integer weights', () => {
  const bytes = exportParameters(small);
  const change = (name: string, array?: Partial<NpyArray>): Uint8Array => {
    const arrays = parseNpz(bytes, 'w.npz');
    if (array) arrays.set(name, { ...(arrays.get(name) as NpyArray), ...array });
    else arrays.delete(name);
    return emitNpz(arrays);
  };

  test('builds the network it was exported from', () => {
    const graph = buildMobileBert(SMALL, fileParameters(bytes, 'w.npz'));
    expect(graph.tensors).toEqual(small.tensors);
    expect(graph.nodes).toEqual(small.nodes);
    expect(graph.metadata).toMatchObject({ model: 'mobilebert', weights: 'w.npz' });
  });

  test('has the parameters of each attention head on their own, the bias of the projections in the first', () => {
    const shapes = [...parseNpz(bytes, 'w.npz')]
      .filter(([name]) => name.startsWith('layer_00/attention/head_1/'))
      .map(([name, { type, shape }]) => [name.slice('layer_00/attention/head_1/'.length), type, shape]);
    expect(shapes.sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ['context/requantize', 'int32', [3]],
      ...projectionArrays('key', 64),
      ['logits/requantize', 'int32', [3]],
      ['projection/requantize', 'int32', [3]],
      ['projection/weight', 'int8', [32, 64]],
      ...projectionArrays('query', 64),
      ...projectionArrays('value', 128),
    ]);
  });

  test('may give heads shifts as far apart as there are', () => {
    const arrays = parseNpz(bytes, 'w.npz');
    const constants = [
      [255, 35, -128],
      [3, 0, 5],
    ];
    constants.forEach((values, h) => {
      const data = Int32Array.from(values);
      arrays.set(`layer_00/attention/head_${h}/logits/requantize`, { type: 'int32', shape: [3], data });
    });
    const graph = buildMobileBert(SMALL, fileParameters(emitNpz(arrays), 'w.npz'));
    const seen = new Map<string, TensorData>();
    evaluate(graph, input, (name, data) => seen.set(name, data));
    const sums = seen.get('layer_00/attention/logits/matmul') as Int32Array;
    const expected = Int8Array.from(sums, (sum, i) =>
      i < sums.length / 2
        ? Math.min(127, Math.max(-128, Math.floor((sum * 255) / 2 ** 35 + 0.5) - 128))
        : Math.min(127, Math.max(-128, sum * 3 + 5)),
    );
    expect(seen.get('layer_00/attention/logits')).toEqual(expected);
    expect(buildMobileBert(SMALL, fileParameters(exportParameters(graph), 'w.npz')).tensors).toEqual(
      graph.tensors,
    );
  });

  test('may hold wider integers and a longer position table', () => {
    const position = parseNpz(bytes, 'w.npz').get('embedding/position/weight') as NpyArray;
    const longer = BigInt64Array.from([...position.data, ...new Int8Array(128)].map(Number), BigInt);
    const file = change('embedding/position/weight', { type: 'int64', shape: [17, 128], data: longer });
    expect(buildMobileBert(SMALL, fileParameters(file, 'w.npz')).tensors).toEqual(small.tensors);
  });

  const requantize = 'layer_00/attention/heads/requantize';
  test.each([
    [
      change('layer_01/ffn_0/up/bias'),
      'w.npz: there is no array layer_01/ffn_0/up/bias; expected one of shape (128)',
    ],
    [
      change('embedding/dense/weight', { shape: [128, 192] }),
      'w.npz: array embedding/dense/weight has shape (128, 192), expected (192, 128)',
    ],
    [
      change(requantize, { data: Int32Array.of(256, 3, 0) }),
      `${requantize}: mult is 256, expected an integer from 0 to 255`,
    ],
    [
      change(requantize, { data: Int32Array.of(1, 36, 0) }),
      `${requantize}: shift is 36, expected an integer from 0 to 35`,
    ],
    [
      change('layer_00/ffn_0/up/bias', { data: new Int32Array(128).fill(2 ** 23) }),
      'layer_00/ffn_0/up/bias[0]: bias is 8388608, expected an integer from -8388608 to 8388607',
    ],
    [
      change('embedding/token_type/weight', { type: 'float32', data: new Float32Array(256).fill(0.5) }),
      'w.npz: array embedding/token_type/weight, element 0 is 0.5, expected an integer of 8 bits',
    ],
  ])('is refused with a sentence when it does not fit (%#)', (file, message) => {
    expect(() => buildMobileBert(SMALL, fileParameters(file, 'w.npz'))).toThrow(InputError);
    expect(() => buildMobileBert(SMALL, fileParameters(file, 'w.npz'))).toThrow(message);
  });
});
