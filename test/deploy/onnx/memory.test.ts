/** How much memory the importer takes beside the file itself. */
import { describe, expect, test } from 'vitest';
import { importNetwork } from '../../../src/deploy/import.ts';
import { GRAPH, MODEL, TENSOR, type MessageOf } from '../../../src/deploy/onnx/schema.ts';
import { encode } from '../../../src/deploy/onnx/wire.ts';

type Proto = Partial<MessageOf<typeof TENSOR>>;

const EDGE = 1000;
const COUNT = 4;

const value = (name: string): object => ({
  name,
  type: {
    tensor_type: {
      elem_type: 1,
      shape: { dim: [1, EDGE].map((dim_value) => ({ dim_value, dim_param: undefined })) },
    },
  },
});

const scalar = (name: string, x: number): Proto => ({
  name,
  dims: [1],
  data_type: 1,
  float_data: Float32Array.of(x),
});

/** Linear layers in a chain, their weights stored as `weight` says. */
function model(weight: (values: Float32Array) => Proto): Uint8Array {
  const values = Float32Array.from({ length: EDGE * EDGE }, (_, i) => ((i * 7) % 255) - 127);
  const layers = Array.from({ length: COUNT }, (_, i) => i);
  const graph = {
    name: 'g',
    initializer: [
      scalar('mul', 3),
      scalar('add', 0),
      ...layers.map((i) => ({ name: `w${i}`, dims: [EDGE, EDGE], ...weight(values) })),
    ],
    node: layers.flatMap((i) => [
      { op_type: 'MatMul', input: [`x${i}`, `w${i}`], output: [`p${i}`] },
      {
        op_type: 'RequantShift',
        input: [`p${i}`, 'mul', 'add'],
        output: [`x${i + 1}`],
        attribute: [{ name: 'div', i: 65536, type: 2 }],
      },
    ]),
    input: [value('x0')],
    output: [value(`x${COUNT}`)],
  };
  return encode(MODEL, {
    opset_import: [{ domain: '', version: 13 }],
    graph: graph as unknown as MessageOf<typeof GRAPH>,
  });
}

const used = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
};

const raw = (data_type: number, array: Float32Array | Int8Array): Proto => ({
  data_type,
  raw_data: new Uint8Array(array.buffer),
});

const WAYS: Record<string, { readonly weight: (values: Float32Array) => Proto; readonly most: number }> = {
  'float32 raw data': { weight: (values) => raw(1, values), most: 2 },
  'float32 numbers': { weight: (values) => ({ data_type: 1, float_data: values }), most: 2 },
  'int8 raw data': { weight: (values) => raw(3, Int8Array.from(values)), most: 0.5 },
  'int8 numbers': { weight: (values) => ({ data_type: 3, int32_data: Int8Array.from(values) }), most: 2 },
};

describe('importing a model takes, beside the file, at most a multiple of its size:', () => {
  test.each(Object.entries(WAYS))('%s', (_, { weight, most }) => {
    const file = model(weight);
    for (let shift = 0; shift < 2; shift++) {
      // At either address one half of the possible alignments is wrong.
      const moved = new Uint8Array(file.length + shift).subarray(shift);
      moved.set(file);
      const before = used();
      const graph = importNetwork(moved, 'large.onnx');
      expect((used() - before) / file.length).toBeLessThan(most);
      expect(graph.tensors.get('w0')?.type).toBe('int8');
    }
  });
});
