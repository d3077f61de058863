/** The report of one inference as plain data: all numbers of the page, what `--json` prints, and what is saved to compare runs. */
import type { MachineConfig } from '../cluster/config.ts';
import type { Statistics } from '../cluster/machine.ts';
import type { Plan, StepReport } from '../deploy/deploy.ts';
import type { Bill } from '../energy/bill.ts';
import type { Engine, Timeline } from '../trace/recorder.ts';
import { merged, type SpanData } from '../trace/spans.ts';
import { attribute, type Share, sumOfShares } from './attribute.ts';

export const FORMAT = 'octet report 1';

/** One step of the plan as it ran; cycles are shares where steps ran at once. */
export interface StepTime extends Share {
  /** Index in plan.json. */
  readonly id: number;
  readonly name: string;
  readonly layer: string;
  readonly kind: string;
  readonly engine: 'ita' | 'harts';
  readonly reason: string;
  readonly from: number;
  readonly to: number;
  readonly pieces: number;
  /** Multiply-accumulates of the accelerator, padding included, and bytes the plan has the DMA move. */
  readonly macs: number;
  readonly dmaBytes: number;
}

/** What a group of steps took. */
export interface GroupTime extends Share {
  readonly name: string;
  readonly steps: number;
}

/** Where the time went: by step, by layer, and by engine and kind of step; each adds up to the run together with `between`. */
export interface Times {
  readonly steps: readonly StepTime[];
  readonly layers: readonly GroupTime[];
  readonly kinds: readonly GroupTime[];
  readonly between: Share;
}

/** When each part was at work, small enough to be shown in a page. */
export interface CompactTimeline {
  readonly cycles: number;
  /** Gaps of up to so many cycles are not shown. */
  readonly resolution: number;
  /** Per interval: cycles since the end of the one before, and its length. */
  readonly tracks: readonly {
    readonly name: string;
    readonly engine: Engine;
    readonly spans: readonly number[];
  }[];
  /** Per interval: id, marking hart, cycles since the beginning of the one before, and length. */
  readonly steps: readonly number[];
  readonly lostSteps: number;
}

/** How the network was deployed. */
export interface DeploymentSummary {
  readonly schedule: Plan['schedule']['kind'];
  /** Which code the harts' kernels are. */
  readonly kernels: 'xpulp' | 'plain';
  /** TCDM in use, bytes of weights and of activations in main memory. */
  readonly l1Bytes: number;
  readonly weightBytes: number;
  readonly arenaBytes: number;
}

export interface RunReport extends Times {
  readonly format: typeof FORMAT;
  /** `mobilebert`. */
  readonly network: string;
  /** `MobileBERT, 24 layers, S=128, int8`. */
  readonly title: string;
  /** Whether it is the network at its published size, so that published figures say something about it. */
  readonly complete: boolean;
  /** What ran and how it was checked, as lines of a name and a value. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly deployment: DeploymentSummary;
  readonly machine: MachineConfig;
  readonly statistics: Statistics;
  readonly bill: Bill;
  readonly timeline: CompactTimeline;
}

/** What a report is made of. */
export interface ReportedRun extends Pick<
  RunReport,
  'network' | 'title' | 'complete' | 'facts' | 'machine' | 'statistics' | 'bill'
> {
  readonly plan: Plan;
  readonly timeline: Timeline;
}

/** Multiply-accumulates of one accelerator job. */
const MACS_PER_JOB = 64 ** 3;

/** Intervals in a page: some hundred kilobytes. */
const SHOWN_INTERVALS = 40_000;

const tenths = (value: number): number => Math.round(10 * value) / 10;

const shareOf = ({ cycles, ita, dma, harts }: Share): Share => ({
  cycles: tenths(cycles),
  ita: tenths(ita),
  dma: tenths(dma),
  harts: tenths(harts),
});

/** The report of a run whose timeline was recorded. */
export function reportOf(run: ReportedRun): RunReport {
  const { network, title, complete, facts, machine, statistics, bill, plan, timeline } = run;
  return {
    format: FORMAT,
    network,
    title,
    complete,
    facts,
    deployment: {
      schedule: plan.schedule.kind,
      kernels: plan.xpulp ? 'xpulp' : 'plain',
      l1Bytes: plan.l1Bytes,
      weightBytes: plan.weightBytes,
      arenaBytes: plan.arenaBytes,
    },
    machine,
    statistics,
    bill,
    ...timesOf(plan, timeline),
    timeline: compact(timeline, SHOWN_INTERVALS),
  };
}

/** Where the time of a run went. */
export function timesOf(plan: Pick<Plan, 'steps'>, timeline: Timeline): Times {
  const { steps: shares, between } = attribute(timeline, (id) => {
    const step = plan.steps.at(id);
    return step && engineOf(step);
  });
  const steps = [...shares]
    .sort(([a], [b]) => a - b)
    .map(([id, share]): StepTime => ({ ...described(id, plan.steps.at(id)), ...share }));
  return {
    steps: steps.map((step) => ({ ...step, ...shareOf(step) })),
    layers: grouped(steps, ({ layer }) => layer),
    kinds: grouped(
      steps,
      ({ engine, kind }) => `${kind} on ${engine === 'ita' ? 'the accelerator' : 'harts'}`,
    ),
    between: shareOf(between),
  };
}

/** A number among what the plan decided about a step; 0 where there is none. */
const decided = ({ tiles }: StepReport, field: string): number =>
  typeof tiles[field] === 'number' ? tiles[field] : 0;

/** Where a step computes: what is said of harts may run on the accelerator too, in a schedule that streams. */
const engineOf = (step: StepReport): 'ita' | 'harts' => (decided(step, 'jobs') > 0 ? 'ita' : step.engine);

/** What the plan says of a step; of marks that are no step, their number. */
function described(id: number, step: StepReport | undefined) {
  const name = step?.name ?? `mark ${id}`;
  return {
    id,
    name,
    layer: layerOf(name),
    kind: step?.kind ?? 'mark',
    engine: step ? engineOf(step) : ('harts' as const),
    reason: step?.reason ?? '',
    macs: step ? decided(step, 'jobs') * MACS_PER_JOB : 0,
    dmaBytes: step ? decided(step, 'dmaBytes') : 0,
  };
}

/**
 * The layer a step belongs to by its name: `layer_03` of `layer_03/ffn_0/up`, `layers.3` of `/encoder/layers.3/fc1`; a name
 * without parts is its own layer, or one of `other` where it is only numbered (`MatMul_12`).
 */
export function layerOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '');
  if (parts.length > 1) return parts.find((part) => /\d/.test(part)) ?? parts[0];
  return /\d/.test(name) ? 'other' : name;
}

/** Sums by name, in order of first appearance. */
function grouped(steps: readonly StepTime[], nameOf: (step: StepTime) => string): GroupTime[] {
  const groups = new Map<string, StepTime[]>();
  for (const step of steps) {
    const name = nameOf(step);
    const members = groups.get(name);
    if (members) members.push(step);
    else groups.set(name, [step]);
  }
  return [...groups].map(([name, members]) => ({
    name,
    steps: members.length,
    ...shareOf(sumOfShares(members)),
  }));
}

/** A timeline with at most `limit` intervals of engines: the smallest gaps are left out until they fit. */
export function compact({ cycles, tracks, steps, lostSteps }: Timeline, limit: number): CompactTimeline {
  let resolution = 1; // the accelerator pauses for a cycle between two jobs
  const at = (gap: number): SpanData[] => tracks.map(({ spans }) => merged(spans, gap));
  let shown = at(resolution);
  while (shown.reduce((sum, { from }) => sum + from.length, 0) > Math.max(limit, tracks.length)) {
    resolution *= 2;
    shown = at(resolution);
  }
  return {
    cycles,
    resolution,
    tracks: tracks.map(({ name, engine }, i) => ({
      name,
      engine,
      spans: shown[i].from.flatMap((from, k) => [from - (shown[i].to[k - 1] ?? 0), shown[i].to[k] - from]),
    })),
    steps: steps.flatMap(({ id, hart, from, to }, i) => [
      id,
      hart,
      from - (steps[i - 1]?.from ?? 0),
      to - from,
    ]),
    lostSteps,
  };
}
