/** Every graph pass in the order it runs: first those on the operators of the file, then those that choose steps. */
import type { Graph } from '../graph/graph.ts';
import type { AcceleratorLimits } from './assign.ts';
import { fuseAttention, SPLIT_HEADS, SPLIT_PROJECTIONS } from './attention.ts';
import { decompose } from './decompose.ts';
import { foldConstants } from './fold.ts';
import { runPasses, type Pass, type PassOptions } from './pass.ts';
import { prune, rewrite } from './rewrite.ts';
import { ENGINE_PASSES } from './rules.ts';
import { AS_RESHAPE, REMOVE_IDLE, shareConstants, shareNodes } from './tidy.ts';
import { COMPOSE } from './views.ts';

/** Networks of plain operators to networks of plain operators, those of octet's own `MultiHeadAttention` in between. */
export const NETWORK_PASSES: readonly Pass[] = [
  {
    name: 'fold-constants',
    does: 'what follows from constants and shapes becomes a constant, transposed weights included',
    run: foldConstants,
  },
  {
    name: 'decompose',
    does: 'fused and quantised operators become the products and requantisations they stand for',
    run: decompose,
    always: true,
  },
  { name: 'remove-idle', does: 'nodes that change nothing disappear', rules: REMOVE_IDLE },
  { name: 'reshape', does: 'other spellings of Reshape become Reshape', rules: AS_RESHAPE },
  {
    name: 'fuse-attention',
    does: 'queries, keys, softmax and values of all heads become one MultiHeadAttention, where the accelerator can run each head',
    run: (graph, limits) => rewrite(graph, fuseAttention(limits)),
    needs: 'split-heads',
  },
  {
    name: 'split-heads',
    does: 'MultiHeadAttention becomes one attention for each head, with its columns of the projections',
    rules: [SPLIT_HEADS],
  },
  {
    name: 'split-projections',
    does: 'an output projection that is summed over the heads becomes one linear layer for each head',
    rules: SPLIT_PROJECTIONS,
  },
  {
    name: 'compose-moves',
    does: 'chains of Reshape and Transpose become the fewest nodes that do the same, or none',
    rules: COMPOSE,
  },
  {
    name: 'share-constants',
    does: 'constants of equal type, shape and elements are one',
    run: shareConstants,
  },
  { name: 'share-nodes', does: 'nodes of equal operator, inputs and attributes are one', run: shareNodes },
  { name: 'remove-dead', does: 'nodes and constants that nothing reads disappear', run: removeDead },
];

/** The network without what nothing reads. */
export function removeDead(graph: Graph): Graph {
  const live = prune(graph);
  return live.nodes.length === graph.nodes.length && live.tensors.size === graph.tensors.size ? graph : live;
}

/** Name of the choice that lower.ts makes when the passes are done. */
export const BY_COST = 'assign-by-cost';

/** All passes, for `--list-passes`. */
export const PASSES: readonly Pass[] = [
  ...NETWORK_PASSES,
  ...ENGINE_PASSES,
  {
    name: BY_COST,
    does: 'what the accelerator can compute runs on the harts where they are estimated to be faster',
    run: (graph) => graph,
  },
];

/** The network as the engines are assigned to its nodes. */
export const optimise = (graph: Graph, limits: AcceleratorLimits, options: PassOptions = {}): Graph =>
  runPasses(NETWORK_PASSES, graph, limits, options);
