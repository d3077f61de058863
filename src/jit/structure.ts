/**
 * The shape of a region: its reducible control-flow graph nested, ready to be written as structured code.
 *
 * A loop that holds others gets a door in front of its header, which leads an execution that stopped inside straight
 * back to the inner header. (Structuring: Ramsey, "Beyond Relooper".)
 */
import type { Region } from './blocks.ts';
import { analyse, DISPATCHER, type Graph, loopBodies, reducibleGraph } from './graph.ts';

export type NodeKind =
  | { readonly kind: 'dispatcher' }
  | { readonly kind: 'block'; readonly block: number }
  /** In front of the header of a loop that holds others. */
  | { readonly kind: 'door'; readonly header: number }
  /** Sets `resume` to the loop's number and goes to the outermost door. */
  | { readonly kind: 'resume'; readonly loop: number };

/** A loop by its header node. Numbers count from 1 in depth-first order, so that inner loops form a range. */
export interface Loop {
  readonly number: number;
  /** The greatest number among the loops inside; its own where there are none. */
  readonly lastInside: number;
  /** Where it is entered: its door, or its header. */
  readonly entry: number;
  readonly children: readonly number[];
}

export interface Structure {
  readonly nodes: readonly NodeKind[];
  /** Successors in the final graph; node 0 is the dispatcher, its successors are the ways in, in order. */
  readonly successors: readonly (readonly number[])[];
  /** Number of the way in for each block address that has one. */
  readonly ways: ReadonlyMap<number, number>;
  /** For each node the nodes its guest targets lead to: a block's own, the door of its loop, or the dispatcher. */
  readonly targets: readonly ReadonlyMap<number, number>[];
  readonly loops: ReadonlyMap<number, Loop>;
  /** Headers of loops that only wait, and the instructions of a turn. */
  readonly idle: ReadonlyMap<number, number>;
  /** Reverse post-order number; forward edges ascend. */
  readonly order: Int32Array;
  /** Children in the dominator tree, in ascending order. */
  readonly dominated: readonly (readonly number[])[];
  readonly isHeader: readonly boolean[];
  readonly isMerge: readonly boolean[];
}

/** Shapes a region: makes its graph reducible, then adds doors and resume nodes. @param turns see `reducibleGraph` */
export function structure(region: Region, turns = true): Structure {
  const graph = reducibleGraph(region, turns);
  const nesting = nestLoops(graph);
  const startOf = (node: number): number => region.blocks[graph.blocks[node]].start;
  const nodes: NodeKind[] = graph.blocks.map((block) =>
    block < 0 ? { kind: 'dispatcher' } : { kind: 'block', block },
  );
  const successors = graph.successors.map((list) => [...list]);
  const doors = new Map<number, number>();
  for (const [header, children] of nesting) {
    if (header === DISPATCHER || children.length === 0) continue;
    doors.set(header, nodes.length);
    nodes.push({ kind: 'door', header });
  }
  const entryOf = (header: number): number => doors.get(header) ?? header;
  for (const list of successors) list.forEach((to, i) => (list[i] = entryOf(to)));
  for (const [header, door] of doors) successors[door] = [header, ...nesting.get(header)!.map(entryOf)];
  const ways = new Map([...graph.ways.keys()].map((pc, way) => [pc, way]));
  const loops = new Map<number, Loop>();
  let count = 0;
  /** Adds a way in to an address that has none. */
  const enter = (node: number, pc: number): void => {
    if (ways.has(pc)) return;
    ways.set(pc, successors[DISPATCHER].length);
    successors[DISPATCHER].push(node);
  };
  const number = (header: number, outermost: number): void => {
    const own = ++count;
    const children = nesting.get(header) ?? [];
    for (const child of children) number(child, outermost);
    loops.set(header, { number: own, lastInside: count, entry: entryOf(header), children });
    if (header === outermost || ways.has(startOf(header))) return;
    successors[nodes.length] = [entryOf(outermost)];
    enter(nodes.length, startOf(header));
    nodes.push({ kind: 'resume', loop: header });
  };
  for (const header of nesting.get(DISPATCHER)!) {
    number(header, header);
    enter(entryOf(header), startOf(header));
  }
  const final = analyse(successors);
  const forward = new Int32Array(nodes.length);
  const isHeader = nodes.map(() => false);
  for (const from of final.sequence) {
    for (const to of successors[from]) {
      if (final.order[to] <= final.order[from]) isHeader[to] = true;
      else forward[to]++;
    }
  }
  const dominated: number[][] = nodes.map(() => []);
  for (const node of final.sequence) if (node !== DISPATCHER) dominated[final.dominator[node]].push(node);
  return {
    nodes,
    successors,
    ways,
    targets: graph.edges.map((edges) => new Map(edges.map(({ target, to }) => [target, entryOf(to)]))),
    loops,
    idle: graph.idle,
    order: final.order,
    dominated,
    isHeader,
    isMerge: nodes.map((_, node) => forward[node] > 1 || successors[DISPATCHER].includes(node)),
  };
}

/** Loops by header and the loops directly inside each; those at the top are the dispatcher's. */
function nestLoops({ successors, flow }: Graph): Map<number, number[]> {
  const bodies = loopBodies(successors, flow);
  const children = new Map<number, number[]>([[DISPATCHER, []]]);
  for (const header of bodies.keys()) children.set(header, []);
  for (const header of bodies.keys()) {
    let parent = DISPATCHER;
    for (const [other, body] of bodies) {
      if (other === header || !body.has(header)) continue;
      if (parent === DISPATCHER || body.size < bodies.get(parent)!.size) parent = other;
    }
    children.get(parent)!.push(header);
  }
  return children;
}
