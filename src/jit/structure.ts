/**
 * The shape of a region: its control-flow graph made reducible and nested, ready to be written as structured code.
 *
 * Every way in leads through one dispatcher node. Edges that would enter a loop in the middle go through it too, so
 * the rest is reducible. A loop that holds others gets a door in front of its header, which leads an execution that
 * stopped inside straight back to the inner header. (Dominators: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance
 * Algorithm"; structuring: Ramsey, "Beyond Relooper".)
 */
import type { Region } from './blocks.ts';

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
  /** Node that edges to a block lead to: its door, where its loop has one, else the block's own. */
  readonly nodeOf: ReadonlyMap<number, number>;
  /** Edges (see `edge`) that go through the dispatcher, because they would enter a loop in the middle. */
  readonly viaDispatcher: ReadonlySet<string>;
  readonly loops: ReadonlyMap<number, Loop>;
  /** Reverse post-order number; forward edges ascend. */
  readonly order: Int32Array;
  /** Children in the dominator tree, in ascending order. */
  readonly dominated: readonly (readonly number[])[];
  readonly isHeader: readonly boolean[];
  readonly isMerge: readonly boolean[];
}

const DISPATCHER = 0;

interface Flow {
  readonly order: Int32Array;
  readonly sequence: readonly number[];
  readonly dominator: Int32Array;
}

/** Reverse post-order and immediate dominators from node 0. Unreachable nodes have order -1. */
function analyse(successors: readonly (readonly number[])[]): Flow {
  const order = new Int32Array(successors.length).fill(-1);
  const post: number[] = [];
  const seen = new Uint8Array(successors.length);
  const stack: { node: number; next: number }[] = [{ node: DISPATCHER, next: 0 }];
  seen[DISPATCHER] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    if (top.next < successors[top.node].length) {
      const to = successors[top.node][top.next++];
      if (!seen[to]) {
        seen[to] = 1;
        stack.push({ node: to, next: 0 });
      }
    } else {
      post.push(top.node);
      stack.pop();
    }
  }
  const sequence = post.toReversed();
  sequence.forEach((node, i) => {
    order[node] = i;
  });
  const predecessors: number[][] = successors.map(() => []);
  for (const node of sequence) for (const to of successors[node]) predecessors[to].push(node);
  const dominator = new Int32Array(successors.length).fill(-1);
  dominator[DISPATCHER] = DISPATCHER;
  for (let changed = true; changed;) {
    changed = false;
    for (const node of sequence) {
      if (node === DISPATCHER) continue;
      let best = -1;
      for (const from of predecessors[node]) {
        if (dominator[from] < 0) continue;
        if (best < 0) best = from;
        else {
          let a = from;
          while (a !== best) {
            while (order[a] > order[best]) a = dominator[a];
            while (order[best] > order[a]) best = dominator[best];
          }
        }
      }
      if (dominator[node] !== best) {
        dominator[node] = best;
        changed = true;
      }
    }
  }
  return { order, sequence, dominator };
}

const dominates = ({ order, dominator }: Flow, a: number, b: number): boolean => {
  let node = b;
  while (order[node] > order[a]) node = dominator[node];
  return node === a;
};

/** The edge from a node to the block at a guest address. */
export const edge = (from: number, target: number): string => `${from}>${target}`;

/** Shapes a region. */
export function structure(region: Region): Structure {
  const { blocks } = region;
  const index = new Map(blocks.map((b, i) => [b.start, i + 1]));
  const inside = (pcs: readonly number[]): number[] => pcs.flatMap((pc) => index.get(pc) ?? []);
  const targets = blocks.map(({ end }): number[] => {
    if (end.kind === 'goto') return inside([end.target]);
    if (end.kind === 'branch') return inside([end.taken, end.following]);
    // Both loops may end here: each way is written twice, and so joins.
    if (end.kind === 'loop') return inside([end.start, end.start, end.following, end.following]);
    return [];
  });
  const goesToDispatcher = blocks.map(({ end }) => end.kind === 'indirect' || end.kind === 'loop');

  // Make it reducible: the target of an edge into the middle of a loop becomes a way in.
  const ways = new Set([...region.entries].map((pc) => index.get(pc)!));
  const via = new Set<string>();
  let successors: number[][];
  let flow: Flow;
  for (;;) {
    successors = [
      [...ways],
      ...targets.map((list, i) => {
        const direct = list.filter((to) => !via.has(edge(i + 1, blocks[to - 1].start)));
        return goesToDispatcher[i] || direct.length < list.length ? [...direct, DISPATCHER] : direct;
      }),
    ];
    flow = analyse(successors);
    const before = via.size;
    for (const from of flow.sequence) {
      for (const to of successors[from]) {
        if (to === DISPATCHER || flow.order[to] > flow.order[from] || dominates(flow, to, from)) continue;
        ways.add(to);
        via.add(edge(from, blocks[to - 1].start));
      }
    }
    if (via.size === before) break;
  }
  return finish(
    blocks.map((b) => b.start),
    successors,
    flow,
    via,
  );
}

/** Adds doors and resume nodes and computes the final order. */
function finish(
  starts: readonly number[],
  plain: readonly (readonly number[])[],
  flow: Flow,
  viaDispatcher: ReadonlySet<string>,
): Structure {
  const nesting = nestLoops(plain, flow);
  const nodes: NodeKind[] = [
    { kind: 'dispatcher' },
    ...starts.map((_, i): NodeKind => ({ kind: 'block', block: i })),
  ];
  const successors = plain.map((list) => [...list]);
  const doors = new Map<number, number>();
  for (const [header, children] of nesting.children) {
    if (header === DISPATCHER || children.length === 0) continue;
    doors.set(header, nodes.length);
    nodes.push({ kind: 'door', header });
  }
  const entryOf = (header: number): number => doors.get(header) ?? header;
  for (const list of successors) list.forEach((to, i) => (list[i] = entryOf(to)));
  for (const [header, door] of doors) {
    successors[door] = [header, ...nesting.children.get(header)!.map(entryOf)];
  }
  const loops = new Map<number, Loop>();
  let count = 0;
  const number = (header: number, outermost: number): void => {
    const own = ++count;
    const children = nesting.children.get(header) ?? [];
    for (const child of children) number(child, outermost);
    loops.set(header, { number: own, lastInside: count, entry: entryOf(header), children });
    if (header === outermost) return;
    successors[DISPATCHER].push(nodes.length);
    successors[nodes.length] = [entryOf(outermost)];
    nodes.push({ kind: 'resume', loop: header });
  };
  for (const header of nesting.children.get(DISPATCHER) ?? []) {
    number(header, header);
    if (!successors[DISPATCHER].includes(entryOf(header))) successors[DISPATCHER].push(entryOf(header));
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
  const ways = new Map<number, number>();
  successors[DISPATCHER].forEach((node, way) => {
    const target = nodes[node];
    const block =
      target.kind === 'block'
        ? node
        : target.kind === 'door'
          ? target.header
          : target.kind === 'resume'
            ? target.loop
            : 0;
    ways.set(starts[block - 1], way);
  });
  return {
    nodes,
    successors,
    ways,
    nodeOf: new Map(starts.map((pc, i) => [pc, entryOf(i + 1)])),
    viaDispatcher,
    loops,
    order: final.order,
    dominated,
    isHeader,
    isMerge: nodes.map((_, node) => forward[node] > 1 || successors[DISPATCHER].includes(node)),
  };
}

/** Loops by header and the loops directly inside each; those at the top are the dispatcher's. */
function nestLoops(
  successors: readonly (readonly number[])[],
  flow: Flow,
): { children: Map<number, number[]> } {
  const predecessors: number[][] = successors.map(() => []);
  for (const node of flow.sequence) for (const to of successors[node]) predecessors[to].push(node);
  const bodies = new Map<number, Set<number>>();
  for (const header of flow.sequence) {
    if (header === DISPATCHER) continue;
    const back = predecessors[header].filter((from) => flow.order[from] >= flow.order[header]);
    if (back.length === 0) continue;
    const body = new Set([header]);
    const work = [...back];
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      if (body.has(node)) continue;
      body.add(node);
      work.push(...predecessors[node]);
    }
    bodies.set(header, body);
  }
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
  return { children };
}
