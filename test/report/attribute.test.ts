import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attribute, sumOfShares } from '../../src/report/attribute.ts';
import type { StepInterval, Timeline, Track } from '../../src/trace/recorder.ts';
import { Spans } from '../../src/trace/spans.ts';

function track(name: string, engine: Track['engine'], ...pairs: (readonly [number, number])[]): Track {
  const spans = new Spans();
  for (const [from, to] of pairs) spans.add(from, to);
  return { name, engine, spans };
}

const step = (id: number, from: number, to: number, hart = 0): StepInterval => ({ id, hart, from, to });

describe('the cycles of a run', () => {
  test('belong to the step at work, and to none between steps', () => {
    const timeline: Timeline = {
      cycles: 100,
      lostSteps: 0,
      steps: [step(0, 10, 40), step(1, 40, 70)],
      tracks: [
        track('ITA', 'ita', [15, 30]),
        track('DMA', 'dma', [5, 12], [50, 60]),
        track('hart 0', 'hart', [0, 100]),
        track('hart 1', 'hart', [40, 70]),
      ],
    };
    const { steps, between } = attribute(timeline, (id) => (id === 0 ? 'ita' : 'harts'));
    expect(steps.get(0)).toEqual({ cycles: 30, ita: 15, dma: 2, harts: 30, from: 10, to: 40, pieces: 1 });
    expect(steps.get(1)).toEqual({ cycles: 30, ita: 0, dma: 10, harts: 60, from: 40, to: 70, pieces: 1 });
    expect(between).toEqual({ cycles: 40, ita: 0, dma: 5, harts: 40 });
  });

  test('are shared by steps at once, while each engine works for the steps that compute on it', () => {
    const timeline: Timeline = {
      cycles: 40,
      lostSteps: 0,
      steps: [step(0, 0, 40), step(1, 20, 40, 1)],
      tracks: [track('ITA', 'ita', [10, 30]), track('hart 1', 'hart', [20, 40])],
    };
    const { steps } = attribute(timeline, (id) => (id === 0 ? 'ita' : 'harts'));
    expect(steps.get(0)).toMatchObject({ cycles: 30, ita: 20, harts: 0 });
    expect(steps.get(1)).toMatchObject({ cycles: 10, ita: 0, harts: 20 });
  });

  test('are all shared out, whatever the steps and the busy times', () => {
    const intervals = fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(intervals, { maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(5), fc.nat(200), fc.nat(80))),
        (busy, marks) => {
          const cycles = 300;
          const engines = ['ita', 'dma', 'hart', 'hart'] as const;
          const timeline: Timeline = {
            cycles,
            lostSteps: 0,
            steps: marks.map(([id, from, length]) => step(id, from, from + length)),
            tracks: busy.map((pairs, i) =>
              track(
                `${i}`,
                engines[i],
                ...pairs.sort((a, b) => a[0] - b[0]).map(([from, length]) => [from, from + length] as const),
              ),
            ),
          };
          const { steps, between } = attribute(timeline, (id) =>
            id % 3 === 0 ? 'ita' : id % 3 === 1 ? 'harts' : undefined,
          );
          const total = sumOfShares([...steps.values(), between]);
          expect(total.cycles).toBeCloseTo(cycles, 6);
          const busyOf = (engine: string): number =>
            timeline.tracks
              .filter((t) => t.engine === engine)
              .reduce((sum, t) => sum + t.spans.busy.reduce((a, b) => a + b, 0), 0);
          expect(total.ita).toBeCloseTo(busyOf('ita'), 6);
          expect(total.dma).toBeCloseTo(busyOf('dma'), 6);
          expect(total.harts).toBeCloseTo(busyOf('hart'), 6);
        },
      ),
    );
  });
});
