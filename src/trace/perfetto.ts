/** A timeline as Chrome trace events, which Perfetto and chrome://tracing open (Trace Event Format, "complete" events). */
import type { Timeline } from './recorder.ts';

/** What the viewer shows around the tracks. */
export interface TraceNames {
  /** Of the program or network. */
  readonly title: string;
  /** Name of a marked step; `step 3` unless given. */
  readonly step?: (id: number) => string | undefined;
}

/** Tracks of steps come before those of the engines. */
const STEP_TRACKS = 1;
const ENGINE_TRACKS = 100;

/** In microseconds, of which the format has fractions. */
const time = (from: number, to: number): string => `"ts":${from / 1000},"dur":${(to - from) / 1000}`;

const complete = (name: string, tid: number, from: number, to: number, args: object): string =>
  `{"ph":"X","pid":1,"tid":${tid},"name":${JSON.stringify(name)},${time(from, to)},"args":${JSON.stringify(args)}}`;

/** The events that name a track and put it in its place. */
const named = (tid: number, name: string): string[] => [
  `{"ph":"M","pid":1,"tid":${tid},"name":"thread_name","args":{"name":${JSON.stringify(name)}}}`,
  `{"ph":"M","pid":1,"tid":${tid},"name":"thread_sort_index","args":{"sort_index":${tid}}}`,
];

/**
 * One JSON object. The format counts microseconds, with fractions; here one nanosecond is one cycle, whatever the
 * clock frequency, so that the viewer's ruler reads as cycles.
 */
export function emitChromeTrace(timeline: Timeline, { title, step }: TraceNames): string {
  const { tracks, steps, cycles, lostSteps } = timeline;
  const markers = [...new Set(steps.map(({ hart }) => hart))].sort((a, b) => a - b);
  const events = [
    `{"ph":"M","pid":1,"name":"process_name","args":{"name":${JSON.stringify(title)}}}`,
    ...markers.flatMap((hart) => named(STEP_TRACKS + hart, `steps, marked by hart ${hart}`)),
    ...steps.map(({ id, hart, from, to }) =>
      complete(step?.(id) ?? `step ${id}`, STEP_TRACKS + hart, from, to, { id, cycles: to - from }),
    ),
    ...tracks.flatMap(({ name, engine, spans }, i) => {
      const tid = ENGINE_TRACKS + i;
      const what = { ita: 'job', dma: 'transfer', hart: 'awake' }[engine];
      const intervals = spans.from.map((from, k) => {
        const to = spans.to[k];
        const whole = spans.busy[k] === to - from;
        return complete(whole ? what : `${what}s`, tid, from, to, { busyCycles: spans.busy[k] });
      });
      return [...named(tid, name), ...intervals];
    }),
  ];
  const other = { ruler: 'one nanosecond is one cycle', cycles, lostSteps };
  return `{"displayTimeUnit":"ns","otherData":${JSON.stringify(other)},"traceEvents":[\n${events.join(',\n')}\n]}\n`;
}
