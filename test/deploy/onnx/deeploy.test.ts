/** The importer and the reference against networks and golden outputs that another tool wrote. */
import { describe, expect } from 'vitest';
import type { Graph, Tensor, TensorData } from '../../../src/deploy/graph/graph.ts';
import { numberAttribute } from '../../../src/deploy/graph/attributes.ts';
import { ARRAY, numeric } from '../../../src/deploy/graph/elements.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { parseNpz } from '../../../src/deploy/npz.ts';
import { parseOnnx } from '../../../src/deploy/onnx/parse.ts';
import { evaluate } from '../../../src/deploy/reference/integer.ts';
import { readShared, testWith } from '../shared.ts';

const load = (folder: string): Graph => parseOnnx(readShared(`deeploy/${folder}/network.onnx`), folder);

const arrays = (folder: string, name: string): TensorData[] =>
  Array.from(parseNpz(readShared(`deeploy/${folder}/${name}.npz`), name).values(), (array) => array.data);

/** Nodes and constants of each network, Constant nodes among the latter, as counted by an independent reader in Python. */
const NETWORKS: Record<string, readonly [nodes: number, constants: number]> = {
  'Kernels/FP32/LayerNorm': [1, 0],
  'Kernels/Integer/Attention': [38, 22],
  'Kernels/Integer/iNoNorm': [1, 2],
  'Models/CCT/Int/ICCT_ITA': [46, 40],
  'Models/CCT/FP32/CCT_2_32_32_128': [62, 46],
  'Models/EEGFormer': [24, 13],
  'Models/MLPerf/KeywordSpotting': [22, 16],
  'Models/microLlama/INT8/microLlama8_parallel': [505, 222],
};

describe('a network of another exporter', () => {
  for (const [folder, counts] of Object.entries(NETWORKS)) {
    testWith(`deeploy/${folder}/network.onnx`, `${folder} is read whole`, () => {
      const graph = load(folder);
      const constants = [...graph.tensors.values()].filter((t) => t.data);
      expect([graph.nodes.length, constants.length]).toEqual(counts);
    });
  }
});

/** That tool rounds half up where it requantises; octet's files state the half in the addend, so it is added here. */
function withRounding(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'RequantShift') return node;
    const [x, mul, add] = node.inputs;
    const { type, shape, data } = graph.tensors.get(add) as Required<Tensor>;
    const half = numberAttribute(node, 'div') / 2;
    const name = `${node.name}/add`;
    tensors.set(name, { name, type, shape, data: (data as Float32Array).map((v) => v + half) });
    return { ...node, inputs: [x, mul, name] };
  });
  return { ...graph, tensors, nodes };
}

describe('the integer reference agrees with golden outputs:', () => {
  for (const folder of [
    'Kernels/Integer/iNoNorm',
    'Kernels/Integer/Add/Large',
    'Kernels/Integer/Add/Regular_RQ',
    'Kernels/Integer/MatMul/Regular',
    'Kernels/Integer/MatMul/Regular_RQ',
    'Kernels/Integer/MatMul/Add',
    'Kernels/Integer/Concat',
    'Kernels/Integer/Slice',
  ]) {
    testWith(`deeploy/${folder}/network.onnx`, folder, () => {
      const graph = inferShapes(withRounding(load(folder)));
      const given = arrays(folder, 'inputs');
      const inputs = new Map(
        graph.inputs.map((name, i) => {
          const { type } = graph.tensors.get(name) as Tensor;
          return [name, (ARRAY[type] as Int32ArrayConstructor).from(numeric(given[i]))];
        }),
      );
      const outputs = [...evaluate(graph, inputs).values()];
      expect(outputs.map((data) => Float64Array.from(numeric(data)))).toEqual(
        arrays(folder, 'outputs').map((data) => Float64Array.from(numeric(data))),
      );
    });
  }
});
