/** The fusing stage: the passes of rules.ts in turn; what no rule takes up stays as it is, for the harts. */
import { DeployError } from '../../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { AcceleratorLimits } from './assign.ts';
import { runPasses, type PassOptions } from './pass.ts';
import type { Match, Rule } from './rewrite.ts';
import { ENGINE_PASSES } from './rules.ts';

/** Nodes of the source network that are not to be the root of a fused one, with the reason. */
export type Declined = Map<string, string>;

/** The rule without the matches that were declined before, or whose constants it turns out not to take. */
function guarded(rule: Rule, declined: Declined): Rule {
  const accepts = (match: Match): boolean => {
    const { name } = match.root;
    if (declined.has(name)) return false;
    try {
      if (rule.where?.(match) === false) return false;
      rule.replace(match);
      return true;
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      declined.set(name, error.message);
      return false;
    }
  };
  return { ...rule, where: accepts };
}

/** What the rules do not depend on; none of theirs asks for the machine. */
const ANY: AcceleratorLimits = { softmaxShift: 0 };

/**
 * Rewrites an integer network to nodes of the engine domain where a pattern fits (see rules.ts).
 * @param declined matches to leave alone, by their root; those whose constants fit no engine are added
 */
export function fuse(graph: Graph, declined: Declined = new Map(), options: PassOptions = {}): Graph {
  const passes = ENGINE_PASSES.map((pass) => ({
    ...pass,
    rules: pass.rules?.map((rule) => guarded(rule, declined)),
  }));
  return runPasses(passes, graph, ANY, options);
}
