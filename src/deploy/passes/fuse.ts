/** The fusing stage: every rule in turn; what no rule takes up stays as it is, for the harts. */
import { DeployError } from '../../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { rewrite, type Match, type Rule } from './rewrite.ts';
import { RULES } from './rules.ts';

/** Nodes of the source network that are not to be the root of a fused one, with the reason. */
export type Declined = Map<string, string>;

/** The rule without the matches that were declined before, or whose constants it turns out not to take. */
function guarded(rule: Rule, declined: Declined): Rule {
  const accepts = (match: Match): boolean => {
    const { name } = match.root;
    if (declined.has(name) || rule.where?.(match) === false) return false;
    try {
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

/**
 * Rewrites an integer network to nodes of the engine domain where a pattern fits (see rules.ts).
 * @param declined matches to leave alone, by their root; those whose constants fit no engine are added
 */
export function fuse(graph: Graph, declined: Declined = new Map()): Graph {
  return RULES.map((rule) => guarded(rule, declined)).reduce(rewrite, graph);
}
