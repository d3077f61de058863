/** The importer against networks that another tool wrote. */
import { describe, expect } from 'vitest';
import type { Graph } from '../../../src/deploy/graph/graph.ts';
import { parseOnnx } from '../../../src/deploy/onnx/parse.ts';
import { readShared, testWith } from '../shared.ts';

const load = (folder: string): Graph => parseOnnx(readShared(`deeploy/${folder}/network.onnx`), folder);

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
