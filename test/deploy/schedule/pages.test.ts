/** The list of a stream in pages, as the firmware counts transfers. */
import { describe, expect, test } from 'vitest';
import { ANY, type ListedEntry, PAGE_WORDS, paginate } from '../../../src/deploy/schedule/pages.ts';
import { place } from '../../../src/deploy/schedule/residency.ts';
import type { Home, LayerRegisters, Tile, TileJob } from '../../../src/deploy/schedule/tiles.ts';

const home: Home = { of: { tensor: 'x' }, offset: 0, pitch: 64 };
const layers = [1, 2].map((mult): LayerRegisters => ({
  tiles: 1,
  mult: [mult, 0],
  shift: [0, 0],
  add: [0, 0],
  engine: 2,
  activation: 1,
}));

const tile = (name: string): Tile => ({ name, home, bytes: 4096, kept: false });

/** `count` jobs, each with weights of its own; the second half belongs to another step and layer. */
function jobs(count: number): TileJob[] {
  const input = tile('input');
  return Array.from({ length: count }, (_, j) => ({
    step: j < count / 2 ? 4 : 5,
    input,
    weight: tile(`weight ${j}`),
    layer: layers[j < count / 2 ? 0 : 1],
  }));
}

const pages = paginate(place(jobs(100), { slots: 12, lookahead: 4, queued: 2 }));
const words = ({ transfers, withLayer, mark, placed }: ListedEntry): number =>
  1 + 3 * transfers.length + (withLayer ? 9 : 0) + (mark === undefined ? 0 : 1) + (placed ? 6 : 0);

describe('the list of a stream', () => {
  test('fills pages with whole entries, and leaves a word for the way to the next', () => {
    expect(pages.length).toBeGreaterThan(3);
    const sizes = pages.map(({ entries }) => entries.reduce((n, entry) => n + words(entry), 0));
    for (const size of sizes) expect(size).toBeLessThanOrEqual(PAGE_WORDS - 1);
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(PAGE_WORDS - 40);
  });

  test('writes the registers of a layer for four jobs, and marks each step once', () => {
    const entries = pages.flatMap((page) => page.entries);
    const withLayer = entries.flatMap((entry, i) => (entry.withLayer ? [i] : []));
    expect(withLayer).toEqual([0, 1, 2, 3, 50, 51, 52, 53]);
    expect(entries.flatMap(({ mark }) => mark ?? [])).toEqual([4, 5]);
    expect(entries[50].mark).toBe(5);
  });

  test('counts fetches of pages among the transfers a job may overtake', () => {
    // Replayed with the firmware's rule: of all transfers started, all but the latest `pending` have finished.
    let [started, arrived] = [2, 1];
    const arrivals = new Map<Tile, number>();
    for (const page of pages) {
      for (const { transfers, pending, placed } of page.entries) {
        for (const { tile } of transfers) arrivals.set(tile, ++started);
        if (!placed) continue;
        if (pending !== ANY) arrived = Math.max(arrived, started - pending);
        for (const tile of [placed.job.input, placed.job.weight])
          expect(arrivals.get(tile)).toBeLessThanOrEqual(arrived);
      }
      started++;
    }
  });
});
