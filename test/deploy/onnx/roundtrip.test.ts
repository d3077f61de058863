import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/deploy/graph/builder.ts';
import type { ElementType, Graph, TensorData } from '../../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { emitOnnx } from '../../../src/deploy/onnx/emit.ts';
import { parseOnnx, parseOnnxModel } from '../../../src/deploy/onnx/parse.ts';
import { MODEL, TENSOR, type MessageOf } from '../../../src/deploy/onnx/schema.ts';
import { parseTensor } from '../../../src/deploy/onnx/tensor.ts';
import { decode, encode } from '../../../src/deploy/onnx/wire.ts';

function sample(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'int8', [2, 3]);
  const w = b.constant('w', 'int8', [3, 2], [1, -2, 3, -4, 5, -128]);
  const sum = b.node('MatMul', 'product', [x, w]);
  const mul = b.constant('mul', 'int32', [1], [200]);
  const add = b.constant('add', 'int32', [1], [-70000]);
  const attributes = {
    div: 256,
    signed: 1,
    note: 'naïve',
    ratio: 0.5,
    axes: [0, -1],
    scales: [0.5, 1.5],
    table: { name: 'table', type: 'int16' as const, shape: [2], data: Int16Array.of(-5, 300) },
  };
  b.output(
    b.node('RequantShift', 'requantize', [sum, mul, add], { attributes, domain: 'octet', output: 'y' }),
  );
  return b.build('sample', { weights: 'synthetic', seed: '7' });
}

describe('a graph written to ONNX and read back', () => {
  test('is the same graph', () => {
    const graph = sample();
    const read = inferShapes(parseOnnx(emitOnnx(graph), 'sample.onnx'));
    expect(read.nodes).toEqual(graph.nodes);
    expect(read.inputs).toEqual(['x']);
    expect(read.outputs).toEqual(['y']);
    expect(read.metadata).toEqual({ weights: 'synthetic', seed: '7' });
    expect(read.tensors).toEqual(graph.tensors);
  });

  test('states its operator sets and producer', () => {
    const model = parseOnnxModel(emitOnnx(sample()), 'sample.onnx');
    expect(Object.fromEntries(model.opsets)).toEqual({ '': 17, octet: 1 });
    expect(model).toMatchObject({ producer: 'octet', irVersion: 8 });
  });

  test('keeps int8 constants as views into the file', () => {
    const bytes = emitOnnx(sample());
    expect(parseOnnx(bytes, 'sample.onnx').tensors.get('w')?.data?.buffer).toBe(bytes.buffer);
  });

  test('reads misaligned constants out of a Buffer that shares its memory', () => {
    const bytes = emitOnnx(sample());
    for (let shift = 0; shift < 8; shift++) {
      const copy = Buffer.alloc(bytes.length + shift).subarray(shift);
      copy.set(bytes);
      expect(parseOnnx(copy, 'sample.onnx').tensors.get('add')?.data).toEqual(Int32Array.of(-70000));
    }
  });

  test('survives a model of every element type', () => {
    const types: Record<Exclude<ElementType, 'bool'>, TensorData> = {
      int8: Int8Array.of(-128, 127),
      uint8: Uint8Array.of(0, 255),
      int16: Int16Array.of(-32768, 32767),
      int32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
      int64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n),
      float32: Float32Array.of(-0.5, 3e38),
      float64: Float64Array.of(Math.PI, -0),
    };
    const tensors = new Map(
      Object.entries(types).map(([type, data]) => [
        type,
        { name: type, type: type as ElementType, shape: [2], data },
      ]),
    );
    const graph: Graph = { name: 'g', inputs: [], outputs: [], tensors, nodes: [], metadata: {} };
    expect(parseOnnx(emitOnnx(graph), 'types.onnx').tensors).toEqual(tensors);
  });
});

const read = (fields: Partial<MessageOf<typeof TENSOR>>): TensorData | undefined =>
  parseTensor(decode(TENSOR, encode(TENSOR, fields), 'file'), 't', 'file: t').data;

describe('tensor data outside raw_data', () => {
  test('is read from int32_data for the small integers', () => {
    expect(read({ dims: [3], data_type: 3, int32_data: [-128, 0, 127] })).toEqual(Int8Array.of(-128, 0, 127));
    expect(read({ dims: [1], data_type: 6, int32_data: [-70000] })).toEqual(Int32Array.of(-70000));
  });
  test('is read from int64_data, float_data and double_data', () => {
    expect(read({ dims: [1], data_type: 7, int64_data: [-5_000_000_000n] })).toEqual(
      BigInt64Array.of(-5_000_000_000n),
    );
    expect(read({ dims: [2], data_type: 1, float_data: [1.5, -2] })).toEqual(Float32Array.of(1.5, -2));
    expect(read({ dims: [1], data_type: 11, double_data: [0.1] })).toEqual(Float64Array.of(0.1));
  });
  test('may be unpacked, one tag per element', () => {
    const unpacked = Uint8Array.of(0x08, 2, 0x10, 6, 0x28, 5, 0x28, 7); // dims 2, data_type 6, int32_data 5, 7
    expect(parseTensor(decode(TENSOR, unpacked, 'file'), 't', 'file: t').data).toEqual(Int32Array.of(5, 7));
  });
  test('may be a single element without dimensions', () => {
    expect(read({ dims: [], data_type: 1, float_data: [4] })).toEqual(Float32Array.of(4));
  });
});

test('fields of later ONNX versions are skipped', () => {
  const extra = Uint8Array.of(0xfa, 0x06, 3, 1, 2, 3, 0xf0, 0x06, 0x96, 0x01, 0xf5, 0x06, 0, 0, 0, 0); // 111, 110, 110
  const bytes = new Uint8Array([...emitOnnx(sample()), ...extra]);
  expect(parseOnnx(bytes, 'newer.onnx').nodes).toHaveLength(2);
  expect(decode(MODEL, extra, 'x').graph).toBeUndefined();
});
