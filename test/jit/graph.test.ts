import { describe, expect, test } from 'vitest';
import type { Block, End, Region, Step } from '../../src/jit/blocks.ts';
import { analyse, DISPATCHER, type Graph, reducibleGraph } from '../../src/jit/graph.ts';

const NOTHING: ReadonlySet<number> = new Set();

/** A block of so many instructions without effects. */
function block(start: number, instructions: number, end: End, stores = true): Block {
  const effects = { flow: { kind: 'next' }, reads: NOTHING, writes: NOTHING, links: false, stores } as const;
  const steps = Array.from({ length: instructions }, () => ({ pc: start, effects }) as unknown as Step);
  return { start, steps, end };
}

const to = (target: number): End => ({ kind: 'goto', target });
const either = (taken: number, following: number): End => ({ kind: 'branch', taken, following });
const away: End = { kind: 'leave', pc: 999 };

const graphOf = (blocks: readonly Block[], entries: readonly number[]): Graph =>
  reducibleGraph({ blocks, entries: new Set(entries) } satisfies Region);

/** How many nodes were made of the block at `start`. */
const copiesOf = (graph: Graph, blocks: readonly Block[], start: number): number =>
  graph.blocks.filter((index) => blocks[index]?.start === start).length;

/** Edges that go back to a node which does not dominate where they come from. */
function irreducibleEdges({ successors }: Graph): number {
  const { order, dominator, sequence } = analyse(successors);
  const dominates = (a: number, b: number): boolean => {
    let node = b;
    while (order[node] > order[a]) node = dominator[node];
    return node === a;
  };
  let count = 0;
  for (const from of sequence) {
    for (const node of successors[from]) {
      if (node !== DISPATCHER && order[node] <= order[from] && !dominates(node, from)) count++;
    }
  }
  return count;
}

describe('the graph of a region', () => {
  test('a short loop with two entries gets a copy of one, and no edge enters it in the middle', () => {
    // A loop of 2 and 3 that 1 enters at both: the shape of a binary search.
    const blocks = [
      block(1, 1, either(2, 3)),
      block(2, 5, either(3, 4)),
      block(3, 5, to(2)),
      block(4, 1, away),
    ];
    const graph = graphOf(blocks, [1]);
    expect(irreducibleEdges(graph)).toBe(0);
    expect(graph.ways.size).toBe(1);
    expect(graph.edges.flat().filter((e) => e.to === DISPATCHER)).toEqual([]);
  });

  test('a long loop with many entries is entered through the dispatcher', () => {
    const blocks = [
      block(1, 1, either(2, 6)),
      block(2, 200, to(3)),
      block(3, 200, to(4)),
      block(4, 200, either(2, 5)),
      block(5, 1, away),
      block(6, 1, either(3, 4)),
    ];
    const graph = graphOf(blocks, [1]);
    expect(irreducibleEdges(graph)).toBe(0);
    expect(graph.edges.flat().some((e) => e.to === DISPATCHER)).toBe(true);
    expect(graph.blocks).toHaveLength(1 + blocks.length);
  });

  test('a short innermost loop makes several turns at once', () => {
    const blocks = [block(1, 1, to(2)), block(2, 7, either(2, 3)), block(3, 1, away)];
    const graph = graphOf(blocks, [1]);
    const turns = graph.blocks.flatMap((index, node) => (index === 1 ? [node] : []));
    expect(turns).toHaveLength(4);
    const next = turns.map((node) => graph.edges[node].find((e) => e.target === 2)!.to);
    expect(next).toEqual([...turns.slice(1), turns[0]]);
    expect(graph.edges.flat().filter((e) => e.target === 3).length).toBe(4);
  });

  test('a long loop is not repeated, nor is one that holds another', () => {
    const long = [block(1, 40, either(1, 2)), block(2, 1, away)];
    expect(copiesOf(graphOf(long, [1]), long, 1)).toBe(1);
    const nest = [
      block(1, 3, to(2)),
      block(2, 30, either(2, 3)),
      block(3, 3, either(1, 4)),
      block(4, 1, away),
    ];
    expect(copiesOf(graphOf(nest, [1]), nest, 1)).toBe(1);
  });

  test('a loop that only waits is charged at once instead of repeated', () => {
    const blocks = [block(1, 3, either(1, 2), false), block(2, 1, away)];
    const graph = graphOf(blocks, [1]);
    expect([...graph.idle]).toEqual([[1, 3]]);
    expect(copiesOf(graph, blocks, 1)).toBe(1);
  });

  test('returns to several loops are looked up rather than guessed', () => {
    // Two loops, of 2 and 3 and of 4 and 5, call the function 6.
    const blocks = [
      block(1, 1, either(2, 4)),
      block(2, 1, to(6)),
      block(3, 1, either(2, 4)),
      block(4, 1, to(6)),
      block(5, 1, to(4)),
      block(6, 60, { kind: 'indirect', likely: [3, 5] }),
    ];
    const graph = graphOf(blocks, [1]);
    expect(irreducibleEdges(graph)).toBe(0);
    expect([...graph.ways.keys()]).toEqual(expect.arrayContaining([3, 5]));
    expect(copiesOf(graph, blocks, 6)).toBe(1);
  });
});
