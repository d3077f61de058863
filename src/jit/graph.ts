/**
 * The control-flow graph of a region, made reducible: every loop is entered at one node only.
 *
 * Node 0 is the dispatcher, through which every way in leads. A loop with several entries gets a copy of what lies
 * between its other entries and its header (node splitting) where that is short; else the edges that would enter it in
 * the middle go through the dispatcher. Short innermost loops are unrolled, since each turn of a WebAssembly loop costs
 * a check of the host's stack and one of the budget. (Dominators: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm".)
 */
import { type Block, type Region, targetsOf } from './blocks.ts';
import { idleTurn } from './idle.ts';
import { reach } from './reach.ts';

export const DISPATCHER = 0;

/** Instructions that copies may add to a region: this share of it, or so many in a small one. */
const GROWTH = 0.5;
const SMALL_GROWTH = 128;
/** Instructions of an unrolled loop, and turns it then makes at once. */
const UNROLLED = 48;
const TURNS = 4;

/** An edge as the code of a block writes it: to a guest address, at the node that begins there or the dispatcher. */
export interface Edge {
  readonly target: number;
  to: number;
  /** The target is a guess at a computed jump. */
  readonly guessed: boolean;
  /** How often the code is written. */
  readonly times: number;
}

export interface Graph {
  /** Index of the block each node is a copy of; -1 for the dispatcher. */
  readonly blocks: readonly number[];
  readonly edges: readonly (readonly Edge[])[];
  /** The node to enter at for each guest address that may be entered. */
  readonly ways: ReadonlyMap<number, number>;
  readonly successors: readonly (readonly number[])[];
  readonly flow: Flow;
  /** Headers of loops that only wait (see `idleTurn`), and the instructions of a turn. */
  readonly idle: ReadonlyMap<number, number>;
}

/** Reverse post-order and immediate dominators from node 0. Unreachable nodes have order -1. */
export interface Flow {
  readonly order: Int32Array;
  readonly sequence: readonly number[];
  readonly dominator: Int32Array;
}

export function analyse(successors: readonly (readonly number[])[]): Flow {
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
  const predecessors = predecessorsOf(successors, sequence);
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

/** Predecessors of each node among the given ones. */
export function predecessorsOf(
  successors: readonly (readonly number[])[],
  nodes: Iterable<number>,
): number[][] {
  const predecessors: number[][] = successors.map(() => []);
  for (const node of nodes) for (const to of successors[node]) predecessors[to].push(node);
  return predecessors;
}

const dominates = ({ order, dominator }: Flow, a: number, b: number): boolean => {
  let node = b;
  while (order[node] > order[a]) node = dominator[node];
  return node === a;
};

/**
 * The reducible graph of a region.
 * @param turns whether innermost loops are unrolled, and those that only wait are looked for: not where each turn is to be
 *   timed, which makes code long enough
 */
export function reducibleGraph(region: Region, turns = true): Graph {
  const building = new Building(region);
  for (;;) {
    const successors = building.successors();
    const flow = analyse(successors);
    if (building.mend(successors, flow)) continue;
    const idle = turns ? building.unroll(successors, flow) : new Map<number, number>();
    const { blocks, edges, ways } = building;
    const unrolled = building.successors();
    return { blocks, edges, ways, successors: unrolled, flow: analyse(unrolled), idle };
  }
}

/** The nodes of each loop by its header: all from which control comes back to it. */
export function loopBodies(
  successors: readonly (readonly number[])[],
  flow: Flow,
): Map<number, ReadonlySet<number>> {
  const predecessors = predecessorsOf(successors, flow.sequence);
  const bodies = new Map<number, ReadonlySet<number>>();
  for (const header of flow.sequence) {
    if (header === DISPATCHER) continue;
    const back = predecessors[header].filter((from) => flow.order[from] >= flow.order[header]);
    if (back.length === 0) continue;
    bodies.set(header, new Set([header, ...reach(back, (n) => (n === header ? [] : predecessors[n]))]));
  }
  return bodies;
}

class Building {
  readonly blocks: number[];
  readonly edges: Edge[][];
  readonly ways: Map<number, number>;
  readonly #region: readonly Block[];
  /** Instructions that may still be added. */
  #growth: number;

  constructor(region: Region) {
    this.#region = region.blocks;
    const index = new Map(region.blocks.map((b, i) => [b.start, i + 1]));
    this.blocks = [-1, ...region.blocks.keys()];
    this.edges = [[], ...region.blocks.map((b) => edgesOf(b, index))];
    this.ways = new Map([...region.entries].map((pc) => [pc, index.get(pc)!]));
    const size = region.blocks.reduce((sum, b) => sum + b.steps.length, 0);
    this.#growth = Math.max(size * GROWTH, SMALL_GROWTH);
  }

  /** Successors of each node, one for each time an edge is written; computed jumps lead to the dispatcher. */
  successors(): number[][] {
    return this.edges.map((edges, node) => {
      if (node === DISPATCHER) return [...this.ways.values()];
      const list = edges.flatMap(({ to, times }) => Array<number>(times).fill(to));
      const { kind } = this.#region[this.blocks[node]].end;
      return kind === 'indirect' || kind === 'loop' ? [...list, DISPATCHER] : list;
    });
  }

  /**
   * Mends edges that enter a loop elsewhere than at its header, one of each group of loops; false where there are none.
   */
  mend(successors: readonly (readonly number[])[], flow: Flow): boolean {
    const mended = new Set<number>();
    for (const from of flow.sequence) {
      for (const edge of this.edges[from]) {
        const { to } = edge;
        if (to === DISPATCHER || flow.order[to] > flow.order[from] || dominates(flow, to, from)) continue;
        const cycle = cycleOf(to, successors, flow);
        if ([...cycle].some((node) => mended.has(node))) continue;
        for (const node of cycle) mended.add(node);
        if (!this.#dropGuesses(cycle) && !this.#split(cycle, successors, flow)) this.#viaDispatcher(edge);
      }
    }
    return mended.size > 0;
  }

  /** Repeats the bodies of short loops that hold no other; returns those that only wait. */
  unroll(successors: readonly (readonly number[])[], flow: Flow): ReadonlyMap<number, number> {
    const bodies = loopBodies(successors, flow);
    const idle = new Map<number, number>();
    for (const [header, body] of bodies) {
      if ([...body].some((node) => node !== header && bodies.has(node))) continue;
      const turn = idleTurn(this.#around(header, body).map((node) => this.#region[this.blocks[node]]));
      if (turn > 0) {
        idle.set(header, turn);
        continue;
      }
      const turns = Math.min(TURNS, Math.floor(UNROLLED / this.#sizeOf(body)));
      const nodes = [...body];
      const copies = Array.from({ length: Math.max(turns - 1, 0) }, () => this.#copy(nodes));
      const headers = [header, ...copies.map((copy) => copy.get(header)!)];
      const turnsOf = [nodes, ...copies.map((copy) => [...copy.values()])];
      turnsOf.forEach((turn, i) => {
        const next = headers[(i + 1) % headers.length];
        for (const node of turn)
          for (const edge of this.edges[node]) if (edge.to === headers[i]) edge.to = next;
      });
    }
    return idle;
  }

  /** The nodes of a loop in the order of a turn; none where a turn may go several ways. */
  #around(header: number, body: ReadonlySet<number>): number[] {
    const nodes = [header];
    for (;;) {
      const next = this.edges[nodes[nodes.length - 1]].filter(({ to }) => body.has(to));
      if (next.length !== 1) return [];
      if (next[0].to === header) return nodes;
      nodes.push(next[0].to);
    }
  }

  #sizeOf(nodes: Iterable<number>): number {
    let size = 0;
    for (const node of nodes) size += this.#region[this.blocks[node]].steps.length;
    return size;
  }

  #viaDispatcher(edge: Edge): void {
    if (!this.ways.has(edge.target)) this.ways.set(edge.target, edge.to);
    edge.to = DISPATCHER;
  }

  /** Guesses that make loops of calls and returns are not worth their trouble. */
  #dropGuesses(cycle: ReadonlySet<number>): boolean {
    let dropped = false;
    for (const node of cycle) {
      for (const edge of this.edges[node]) {
        if (!edge.guessed || !cycle.has(edge.to)) continue;
        this.#viaDispatcher(edge);
        dropped = true;
      }
    }
    return dropped;
  }

  /** Gives all entries of the cycle but one a copy of their own of the way to that one; false where it is too long. */
  #split(cycle: ReadonlySet<number>, successors: readonly (readonly number[])[], flow: Flow): boolean {
    const predecessors = predecessorsOf(successors, flow.sequence);
    const entries = [...cycle].filter((node) => predecessors[node].some((from) => !cycle.has(from)));
    let best:
      { readonly header: number; readonly copied: readonly number[]; readonly size: number } | undefined;
    for (const header of entries) {
      const copied = reach(
        entries.filter((node) => node !== header),
        (node) => successors[node].filter((to) => to !== header && cycle.has(to)),
      );
      const size = this.#sizeOf(copied);
      if (!best || size < best.size) best = { header, copied, size };
    }
    if (!best || best.size > this.#growth) return false;
    this.#growth -= best.size;
    const known = this.edges.length;
    const copies = this.#copy(best.copied);
    for (let from = 1; from < known; from++) {
      if (cycle.has(from)) continue;
      for (const edge of this.edges[from]) edge.to = copies.get(edge.to) ?? edge.to;
    }
    for (const [pc, node] of this.ways) this.ways.set(pc, copies.get(node) ?? node);
    return true;
  }

  /** Copies nodes; edges among them are copied as well. */
  #copy(nodes: readonly number[]): ReadonlyMap<number, number> {
    const copies = new Map(nodes.map((node, i) => [node, this.blocks.length + i]));
    for (const node of nodes) {
      this.blocks.push(this.blocks[node]);
      this.edges.push(this.edges[node].map((edge) => ({ ...edge, to: copies.get(edge.to) ?? edge.to })));
    }
    return copies;
  }
}

function edgesOf(block: Block, index: ReadonlyMap<number, number>): Edge[] {
  const targets = targetsOf(block);
  const distinct = [...new Set(targets)];
  // Two hardware loops may end here: each way is written twice, and so joins; and after both once more.
  const times = block.end.kind === 'loop' || distinct.length < targets.length ? 2 : 1;
  const guessed = block.end.kind === 'indirect';
  return distinct.flatMap((target) => {
    const to = index.get(target);
    return to === undefined ? [] : [{ target, to, guessed, times }];
  });
}

/** The nodes on a cycle with `node`, within what the node's immediate dominator dominates: no loop around it. */
function cycleOf(node: number, successors: readonly (readonly number[])[], flow: Flow): Set<number> {
  const top = flow.dominator[node];
  const inside = (n: number): boolean => n !== top && n !== DISPATCHER && dominates(flow, top, n);
  const members = flow.sequence.filter(inside);
  const ahead = new Set(reach([node], (n) => successors[n].filter(inside)));
  const predecessors = predecessorsOf(successors, members);
  return new Set(reach([node], (n) => predecessors[n].filter((from) => ahead.has(from))));
}
