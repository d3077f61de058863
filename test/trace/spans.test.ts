import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cumulative, merged, Spans } from '../../src/trace/spans.ts';

/** Ascending intervals with random gaps and lengths, as pairs. */
const intervals = fc
  .array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 50 })), { maxLength: 300 })
  .map((steps) => {
    let now = 0;
    return steps.map(([gap, length]): readonly [number, number] => {
      const from = now + gap;
      now = from + length;
      return [from, now];
    });
  });

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function filled(pairs: readonly (readonly [number, number])[], limit?: number): Spans {
  const spans = new Spans(limit);
  for (const [from, to] of pairs) spans.add(from, to);
  return spans;
}

describe('the busy intervals of a track', () => {
  test('are those added, with neighbours that touch made one', () => {
    const { from, to, busy } = filled([
      [5, 10],
      [10, 12],
      [20, 21],
      [30, 30],
    ]);
    expect({ from, to, busy }).toEqual({ from: [5, 20], to: [12, 21], busy: [7, 1] });
  });

  test('count no cycle twice where one begins before the last has ended', () => {
    const { from, to, busy } = filled([
      [0, 10],
      [4, 15],
      [6, 9],
    ]);
    expect({ from, to, busy }).toEqual({ from: [0], to: [15], busy: [15] });
  });

  test('never exceed the limit, and keep the sum of busy cycles, the first and the last cycle', () => {
    fc.assert(
      fc.property(intervals, fc.integer({ min: 2, max: 40 }), (pairs, limit) => {
        const spans = filled(pairs, limit);
        expect(spans.from.length).toBeLessThanOrEqual(limit);
        expect(sum(spans.busy)).toBe(sum(pairs.map(([from, to]) => to - from)));
        expect([spans.from[0], spans.to.at(-1)]).toEqual([pairs[0]?.[0], pairs.at(-1)?.[1]]);
        for (let i = 0; i < spans.from.length; i++) {
          expect(spans.busy[i]).toBeLessThanOrEqual(spans.to[i] - spans.from[i]);
          if (i > 0) expect(spans.from[i]).toBeGreaterThan(spans.to[i - 1]);
        }
      }),
    );
  });

  test('lose only gaps that are smaller than those that are kept', () => {
    const starts = [0, 2, 4, 100, 102, 200, 202];
    const spans = filled(
      starts.map((from) => [from, from + 1]),
      6,
    );
    expect([spans.from, spans.to, spans.busy]).toEqual([
      [0, 100, 200],
      [5, 103, 203],
      [3, 2, 2],
    ]);
  });
});

test('merging joins intervals across gaps of at most so many cycles', () => {
  const spans = filled([
    [0, 10],
    [12, 20],
    [23, 30],
  ]);
  expect(merged(spans, 1)).toEqual({ from: [0, 12, 23], to: [10, 20, 30], busy: [10, 8, 7] });
  expect(merged(spans, 2)).toEqual({ from: [0, 23], to: [20, 30], busy: [18, 7] });
  expect(merged(spans, 3)).toEqual({ from: [0], to: [30], busy: [25] });
});

test('busy cycles before a cycle are those counted one by one', () => {
  fc.assert(
    fc.property(intervals, fc.nat(20_000), (pairs, cycle) => {
      const counted = sum(pairs.map(([from, to]) => Math.max(0, Math.min(to, cycle) - from)));
      expect(cumulative(filled(pairs))(cycle)).toBeCloseTo(counted, 6);
    }),
  );
});
