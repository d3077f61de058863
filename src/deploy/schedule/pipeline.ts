/**
 * The pipelined schedule: steps in a row that the accelerator can compute become streams of tile jobs (tiles.ts), whose
 * tiles are placed in TCDM for the stream as a whole (residency.ts). Other steps stay as the tiling stage planned them.
 */
import type { JobTiming } from '../../device/ita/timing.ts';
import { inputsOf, type Program, type Step } from '../passes/steps.ts';
import { L1_ALIGNMENT, type L1Plan, placeL1, tooSmall } from '../tile/l1.ts';
import { layouts, roundUp } from '../tile/layout.ts';
import type { TiledProgram, TilePlan } from '../tile/tile.ts';
import { checkStream } from './check.ts';
import { JobMaker, type StreamedStep } from './jobs.ts';
import { PAGE_WORDS, paginate, type Page } from './pages.ts';
import { predict, type Prediction } from './predict.ts';
import { type Entry, NoRoom, place } from './residency.ts';
import { type LoopOrder, SLOT_BYTES, type TileJob } from './tiles.ts';

/** Two pages of the list of jobs, in TCDM beside the tiles. */
export const PAGE_BYTES = 2 * PAGE_WORDS * 4;

/** What of the accelerator decides a schedule. */
export interface StreamAccelerator extends JobTiming {
  /** Jobs that can be queued. */
  readonly contexts: number;
}

export interface StreamTarget {
  /** TCDM for tiles and pages, bytes. */
  readonly l1Bytes: number;
  readonly accelerator: StreamAccelerator;
}

/** What a step is in a stream. */
export interface StreamedPlan {
  readonly kind: 'stream';
  /** Index of its stream. */
  readonly stream: number;
  readonly order: LoopOrder;
  readonly jobs: number;
  /** Tiles fetched and stored while its jobs were prepared. */
  readonly loads: number;
  readonly stores: number;
  readonly dmaBytes: number;
}

/** A run of steps as one list of transfers and jobs. */
export interface Stream {
  /** Indices of its first step and its last one. */
  readonly first: number;
  readonly last: number;
  readonly slots: number;
  readonly lookahead: number;
  readonly pages: readonly Page[];
  readonly l1: L1Plan;
  readonly predicted: Prediction;
}

/** Lookaheads that are tried, jobs. */
const LOOKAHEADS = [2, 3, 4, 5, 6, 8] as const;

/**
 * Plans the pipelined schedule.
 * @param kept tensors that must be in DRAM when the network has run
 * @param tile plans the steps that are left, in the sequential way, with so much TCDM
 * @throws DeployError naming the step and the smallest budget where the TCDM is too small
 */
export function pipeline(
  program: Program,
  target: StreamTarget,
  kept: readonly string[],
  tile: (rest: Program, l1Bytes: number) => TiledProgram,
): TiledProgram {
  const maker = new JobMaker(program, layouts(program));
  const runs = runsOf(program.steps, (step) => maker.takes(step));
  const plans = new Map<Step, TilePlan>();
  const streams = runs.map((run, index) => {
    maker.enter(innerTensors(program, run, kept));
    const stream = planStream(program, run, maker, target);
    for (const [step, plan] of stepPlans(program, stream, index)) plans.set(step, plan);
    return stream;
  });
  const rest = program.steps.filter((step) => !plans.has(step));
  const l1Bytes = target.l1Bytes - (streams.length > 0 ? PAGE_BYTES : 0);
  for (const { step, plan } of tile({ ...program, steps: rest }, l1Bytes).steps) plans.set(step, plan);
  return { ...program, streams, steps: program.steps.map((step) => ({ step, plan: planned(plans, step) })) };
}

function planned(plans: ReadonlyMap<Step, TilePlan>, step: Step): TilePlan {
  const plan = plans.get(step);
  if (!plan) throw new Error(`${step.name} has no plan`);
  return plan;
}

interface Run {
  readonly first: number;
  readonly last: number;
}

/** Longest runs of steps that the accelerator takes. */
function runsOf(steps: readonly Step[], takes: (step: Step) => boolean): Run[] {
  const runs: Run[] = [];
  steps.forEach((step, i) => {
    if (!takes(step)) return;
    const last = runs.at(-1);
    if (last?.last === i - 1) runs[runs.length - 1] = { first: last.first, last: i };
    else runs.push({ first: i, last: i });
  });
  return runs;
}

/** Tensors that a run writes and that nothing else reads. */
function innerTensors(program: Program, { first, last }: Run, kept: readonly string[]): Set<string> {
  const { steps, views, outputs } = program;
  const held = (name: string): string => views.get(name) ?? name;
  const outside = new Set([...kept, ...outputs].map(held));
  steps.forEach((step, i) => {
    if (i < first || i > last) for (const name of inputsOf(step)) outside.add(held(name));
  });
  return new Set(steps.slice(first, last + 1).flatMap(({ output }) => (outside.has(output) ? [] : [output])));
}

function planStream(program: Program, run: Run, maker: JobMaker, target: StreamTarget): Stream {
  const jobs = program.steps.slice(run.first, run.last + 1).flatMap((step, i) =>
    // All steps of a run are streamed ones.
    maker.jobs(step as StreamedStep, run.first + i, 'columns'),
  );
  const slots = Math.floor((target.l1Bytes - PAGE_BYTES) / SLOT_BYTES);
  const queued = Math.max(1, target.accelerator.contexts - 2);
  const plans = LOOKAHEADS.map((lookahead) => {
    const entries = placed(jobs, { slots, lookahead, queued }, program, target);
    return { lookahead, entries, predicted: predict(entries, target.accelerator) };
  });
  const { lookahead, entries, predicted } = plans.reduce((best, plan) =>
    plan.predicted.cycles < best.predicted.cycles ? plan : best,
  );
  const pages = paginate(entries);
  checkStream(jobs, pages, slots);
  return {
    ...run,
    slots,
    lookahead,
    pages,
    l1: placeL1({ tiles: slots * SLOT_BYTES }),
    predicted,
  };
}

function placed(
  jobs: readonly TileJob[],
  options: { slots: number; lookahead: number; queued: number },
  program: Program,
  { l1Bytes }: StreamTarget,
): Entry[] {
  try {
    return place(jobs, options);
  } catch (error) {
    if (!(error instanceof NoRoom)) throw error;
    const { name } = program.steps[error.job.step];
    for (let slots = Math.max(0, options.slots) + 1; ; slots++) {
      try {
        place(jobs, { ...options, slots });
      } catch (smaller) {
        if (smaller instanceof NoRoom) continue;
        throw smaller;
      }
      throw tooSmall(name, roundUp(slots * SLOT_BYTES, L1_ALIGNMENT) + PAGE_BYTES, l1Bytes);
    }
  }
}

/** What the list says of each step. */
function stepPlans(
  { steps }: Program,
  { pages, first, last }: Stream,
  stream: number,
): Map<Step, StreamedPlan> {
  const empty = {
    kind: 'stream',
    stream,
    order: 'columns',
    jobs: 0,
    loads: 0,
    stores: 0,
    dmaBytes: 0,
  } as const;
  const plans = Array.from({ length: last - first + 1 }, (): Counts => ({ ...empty }));
  let step = first;
  for (const { placed: job, transfers } of pages.flatMap((page) => page.entries)) {
    step = job?.job.step ?? step;
    const plan = plans[step - first];
    if (job) plan.jobs++;
    for (const { kind, tile } of transfers) {
      plan[kind === 'load' ? 'loads' : 'stores']++;
      plan.dmaBytes += tile.bytes;
    }
  }
  return new Map(plans.map((plan, i) => [steps[first + i], plan]));
}

type Counts = { -readonly [K in keyof StreamedPlan]: StreamedPlan[K] };
