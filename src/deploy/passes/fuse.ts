/** The fusing stage: every rule in turn, then the refusal of whatever no engine executes. */
import { DeployError } from '../../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { rewrite } from './rewrite.ts';
import { ENGINE, RULES } from './rules.ts';

/**
 * Rewrites an integer network to nodes of the engine domain (see rules.ts).
 * @throws DeployError naming the first operator, and its node, that no rule could take up
 */
export function fuse(graph: Graph): Graph {
  const fused = RULES.reduce(rewrite, graph);
  for (const node of fused.nodes) {
    if (node.domain === ENGINE && node.op !== 'Sum') continue;
    const op = node.op === 'Sum' ? 'Add' : node.op;
    const inputs = node.inputs.map((name) => {
      const tensor = fused.tensors.get(name);
      return `${name} ${tensor?.type ?? 'unknown'} [${tensor?.shape.join(', ') ?? '?'}]`;
    });
    throw new DeployError(
      `node ${node.name}: operator ${op} on (${inputs.join('; ')}) fits no pattern of the deployment; it takes linear layers (MatMul, Add, RequantShift, Relu), attention heads (ITAPartialMax), sums and iNoNorm, and table lookups (Gather, Slice, Concat)`,
    );
  }
  return fused;
}
