/** One example of every operator that is read: deployed and equal to the reference, or refused with a sentence. */
import { beforeEach, describe, expect, test } from 'vitest';
import { deploy } from '../../src/deploy/deploy.ts';
import { isFloat } from '../../src/deploy/graph/elements.ts';
import type { Graph, TensorData } from '../../src/deploy/graph/graph.ts';
import { inferShapes, OPERATORS } from '../../src/deploy/graph/shapes.ts';
import { KERNELS } from '../../src/deploy/kernels/kernels.ts';
import { DeployError } from '../../src/errors.ts';
import { needsToolchain } from '../support/toolchain.ts';
import { prefixed, sideBySide } from './random-graphs.ts';
import { ProjectDirectory } from './run.ts';
import { c, SAMPLES, sampleGraph, sampleInputs, x, type Sample } from './samples.ts';

/** Cases beyond the samples: shapes and types that take another way through the kernels. */
const MORE: readonly Sample[] = [
  { op: 'MatMul', inputs: [x([3, 0]), x([0, 2])] },
  { op: 'ReduceSum', inputs: [x([2, 0]), c([1], [1], 'int64')], attributes: { keepdims: 0 } },
  { op: 'ReduceMean', inputs: [x([2, 0]), c([1], [1], 'int64')] },
  { op: 'Concat', inputs: [x([2, 0]), x([2, 3])], attributes: { axis: 1 } },
  { op: 'MatMul', inputs: [x([2, 1, 3, 4], 'int32'), x([5, 4, 2], 'int16')] },
  { op: 'Transpose', inputs: [x([4], 'float32')], attributes: { perm: [0] } },
  { op: 'Transpose', inputs: [x([2, 3], 'float32')], attributes: { perm: [1, 0] } },
  { op: 'Cast', inputs: [x([6], 'float32')], attributes: { to: 6 } },
  { op: 'Cast', inputs: [x([6], 'int16')], attributes: { to: 1 } },
  { op: 'Gather', inputs: [c([6, 3], [1, -2, 3]), { type: 'int64', shape: [2], data: [-1, 4] }] },
  {
    op: 'RequantShift',
    inputs: [x([2, 5], 'int16'), c([2, 1], [9, 250], 'int32'), c([5], [-300, 77], 'int32')],
    attributes: { div: 1000, n_levels: 16, signed: 0, rounding: 1 },
  },
  { op: 'Slice', inputs: [x([5, 4]), c([1], [3], 'int64'), c([1], [3], 'int64')] },
];

/** What only the passes make is no operator of networks. */
const given = SAMPLES.filter(({ op }) => OPERATORS[op].set !== 'octet');

const cases = [...given, ...MORE].map((sample, i) => {
  const plain = sampleGraph(sample);
  const prefix = `${sample.op}_${i}_`;
  const inputs = [...sampleInputs(plain)].map(([name, data]): [string, TensorData] => [prefix + name, data]);
  return { op: sample.op, graph: prefixed(inferShapes(plain), prefix), inputs };
});

const real = ({ tensors }: Graph): boolean =>
  [...tensors.values()].some(({ type, data }) => isFloat(type) && !data);
const deployable = ({ op, graph }: (typeof cases)[number]): boolean => {
  try {
    deploy(graph);
    return true;
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    expect(error.message, op).toMatch(new RegExp(`^node ${op}_\\d+_n \\(${op}\\): .`));
    return false;
  }
};

const directory = new ProjectDirectory();

describe('every operator', () => {
  beforeEach(needsToolchain);

  test('of integers is deployed; those of real numbers are refused, naming node and operator', () => {
    const refused = cases.filter((example) => !deployable(example));
    expect(refused.filter(({ graph }) => !real(graph)).map(({ op }) => op)).toEqual([]);
    expect(refused.length).toBeGreaterThan(0);
  });

  test.each(['host', 'cluster'] as const)(
    'computes on the %s what the reference computes',
    async (target) => {
      const chosen = cases.filter(deployable);
      const graph = sideBySide(
        'operators',
        chosen.map((example) => example.graph),
      );
      const inputs = new Map(chosen.flatMap((example) => example.inputs));
      const { different } = await directory.differing(graph, inputs, target);
      expect(different).toEqual([]);
    },
    60_000,
  );
});

test('every kernel has an example', () => {
  const shown = new Set([...SAMPLES, ...MORE].map(({ op }) => op));
  // What decomposition makes; QLinearMatMul and others show it.
  shown.add('QuantizeProduct');
  expect(Object.keys(KERNELS).filter((op) => !shown.has(op))).toEqual([]);
});
