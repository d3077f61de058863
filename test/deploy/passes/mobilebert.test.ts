import { describe, expect, test } from 'vitest';
import { check } from '../../../src/deploy/graph/check.ts';
import { fromNumbers, numeric } from '../../../src/deploy/graph/elements.ts';
import { elements, type Graph, type Node, type Tensor } from '../../../src/deploy/graph/graph.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { buildMobileBert, MOBILEBERT, type MobileBertConfig } from '../../../src/deploy/models/mobilebert.ts';
import { calibrationTokens, syntheticParameters } from '../../../src/deploy/models/synthetic.ts';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';

const SMALL: MobileBertConfig = {
  ...MOBILEBERT,
  layers: 1,
  hidden: 64,
  bottleneck: 64,
  heads: 4,
  intermediate: 64,
  ffns: 1,
  sequence: 64,
  vocabulary: 100,
  embedding: 64,
};

/** The network with the attention of a layer written for all heads at once, as exporters do, with the same constants. */
function stacked(graph: Graph, { heads, headSize, sequence }: MobileBertConfig, at: string): Graph {
  const tensors = new Map(graph.tensors);
  const nodes: Node[] = [];
  const named = (name: string): Node => {
    const found = graph.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`no node ${name}`);
    return found;
  };
  const values = (name: string): number[] =>
    Array.from(numeric((tensors.get(name) as Required<Tensor>).data));
  const constant = (
    name: string,
    type: 'int8' | 'int32' | 'int64',
    shape: number[],
    data: number[],
  ): string => {
    expect(data).toHaveLength(elements(shape));
    const array = fromNumbers(type, data);
    tensors.set(name, { name, type, shape, data: array });
    return name;
  };
  const add = (op: string, name: string, inputs: string[], attributes: Node['attributes'] = {}): string => {
    nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
    return name;
  };
  const list = (role: string) => Array.from({ length: heads }, (_, h) => `${at}/head_${h}/${role}`);
  /** One RequantShift with the constants of each head, brought to one divisor. */
  const requant = (role: string, x: string, shape: number[], repeat: number): string => {
    const own = list(`${role}/requantize`).map(named);
    const div = Math.max(...own.map(({ attributes }) => attributes.div as number));
    const [mul, shifted] = [1, 2].map((input) =>
      own.flatMap(({ inputs, attributes }) => {
        const [value] = values(inputs[input]);
        return Array.from({ length: repeat }, () => (value * div) / (attributes.div as number));
      }),
    );
    const name = `${at}/${role}`;
    const constants = [
      constant(`${name}/multipliers`, 'int32', shape, mul),
      constant(`${name}/addends`, 'int64', shape, shifted),
    ];
    return add('RequantShift', name, [x, ...constants], { div, n_levels_out: 256, signed: 1 });
  };
  const projection = (role: string, perm: number[]): string => {
    const name = `${at}/${role}`;
    const [x] = named(`${at}/head_0/${role}/matmul`).inputs;
    const parts = list(`${role}/weight`).map(values);
    const inner = parts[0].length / headSize;
    const rows = Array.from({ length: inner }, (_, k) =>
      parts.flatMap((w) => w.slice(k * headSize, (k + 1) * headSize)),
    );
    const w = constant(`${name}/weight`, 'int8', [inner, heads * headSize], rows.flat());
    const b = constant(`${name}/bias`, 'int32', [heads * headSize], list(`${role}/bias`).flatMap(values));
    const sum = add('Add', `${name}/add`, [add('MatMul', `${name}/matmul`, [x, w]), b]);
    const y = requant(role, sum, [heads * headSize], headSize);
    const shape = constant(`${name}/shape`, 'int64', [3], [sequence, heads, headSize]);
    return add('Transpose', `${name}/turned`, [add('Reshape', `${name}/split`, [y, shape])], { perm });
  };
  const [q, k, v] = [
    projection('query', [1, 0, 2]),
    projection('key', [1, 2, 0]),
    projection('value', [1, 0, 2]),
  ];
  const logits = requant('logits', add('MatMul', `${at}/qk`, [q, k]), [heads, 1, 1], 1);
  const { attributes } = named(`${at}/head_0/probabilities`);
  const softmax = add('ITAPartialMax', `${at}/probabilities`, [logits], attributes);
  const context = requant('context', add('MatMul', `${at}/av`, [softmax, v]), [heads, 1, 1], 1);
  const wide = tensors.get(`${at}/head_0/projection/weight`)?.shape[1] ?? 0;
  const w = constant(
    `${at}/output/weight`,
    'int8',
    [heads, headSize, wide],
    list('projection/weight').flatMap(values),
  );
  const bias = [
    ...values(`${at}/head_0/projection/bias`),
    ...Array.from({ length: (heads - 1) * wide }, () => 0),
  ];
  const b = constant(`${at}/output/bias`, 'int32', [heads, 1, wide], bias);
  const products = add('Add', `${at}/output/add`, [add('MatMul', `${at}/output/matmul`, [context, w]), b]);
  const terms = requant('projection', products, [heads, 1, 1], 1);
  const total = named(`${at}/sum_${heads - 1}`).outputs[0];
  add('ReduceSum', total, [terms, constant(`${at}/axes`, 'int64', [1], [0])], { keepdims: 0 });
  const old = (node: Node): boolean =>
    node.name.startsWith(`${at}/head_`) || node.name.startsWith(`${at}/sum_`);
  const first = graph.nodes.findIndex(old);
  const rest = graph.nodes.slice(first).filter((node) => !old(node));
  const all = [...graph.nodes.slice(0, first), ...nodes, ...rest];
  const used = new Set([...graph.inputs, ...all.flatMap((node) => [...node.inputs, ...node.outputs])]);
  const kept = new Map([...tensors].filter(([name]) => used.has(name)));
  return check(inferShapes({ ...graph, nodes: all, tensors: kept }));
}

/** What runs where, in any order. */
const steps = (graph: Graph): string[] =>
  lower(graph, { softmaxShift: 0 })
    .steps.map(({ kind, engine, reason }) => `${kind} ${engine} ${reason}`)
    .sort();

describe('MobileBERT with its attention written for all heads at once', () => {
  const parameters = syntheticParameters({ seed: 3, calibration: calibrationTokens(SMALL, 3, 2) });
  const byHead = buildMobileBert(SMALL, parameters);
  const plain = stacked(byHead, SMALL, 'layer_00/attention');

  test('computes the same', () => {
    const [inputs] = calibrationTokens(SMALL, 7, 1);
    expect(evaluate(plain, inputs)).toEqual(evaluate(byHead, inputs));
  });

  test('is deployed in the same steps as head by head', () => {
    expect(steps(plain)).toEqual(steps(byHead));
    expect(steps(plain).filter((step) => step.startsWith('kernel'))).toEqual([]);
  });
});
