/** Damaged networks: every way to break one ends in a sentence about it, or in a network that still runs. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARRAY, fromNumbers } from '../../src/deploy/graph/elements.ts';
import {
  elements,
  type Attribute,
  type ElementType,
  type Graph,
  type Node,
  type Tensor,
} from '../../src/deploy/graph/graph.ts';
import { inferShapes, OPERATORS } from '../../src/deploy/graph/shapes.ts';
import { importNetwork, prepare } from '../../src/deploy/import.ts';
import { emitOnnx } from '../../src/deploy/onnx/emit.ts';
import { evaluate } from '../../src/deploy/reference/integer.ts';
import { InputError } from '../../src/errors.ts';
import { SAMPLES, sampleGraph } from './samples.ts';

/** Larger networks are read but not run. */
const MOST_ELEMENTS = 20_000;

/** Builds and runs a network on zeros; only errors of the input may come of it. */
function survives(build: () => Graph): void {
  try {
    const graph = build();
    const sizes = [...graph.tensors.values()].map(({ shape }) => elements(shape));
    if (sizes.reduce((a, b) => a + b, 0) > MOST_ELEMENTS) return;
    evaluate(
      graph,
      new Map(
        graph.inputs.map((name) => {
          const { type, shape } = graph.tensors.get(name) as Tensor;
          return [name, new ARRAY[type](elements(shape))];
        }),
      ),
    );
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message).toMatch(/^(node|graph|f\.onnx)\b/);
  }
}

/** A way to damage bytes. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom('set', 'flip', 'cut', 'remove', 'repeat'),
  value: fc.nat(255),
});
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(bytes: Uint8Array, { at, kind, value }: Damage): Uint8Array {
  const i = Math.floor(at * bytes.length);
  const copy = Uint8Array.from(bytes);
  if (kind === 'cut') return copy.subarray(0, i);
  if (kind === 'remove') return Uint8Array.from([...copy.subarray(0, i), ...copy.subarray(i + (value % 32))]);
  if (kind === 'repeat') return Uint8Array.from([...copy.subarray(0, i + (value % 32)), ...copy.subarray(i)]);
  if (i < copy.length) copy[i] = kind === 'set' ? value : copy[i] ^ (1 << (value % 8));
  return copy;
}

const ROOT = fileURLToPath(new URL('../../../shared/models/deeploy/Kernels/Integer/', import.meta.url));
const REAL = [
  'Slice',
  'Concat',
  'RMSNorm',
  'GEMM/Batch_RQ',
  'TrueIntegerDiv',
  'MaxPool/Regular_2D',
  'Conv/Regular_2D',
  'Softmax/Large',
  'ReduceMean',
];

describe('files with damaged bytes', () => {
  const own = SAMPLES.map((sample) => emitOnnx(inferShapes(sampleGraph(sample))));

  test('of every operator', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...own),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        (bytes, damages) => {
          survives(() => importNetwork(damages.reduce(damaged, bytes), 'f.onnx'));
        },
      ),
      { numRuns: 3000 },
    );
  });

  if (!existsSync(ROOT)) {
    test.skip('of another exporter (skipped: ../shared/models/deeploy is absent)', () => undefined);
    return;
  }
  test('of another exporter', () => {
    const real = REAL.map((name) => new Uint8Array(readFileSync(`${ROOT}${name}/network.onnx`)));
    fc.assert(
      fc.property(
        fc.constantFrom(...real),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        (bytes, damages) => {
          survives(() => importNetwork(damages.reduce(damaged, bytes), 'f.onnx'));
        },
      ),
      { numRuns: 1500 },
    );
  });
});

const odd = fc.constantFrom(
  -(2 ** 31),
  -9,
  -2,
  -1,
  0,
  1,
  2,
  3,
  5,
  64,
  0.5,
  2 ** 20,
  2 ** 31,
  2 ** 53 - 1,
  1e300,
);
const types = fc.constantFrom<ElementType>('int8', 'uint8', 'int16', 'int32', 'int64', 'float32', 'bool');
const shape = fc.array(fc.constantFrom(0, 1, 2, 3, 5, 64, 2 ** 15, 2 ** 30), { maxLength: 5 });
const text = fc.constantFrom('', 'SAME_UPPER', 'VALID', 'reflect', 'constant', '__proto__');
const attributeName = fc.constantFrom(
  ...new Set(SAMPLES.flatMap(({ attributes = {} }) => Object.keys(attributes))),
  'auto_pad',
  'kernel_shape',
  'mode',
  'dilations',
  'rounding',
  'channels_last',
  'count_include_pad',
);
const attributeValue: fc.Arbitrary<Attribute> = fc.oneof(odd, text, fc.array(odd, { maxLength: 5 }));

/** The values in an array of `type`; a BigInt64Array takes finite integers only. */
const held = (type: ElementType, values: readonly number[]): NonNullable<Tensor['data']> =>
  fromNumbers(type, type === 'int64' ? values.map((v) => (Number.isFinite(v) ? Math.trunc(v) : 0)) : values);

/** One change to a network of one node. */
type Change = (graph: Graph) => Graph;

const onNode =
  (change: (node: Node) => Partial<Node>): Change =>
  (graph) => ({ ...graph, nodes: graph.nodes.map((node) => ({ ...node, ...change(node) })) });

const onTensor =
  (pick: number, change: (tensor: Tensor) => Partial<Tensor>): Change =>
  (graph) => {
    const all = [...graph.tensors.values()];
    const tensor = all[pick % all.length];
    return tensor
      ? { ...graph, tensors: new Map(graph.tensors).set(tensor.name, { ...tensor, ...change(tensor) }) }
      : graph;
  };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom(...Object.keys(OPERATORS), 'constructor', 'toString').map((op) => onNode(() => ({ op }))),
  fc
    .tuple(attributeName, attributeValue)
    .map(([name, value]) => onNode((node) => ({ attributes: { ...node.attributes, [name]: value } }))),
  attributeName.map((name) =>
    onNode((node) => ({
      attributes: Object.fromEntries(Object.entries(node.attributes).filter(([key]) => key !== name)),
    })),
  ),
  fc.nat(7).map((i) => onNode((node) => ({ inputs: node.inputs.map((name, j) => (j === i ? '' : name)) }))),
  fc.nat(7).map((i) => onNode((node) => ({ inputs: node.inputs.filter((_, j) => j !== i) }))),
  fc.nat(7).map((i) => onNode((node) => ({ inputs: [...node.inputs, node.inputs[i] ?? ''] }))),
  fc.constant(onNode((node) => ({ inputs: node.inputs.toReversed() }))),
  fc.tuple(fc.nat(7), shape, fc.array(odd, { minLength: 1, maxLength: 4 })).map(([pick, dims, values]) =>
    onTensor(pick, ({ data, type }) => {
      if (!data || elements(dims) > 1000) return data ? {} : { shape: dims };
      const numbers = Array.from({ length: elements(dims) }, (_, i) => values[i % values.length]);
      return { shape: dims, data: held(type, numbers) };
    }),
  ),
  fc.tuple(fc.nat(7), types).map(([pick, type]) =>
    onTensor(pick, ({ data }) => ({
      type,
      ...(data ? { data: held(type, Array.from(data as Int8Array, Number)) } : {}),
    })),
  ),
);

test('networks with other operators, attributes, inputs, types and shapes than were meant', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SAMPLES),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (sample, changes) => {
        survives(() => prepare(changes.reduce((graph, by) => by(graph), sampleGraph(sample))));
      },
    ),
    { numRuns: 8000 },
  );
});
