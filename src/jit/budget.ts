/**
 * Where a region compares its budget and where it subtracts from it (translator specification §6.4, potentials).
 *
 * The local that holds the budget is brought up to date only where paths of different length meet, and at loops and
 * exits. Every node knows how many instructions have been executed since (`owed`), and one comparison covers the
 * nodes that follow within a few instructions.
 */
import type { Structure } from './structure.ts';

/** Instructions one comparison covers at most: so many the interpreter has to finish when a budget ends. */
const COVER = 16;

export interface Budget {
  /** Instructions executed on entry to each node that the local has not been charged for. */
  readonly owed: Int32Array;
  /** Instructions that must be left after those owed to enter the node; 0 where nothing is to be compared. */
  readonly needed: Int32Array;
  /** 1 for nodes where nothing is owed, whatever comes before. */
  readonly fresh: Uint8Array;
}

/** @param instructions number of instructions of each node */
export function planBudget(shape: Structure, instructions: (node: number) => number): Budget {
  const { nodes, successors, order, isHeader } = shape;
  const count = nodes.length;
  const owed = new Int32Array(count);
  const needed = new Int32Array(count);
  const sequence = [...nodes.keys()].filter((node) => order[node] >= 0);
  sequence.sort((a, b) => order[a] - order[b]);
  const forward = (from: number): number[] => successors[from].filter((to) => order[to] > order[from]);
  const isBlock = (node: number): boolean => nodes[node].kind === 'block';
  // Ways in, doors and loop headers begin with nothing owed.
  const settled = (node: number): boolean => !isBlock(node) || isHeader[node];
  const fresh = new Uint8Array(count);
  for (const node of sequence) if (settled(node)) fresh[node] = 1;
  // What is entered otherwise than from a block compares for itself.
  for (const node of sequence) if (!isBlock(node)) for (const to of successors[node]) fresh[to] = 1;

  /** Instructions since the comparison that covers the node, on the longest path; -1 before any. */
  const distance = new Int32Array(count);
  const compares = new Uint8Array(count);
  for (const node of sequence) {
    const own = instructions(node);
    if (isBlock(node)) {
      compares[node] = fresh[node] || distance[node] + own > COVER ? 1 : 0;
      if (compares[node]) distance[node] = 0;
    }
    for (const to of forward(node)) {
      if (!isBlock(node)) continue;
      distance[to] = Math.max(distance[to], distance[node] + own);
      if (!fresh[to]) owed[to] = owed[node] + own;
    }
  }
  for (const node of sequence.toReversed()) {
    if (!isBlock(node)) continue;
    needed[node] =
      instructions(node) + Math.max(0, ...forward(node).map((to) => (compares[to] ? 0 : needed[to])));
  }
  for (const node of sequence) if (!compares[node]) needed[node] = 0;
  return { owed, needed, fresh };
}
