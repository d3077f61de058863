/** Placement of random jobs in few slots, and the checker that must find whatever is wrong with a list. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkStream } from '../../../src/deploy/schedule/check.ts';
import { type ListedEntry, type Page, paginate } from '../../../src/deploy/schedule/pages.ts';
import { predict } from '../../../src/deploy/schedule/predict.ts';
import { NoRoom, place } from '../../../src/deploy/schedule/residency.ts';
import type { Home, LayerRegisters, Tile, TileJob } from '../../../src/deploy/schedule/tiles.ts';

const layer: LayerRegisters = {
  tiles: 1,
  mult: [1, 0],
  shift: [0, 0],
  add: [0, 0],
  engine: 2,
  activation: 1,
};
const timing = { revision: 'B', units: 16, ports: 16 } as const;
const home: Home = { of: { tensor: 'x' }, offset: 0, pitch: 64 };

/** What the next job reads and writes, as numbers that choose among the tiles there are. */
interface Draft {
  readonly input: number;
  readonly weight: number;
  readonly writes: boolean;
  readonly kept: boolean;
}

const drafts = fc.array(
  fc.record({ input: fc.nat(), weight: fc.nat(), writes: fc.boolean(), kept: fc.boolean() }),
  { minLength: 1, maxLength: 120 },
);

/** Jobs that read constants and what jobs before them have written. */
function jobsOf(list: readonly Draft[], constants = 9): TileJob[] {
  const tiles = Array.from({ length: constants }, (_, i): Tile => ({
    name: `constant ${i}`,
    home,
    bytes: 4096,
    kept: false,
  }));
  return list.map(({ input, weight, writes, kept }, j) => {
    const output: Tile = { name: `result ${j}`, home, bytes: 4096, kept };
    const [left, right] = [tiles[input % tiles.length], tiles[weight % tiles.length]];
    if (writes) tiles.push(output);
    return { step: 0, input: left, weight: right, layer, ...(writes && { output }) };
  });
}

const pagesOf = (jobs: readonly TileJob[], slots: number, lookahead: number, queued: number): Page[] =>
  paginate(place(jobs, { slots, lookahead, queued }));

/** The list with one entry changed. */
const changed = (pages: readonly Page[], at: number, change: (entry: ListedEntry) => ListedEntry): Page[] => {
  let n = 0;
  return pages.map((page) => ({
    ...page,
    entries: page.entries.map((entry) => (n++ === at ? change(entry) : entry)),
  }));
};

describe('placing the tiles of random jobs', () => {
  test('makes lists that the checker proves, in any number of slots from three on', () => {
    fc.assert(
      fc.property(
        drafts,
        fc.integer({ min: 3, max: 14 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 2 }),
        (list, slots, lookahead, queued) => {
          const jobs = jobsOf(list);
          checkStream(jobs, pagesOf(jobs, slots, lookahead, queued), slots);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('fetches each constant once and stores nothing where all fits', () => {
    fc.assert(
      fc.property(drafts, (list) => {
        const jobs = jobsOf(list.map((draft) => ({ ...draft, kept: false })));
        const transfers = place(jobs, { slots: 200, lookahead: 4, queued: 2 }).flatMap((e) => e.transfers);
        const read = new Set(jobs.flatMap(({ input, weight }) => [input, weight]));
        const constants = [...read].filter(({ name }) => name.startsWith('constant'));
        expect(transfers.map(({ kind }) => kind)).toEqual(constants.map(() => 'load'));
      }),
    );
  });

  test('needs three slots for a job that writes', () => {
    const jobs = jobsOf([{ input: 0, weight: 1, writes: true, kept: true }]);
    expect(() => place(jobs, { slots: 2, lookahead: 3, queued: 2 })).toThrow(NoRoom);
    checkStream(jobs, pagesOf(jobs, 3, 3, 2), 3);
  });

  test('gives up what is needed last', () => {
    const inputs = [2, 0, 1, 0, 1, 0, 1, 3, 0, 1, 0, 1, 2];
    const jobs = jobsOf(inputs.map((input) => ({ input, weight: 8, writes: false, kept: false })));
    const loads = place(jobs, { slots: 4, lookahead: 1, queued: 1 }).flatMap((entry) =>
      entry.transfers.map(({ tile }) => tile.name),
    );
    // Tile 2 makes room for tile 3, since 0 and 1 are needed before it.
    const counts = [0, 1, 2, 3].map((n) => loads.filter((name) => name === `constant ${n}`).length);
    expect(counts).toEqual([1, 1, 2, 1]);
  });

  test('keeps the accelerator busy: no wait for tiles in a product with its weights used twice', () => {
    const list = Array.from({ length: 64 }, (_, j) => ({
      input: j % 8,
      weight: 8 + Math.floor(j / 2),
      writes: false,
      kept: false,
    }));
    const prediction = predict(place(jobsOf(list, 48), { slots: 16, lookahead: 4, queued: 2 }), timing);
    expect(prediction.waitsForTiles).toBeLessThan(0.03 * prediction.cycles);
    expect(prediction.cycles).toBeLessThan(1.05 * prediction.accelerator);
  });
});

describe('the checker', () => {
  const jobs = jobsOf(
    Array.from({ length: 40 }, (_, j) => ({
      input: 7 * j,
      weight: 3 * j + 1,
      writes: j % 2 === 1,
      kept: j % 4 === 1,
    })),
  );
  const slots = 6;
  const pages = pagesOf(jobs, slots, 3, 2);
  const entries = pages.flatMap((page) => page.entries);
  const refused = (make: (at: number) => Page[] | undefined): number =>
    entries.filter((_, at) => {
      const list = make(at);
      if (!list) return false;
      try {
        checkStream(jobs, list, slots);
        return false;
      } catch {
        return true;
      }
    }).length;

  const early = (at: number): Page[] => changed(pages, at, (entry) => ({ ...entry, unfinished: 40 }));
  const swapped = (at: number): Page[] =>
    changed(pages, at, (entry) => ({
      ...entry,
      ...(entry.placed && { placed: { ...entry.placed, job: jobs[(at + 1) % jobs.length] } }),
    }));
  const moved = (at: number): Page[] =>
    changed(pages, at, (entry) => ({
      ...entry,
      ...(entry.placed && { placed: { ...entry.placed, input: (entry.placed.input + 1) % slots } }),
    }));
  const unfetched = (at: number): Page[] =>
    changed(pages, at, (entry) => ({
      ...entry,
      ...(entry.placed && { placed: { ...entry.placed, preload: !entry.placed.preload } }),
    }));

  test('accepts the list as it is', () => {
    checkStream(jobs, pages, slots);
    expect(entries.filter(({ transfers }) => transfers.length > 0).length).toBeGreaterThan(10);
  });

  test('finds every transfer that is left out', () => {
    const moving = entries.filter(({ transfers }) => transfers.length > 0).length;
    const without = (at: number): Page[] | undefined =>
      entries[at].transfers.length === 0
        ? undefined
        : changed(pages, at, (entry) => ({ ...entry, transfers: entry.transfers.slice(1) }));
    expect(refused(without)).toBe(moving);
  });

  test('finds jobs that do not wait for their tiles', () => {
    const waiting = entries.filter(({ pending, placed }) => placed && pending === 0).length;
    const hasty = (at: number): Page[] | undefined =>
      entries[at].placed && entries[at].pending === 0
        ? changed(pages, at, (entry) => ({ ...entry, pending: 255 }))
        : undefined;
    expect(waiting).toBeGreaterThan(5);
    // Now and then an earlier job has waited for the same.
    expect(refused(hasty)).toBeGreaterThan(0.8 * waiting);
  });

  test('finds transfers that do not wait for jobs', () => {
    expect(refused(early)).toBeGreaterThan(entries.length / 4);
  });

  test('finds jobs in another order, with another slot or without the weights that were fetched before', () => {
    expect([swapped, moved, unfetched].map(refused)).toEqual([jobs.length, jobs.length, jobs.length]);
  });
});
