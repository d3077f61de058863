import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import { parseOnnx } from '../../../src/deploy/onnx/parse.ts';
import { GRAPH, MODEL, NODE, TENSOR, VALUE_INFO, type MessageOf } from '../../../src/deploy/onnx/schema.ts';
import { encode } from '../../../src/deploy/onnx/wire.ts';

type Node = Partial<MessageOf<typeof NODE>>;
type Tensor = Partial<MessageOf<typeof TENSOR>>;
type Value = MessageOf<typeof VALUE_INFO>;

const value = (name: string | undefined, dims: (number | string)[] = [2], elem_type = 3): Value => ({
  name,
  type: {
    tensor_type: {
      elem_type,
      shape: {
        dim: dims.map((d) =>
          typeof d === 'number'
            ? { dim_value: d, dim_param: undefined }
            : { dim_value: undefined, dim_param: d },
        ),
      },
    },
  },
});

const relu = (name: string, input: string, output: string): Node => ({
  name,
  op_type: 'Relu',
  input: [input],
  output: [output],
});

interface Parts {
  node?: Node[];
  initializer?: Tensor[];
  input?: Value[];
  output?: Value[];
}

const model = (parts: Parts, opset = 17): Uint8Array =>
  encode(MODEL, {
    opset_import: [{ domain: '', version: opset }],
    graph: {
      name: 'g',
      node: [relu('r', 'x', 'y')],
      input: [value('x')],
      output: [value('y')],
      ...parts,
    } as unknown as MessageOf<typeof GRAPH>,
  });

const parse = (bytes: Uint8Array) => (): unknown => parseOnnx(bytes, 'net.onnx');
const tensor = (fields: Tensor): Parts => ({
  initializer: [{ name: 'w', dims: [2], data_type: 3, ...fields }],
});

const CASES: Record<string, [Uint8Array, string]> = {
  'an empty file': [new Uint8Array(0), 'net.onnx: there is no graph in it; is it an ONNX model?'],
  'a varint without an end': [new Uint8Array(11).fill(0xff), 'net.onnx: byte 0, ModelProto: invalid varint'],
  'a length beyond the end': [
    Uint8Array.of(0x3a, 100, 1),
    'net.onnx: byte 0, ModelProto.graph: has a length of 100 bytes, but 1 are left (truncated?)',
  ],
  'a field of the wrong wire type': [
    Uint8Array.of(0x38, 1),
    'net.onnx: byte 0, ModelProto.graph: has wire type 0, expected 2',
  ],
  'an operator set from the future': [
    model({}, 99),
    'net.onnx: uses operator set 99 of the default domain, supported are 7 to 23',
  ],
  'an element type octet does not hold': [
    model(tensor({ data_type: 10 })),
    'net.onnx: initializer w: element type 10 (float16) is not supported; supported are',
  ],
  'an unknown element type': [model(tensor({ data_type: 77 })), 'element type 77 (unknown) is not supported'],
  'raw data shorter than the shape': [
    model(tensor({ raw_data: new Uint8Array(1) })),
    'net.onnx: initializer w: raw_data has 1 bytes, but shape [2] of int8 needs 2',
  ],
  'typed data longer than the shape': [
    model(tensor({ int32_data: [1, 2, 3] })),
    'net.onnx: initializer w: holds 3 elements, but its shape [2] has 2',
  ],
  'a huge shape': [
    model(tensor({ dims: [2 ** 40, 2 ** 12] })),
    'net.onnx: initializer w: shape [1099511627776, 4096] has 4503599627370496 elements, the limit is 2^31 - 1',
  ],
  'a dimension beyond 2^53': [
    Uint8Array.of(
      0x3a,
      15,
      0x2a,
      13,
      0x08,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0x7f,
      0x10,
      3,
      0,
      0,
    ),
    'net.onnx: byte 4, ModelProto.graph.initializer[0].dims: 9223372036854775807 is too large',
  ],
  'a negative dimension': [
    model(tensor({ dims: [-2] })),
    'net.onnx: initializer w: dimension -2 is negative',
  ],
  'data in another file': [
    model(tensor({ data_location: 1 })),
    'net.onnx: initializer w: its data lies in another file (external_data)',
  ],
  'a constant without a name': [model(tensor({ name: '' })), 'net.onnx: initializer 0 has no name'],
  'a constant defined twice': [
    model({ initializer: [1, 2].map(() => ({ name: 'w', dims: [0], data_type: 3 })) }),
    'net.onnx: the constant w is defined twice',
  ],
  'an input without a name': [model({ input: [value(undefined)] }), 'net.onnx: input 0 has no name'],
  'a symbolic dimension': [
    model({ input: [value('x', ['batch', 2])] }),
    'net.onnx: input 0 x: dimension 0 is symbolic (batch); export the model with static shapes',
  ],
  'an output listed twice': [
    model({ output: [value('y'), value('y')] }),
    'net.onnx: the graph output y is listed twice',
  ],
  'an output nobody produces': [
    model({ output: [value('z')] }),
    'net.onnx: no node produces the graph output z',
  ],
  'a node without an operator': [
    model({ node: [{ name: 'n', input: ['x'], output: ['y'] }] }),
    'net.onnx: the operator of node 0 (n) has no name',
  ],
  'a node without outputs': [
    model({ node: [{ name: 'n', op_type: 'Relu', input: ['x'] }] }),
    'net.onnx: node n (Relu) has no named output',
  ],
  'two producers of one tensor': [
    model({ node: [relu('a', 'x', 'y'), relu('b', 'x', 'y')] }),
    'net.onnx: both a and b produce the tensor y',
  ],
  'a node that produces a graph input': [
    model({ node: [relu('a', 'x', 'x')] }),
    'net.onnx: node a produces x, which is a graph input or constant already',
  ],
  'an input without a producer': [
    model({ node: [relu('a', 'nowhere', 'y')] }),
    'net.onnx: node a (Relu) reads nowhere, which no node produces and which is neither a graph input nor a constant',
  ],
  'a cycle': [
    model({ node: [relu('a', 'q', 'p'), relu('b', 'p', 'q'), relu('c', 'x', 'y')] }),
    'net.onnx: the nodes a ← b ← a form a cycle',
  ],
  'a subgraph': [
    model({
      node: [
        {
          ...relu('a', 'x', 'y'),
          attribute: [
            { name: 'body', g: new Uint8Array(0) } as unknown as MessageOf<typeof NODE>['attribute'][0],
          ],
        },
      ],
    }),
    'net.onnx: attribute body of node a: subgraphs are not supported',
  ],
};

describe('a malformed ONNX file is refused with a sentence:', () => {
  test.each(Object.entries(CASES))('%s', (_, [bytes, message]) => {
    expect(parse(bytes)).toThrow(InputError);
    expect(parse(bytes)).toThrow(message);
  });

  test('cut off anywhere, it is refused', () => {
    const bytes = model(tensor({ raw_data: new Uint8Array(2) }));
    for (let end = 0; end < bytes.length; end++) expect(parse(bytes.subarray(0, end))).toThrow(InputError);
  });

  test('random damage is refused with an InputError or leaves a graph', () => {
    const bytes = model(tensor({ raw_data: new Uint8Array(2) }));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        try {
          parse(damaged)();
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('bytes of another kind of file are refused with an InputError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(parse(bytes)).toThrow(InputError);
      }),
    );
  });
});

test('nodes out of order are put in order', () => {
  const bytes = model({ node: [relu('second', 'm', 'y'), relu('first', 'x', 'm')] });
  expect(parseOnnx(bytes, 'net.onnx').nodes.map((n) => n.name)).toEqual(['first', 'second']);
});

test('nodes without names, or with one name between them, are numbered', () => {
  const bytes = model({ node: [{ ...relu('', 'x', 'm') }, relu('r', 'm', 'n'), relu('r', 'n', 'y')] });
  expect(parseOnnx(bytes, 'net.onnx').nodes.map((n) => n.name)).toEqual(['Relu_0', 'r', 'r_2']);
});

test('constants listed among the inputs are not fed from outside', () => {
  const bytes = model({ ...tensor({ raw_data: new Uint8Array(2) }), input: [value('x'), value('w')] });
  expect(parseOnnx(bytes, 'net.onnx').inputs).toEqual(['x']);
});

test('a Softmax of an operator set before 13 is over axis 1 unless it says otherwise', () => {
  const softmax = { ...relu('s', 'x', 'y'), op_type: 'Softmax' };
  const [old] = parseOnnx(model({ node: [softmax] }, 12), 'net.onnx').nodes;
  const [present] = parseOnnx(model({ node: [softmax] }, 13), 'net.onnx').nodes;
  expect([old.attributes, present.attributes]).toEqual([{ axis: 1 }, {}]);
});
