import { describe, expect, test } from 'vitest';
import { type MachineConfig, presets } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import { parseElf } from '../../src/elf/elf.ts';
import { emitChromeTrace } from '../../src/trace/perfetto.ts';
import { Recorder, type Timeline } from '../../src/trace/recorder.ts';
import type { SpanData } from '../../src/trace/spans.ts';
import { buildApps } from '../support/apps.ts';
import { Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench, ['marks', 'ita', 'dma', 'matmul', 'events']);

const busy = ({ busy: cycles }: SpanData): number => cycles.reduce((sum, c) => sum + c, 0);

const octa = presets['octa'];
const timed: MachineConfig = { ...octa, timing: { ...octa.timing, mode: 'cluster' } };

function record(
  app: string,
  { stride = Infinity, config = octa }: { readonly stride?: number; readonly config?: MachineConfig } = {},
): { readonly machine: Machine; readonly timeline: Timeline } {
  const machine = new Machine(config);
  machine.load(parseElf(bench.read(`${app}.elf`), `${app}.elf`));
  const recorder = new Recorder(machine);
  while (machine.run(stride).kind === 'budget') {
    // where a run is cut makes no difference
  }
  return { machine, timeline: recorder.timeline() };
}

describe('the timeline of a run', () => {
  const apps = ['ita', 'dma', 'matmul', 'events', 'marks'];
  const runs = [octa, timed].flatMap((config) =>
    apps.map((app) => [app, config.timing.mode, config] as const),
  );
  test.each(runs)(
    'of %s in %s timing has every busy cycle of every part, and no cycle more',
    (app, _, config) => {
      const { machine, timeline } = record(app, { config });
      const { ita, dma, harts, cycles } = machine.statistics;
      expect(timeline.cycles).toBe(cycles);
      const [accelerator, mover, ...awake] = timeline.tracks;
      expect(busy(accelerator.spans)).toBe(ita.busyCycles);
      expect(busy(mover.spans)).toBe(dma.busyCycles);
      expect(awake.map(({ spans }) => busy(spans))).toEqual(harts.map((h) => h.cycles - h.sleepCycles));
      for (const { spans } of timeline.tracks) expect(spans.to.at(-1) ?? 0).toBeLessThanOrEqual(cycles);
    },
  );

  test('has steps with their order, nesting and lengths, for every hart that marks', () => {
    const { timeline } = record('marks');
    const [both, copy, loop, ...shared] = timeline.steps;
    expect([both, copy, loop].map(({ id, hart }) => [id, hart])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    expect(both.from).toBeLessThanOrEqual(copy.from);
    expect(loop.to).toBeLessThanOrEqual(both.to);
    expect(loop.from).toBeGreaterThanOrEqual(copy.to);
    expect(loop.to - loop.from).toBeGreaterThanOrEqual(2000);
    expect(loop.to - loop.from).toBeLessThan(2020);
    expect(shared.map(({ hart }) => hart).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const { id, hart, from, to } of shared) {
      expect(id).toBe(3);
      expect(to - from).toBeGreaterThanOrEqual(2000 * (1 + hart));
    }
    const dma = timeline.tracks.find(({ engine }) => engine === 'dma')?.spans;
    expect(dma?.from.filter((from) => from >= copy.from && from < copy.to)).toHaveLength(1);
  });

  test('is the same wherever the run is cut', () => {
    for (const config of [octa, timed]) {
      expect(record('marks', { stride: 97, config }).timeline).toEqual(record('marks', { config }).timeline);
    }
  });

  test('changes nothing of the run', () => {
    const { machine } = record('ita');
    const silent = new Machine(presets['octa']);
    silent.load(parseElf(bench.read('ita.elf'), 'ita.elf'));
    silent.run();
    expect(machine.statistics).toEqual(silent.statistics);
    expect(machine.memoryHash()).toBe(silent.memoryHash());
  });
});

describe('the Chrome trace of a timeline', () => {
  interface Event {
    readonly ph: string;
    readonly tid: number;
    readonly name: string;
    readonly ts: number;
    readonly dur: number;
    readonly args: { readonly name?: string; readonly cycles?: number; readonly busyCycles?: number };
  }

  test('is JSON with a named track for each part and one event for each interval, a nanosecond a cycle', () => {
    const { timeline } = record('marks');
    const text = emitChromeTrace(timeline, { title: 'marks.elf', step: (id) => ['both', 'copy'][id] });
    const { traceEvents } = JSON.parse(text) as { traceEvents: Event[] };
    const tracks = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args.name);
    expect(tracks).toEqual([
      ...Array.from({ length: 8 }, (_, hart) => `steps, marked by hart ${hart}`),
      'ITA',
      'DMA',
      ...Array.from({ length: 8 }, (_, hart) => `hart ${hart}`),
    ]);
    const complete = traceEvents.filter(({ ph }) => ph === 'X');
    const intervals = timeline.tracks.reduce((sum, { spans }) => sum + spans.from.length, 0);
    expect(complete).toHaveLength(timeline.steps.length + intervals);
    const copy = complete.find(({ name }) => name === 'copy');
    const { from, to } = timeline.steps[1];
    expect(copy).toMatchObject({ ts: from / 1000, dur: (to - from) / 1000, args: { cycles: to - from } });
    expect(complete.filter(({ name }) => name === 'step 3')).toHaveLength(8);
  });

  test('is the same text for every run', () => {
    const [first, second] = [1, 2].map(() => emitChromeTrace(record('dma').timeline, { title: 'dma.elf' }));
    expect(first).toBe(second);
  });
});
