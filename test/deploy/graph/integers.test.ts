import { describe, expect, test } from 'vitest';
import type { Attribute, ElementType, Graph, Node, Tensor } from '../../../src/deploy/graph/graph.ts';
import { integerise, integerTypeOf } from '../../../src/deploy/graph/integers.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { DeployError } from '../../../src/errors.ts';

const tensor = (name: string, shape: readonly number[], values?: readonly number[]): Tensor => ({
  name,
  type: 'float32',
  shape,
  ...(values ? { data: Float32Array.from(values) } : {}),
});

const scalar = (value: number): Tensor => ({
  name: '',
  type: 'float32',
  shape: [1],
  data: Float32Array.of(value),
});

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>> = {},
): Node => ({ name: `${op}_${output}`, op, domain: '', inputs, outputs: [output], attributes });

/** As an exporter of the PULP dialect writes it: float32 throughout, attributes as tensors. */
function network(nodes: readonly Node[], tensors: readonly Tensor[]): Graph {
  const last = nodes[nodes.length - 1].outputs[0];
  return {
    name: 'g',
    inputs: tensors.filter(({ data }) => !data).map(({ name }) => name),
    outputs: [last],
    tensors: new Map(tensors.map((t) => [t.name, t])),
    nodes,
    metadata: {},
  };
}

const requant = (x: string, y: string, attributes: Readonly<Record<string, Attribute>> = {}): Node =>
  node('RequantShift', [x, 'mul', 'add'], y, { div: scalar(4), signed: scalar(1), ...attributes });

const linear = (attributes?: Readonly<Record<string, Attribute>>): Graph =>
  network(
    [node('MatMul', ['x', 'w'], 'p'), requant('p', 'y', attributes)],
    [
      tensor('x', [1, 2]),
      tensor('w', [2, 2], [1, 0, 0, 1]),
      tensor('mul', [1], [1]),
      tensor('add', [1], [0]),
    ],
  );

/** The result for 2 and -2. */
const run = (graph: Graph): number[] => [
  ...(evaluate(graph, new Map([['x', Int8Array.of(2, -2)]])).get('y') as Int8Array),
];

const types = (graph: Graph): Record<string, ElementType> =>
  Object.fromEntries(Array.from(graph.tensors.values(), ({ name, type }) => [name, type]));

test.each([
  [[-128, 127], 'int8'],
  [[0, 128], 'uint8'],
  [[-1, 128], 'int16'],
  [[40_000], 'int32'],
  [[2 ** 31], 'int64'],
  [[0.5], undefined],
  [[NaN], undefined],
  [[2 ** 60], undefined],
  [[], 'int8'],
] as const)('%j is held by %s', (values, type) => {
  expect(integerTypeOf(Float64Array.from(values))).toBe(type);
});

describe('a network with integers stored as floats', () => {
  test('becomes one of integer tensors', () => {
    expect(types(integerise(linear()))).toEqual({
      x: 'int8',
      w: 'int8',
      mul: 'int32',
      p: 'int32',
      'RequantShift_y/addend': 'int32',
      y: 'int8',
    });
  });

  test('takes the types of its inputs from the caller', () => {
    const graph = integerise(linear(), new Map([['x', 'uint8']]));
    expect(types(graph)).toMatchObject({ x: 'uint8', p: 'int32' });
  });

  test('rounds halves up where the divisor is stored as a tensor, and only once', () => {
    const once = integerise(linear());
    expect(run(once)).toEqual([1, 0]);
    expect(run(integerise(once))).toEqual([1, 0]);
    expect(once.nodes[1].attributes).toEqual({ div: 4, signed: 1 });
    expect(run(integerise(linear({ div: 4 })))).toEqual([0, -1]);
    expect(run(integerise(linear({ div: 4, rounding: 1 })))).toEqual([1, 0]);
    expect(run(integerise(linear({ rounding: 0 })))).toEqual([0, -1]);
  });

  test('keeps an addend that another node shares', () => {
    const graph = network(
      [requant('x', 'a'), node('Add', ['a', 'add'], 'y')],
      [tensor('x', [1]), tensor('mul', [1], [1]), tensor('add', [1], [8])],
    );
    const results = evaluate(integerise(graph), new Map([['x', Int8Array.of(2)]]));
    expect(results.get('y')).toEqual(Int32Array.of(3 + 8));
  });

  test('is refused when a constant holds a fraction', () => {
    const graph = linear();
    const tensors = new Map(graph.tensors).set('w', tensor('w', [2, 2], [1, 2, 0.5, 3]));
    expect(() => integerise({ ...graph, tensors })).toThrow(DeployError);
    expect(() => integerise({ ...graph, tensors })).toThrow(
      'node MatMul_p (MatMul): its constant w holds 0.5 (element 2), but the operator works on integers',
    );
  });
});

describe('real numbers stay real', () => {
  test('in a network without operators on integers', () => {
    const graph = network([node('Add', ['x', 'c'], 'y')], [tensor('x', [2]), tensor('c', [2], [1, 2])]);
    expect(types(integerise(graph))).toEqual({ x: 'float32', c: 'float32', y: 'float32' });
  });

  test('before Quant and after Dequant', () => {
    const graph = network(
      [
        node('Mul', ['x', 'half'], 'h'),
        node('Quant', ['h'], 'q', { scale: 2 }),
        node('Add', ['q', 'two'], 's'),
        node('Dequant', ['s'], 'r', { scale: 0.5 }),
        node('Add', ['r', 'half'], 'y'),
      ],
      [tensor('x', [2]), tensor('half', [1], [0.5]), tensor('two', [1], [2])],
    );
    // x goes into a Mul, so its type is not known from Quant; the caller says that it is real.
    const result = integerise(graph, new Map([['x', 'float32']]));
    expect(types(result)).toEqual({
      x: 'float32',
      half: 'float32',
      h: 'float32',
      q: 'int8',
      two: 'int8',
      s: 'int32',
      r: 'float32',
      y: 'float32',
    });
  });
});
