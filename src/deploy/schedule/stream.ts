/** One stream: its jobs in the order that is predicted to be shortest, placed, listed in pages, and proved. */
import type { JobTiming } from '../../device/ita/timing.ts';
import type { Step } from '../passes/steps.ts';
import { L1_ALIGNMENT, type L1Plan, placeL1, tooSmall } from '../tile/l1.ts';
import { roundUp } from '../tile/layout.ts';
import { checkStream } from './check.ts';
import type { JobMaker, StreamedStep } from './jobs.ts';
import { type Choices, type Decision, kindOf, optimise } from './optimise.ts';
import { PAGE_WORDS, paginate, type Page } from './pages.ts';
import { predict, type Prediction } from './predict.ts';
import { type Entry, NoRoom, place, type ResidencyOptions } from './residency.ts';
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
  /** From the end of the step before to its end, without requests that transfers refuse. */
  readonly predictedCycles: number;
}

/** A run of steps as one list of transfers and jobs. */
export interface Stream {
  /** Indices of its first step and its last one. */
  readonly first: number;
  readonly last: number;
  readonly slots: number;
  readonly choices: Choices;
  readonly decisions: readonly Decision[];
  readonly pages: readonly Page[];
  readonly l1: L1Plan;
  readonly predicted: Prediction;
}

/** Jobs by which a long stream is judged. */
const SAMPLE = 2500;
const NO_CHOICE = { choices: { lookahead: 0, orders: new Map<string, LoopOrder>() }, decisions: [] } as const;

/**
 * @param first index of the first of the steps
 * @throws DeployError naming a step and the smallest budget where the TCDM is too small
 */
export function planStream(
  steps: readonly StreamedStep[],
  first: number,
  maker: JobMaker,
  { l1Bytes, accelerator }: StreamTarget,
): Stream {
  const room = l1Bytes - PAGE_BYTES;
  const slots = Math.floor((room - (room % L1_ALIGNMENT)) / SLOT_BYTES);
  const queued = Math.max(1, accelerator.contexts - 2);
  const jobsWith = ({ orders }: Choices, most = Infinity): TileJob[] => {
    const jobs: TileJob[] = [];
    for (const [i, step] of steps.entries()) {
      if (jobs.length >= most) break;
      jobs.push(...maker.jobs(step, first + i, orders.get(kindOf(step)) ?? 'columns'));
    }
    return jobs;
  };
  const cost = (choices: Choices): number | undefined => {
    const { lookahead } = choices;
    const entries = tryPlace(jobsWith(choices, SAMPLE), { slots, lookahead, queued });
    return entries && predict(entries, accelerator).cycles;
  };
  const kinds = new Set(steps.filter((step) => maker.hasOrder(step)).map(kindOf));
  const { choices, decisions } = optimise([...kinds], cost) ?? NO_CHOICE;
  const jobs = jobsWith(choices);
  const options = { slots, queued, lookahead: choices.lookahead };
  const entries = tryPlace(jobs, options);
  if (!entries) throw refusal(jobs, options, (index) => steps[index - first].name, l1Bytes);
  const pages = paginate(entries);
  checkStream(jobs, pages, slots);
  return {
    first,
    last: first + steps.length - 1,
    slots,
    choices,
    decisions,
    pages,
    l1: placeL1({ tiles: slots * SLOT_BYTES }),
    predicted: predict(entries, accelerator),
  };
}

/** Undefined where the slots cannot hold what one job needs. */
function tryPlace(jobs: readonly TileJob[], options: ResidencyOptions): Entry[] | undefined {
  try {
    return place(jobs, options);
  } catch (error) {
    if (error instanceof NoRoom) return undefined;
    throw error;
  }
}

/** Names the first step without room, and the budget that would do for all. */
function refusal(
  jobs: readonly TileJob[],
  options: ResidencyOptions,
  nameOf: (step: number) => string,
  l1Bytes: number,
): Error {
  let name: string | undefined;
  for (let slots = Math.max(1, options.slots); ; slots++) {
    try {
      place(jobs, { ...options, slots });
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      name ??= nameOf(error.job.step);
      continue;
    }
    return tooSmall(name ?? '', roundUp(slots * SLOT_BYTES, L1_ALIGNMENT) + PAGE_BYTES, l1Bytes);
  }
}

/** What a stream says of each of its steps. */
export function stepPlans(steps: readonly Step[], stream: Stream, index: number): Map<Step, StreamedPlan> {
  const { pages, first, choices, predicted } = stream;
  const plans = steps.map((step, i): Counts => ({
    kind: 'stream',
    stream: index,
    order: choices.orders.get(kindOf(step)) ?? 'columns',
    jobs: 0,
    loads: 0,
    stores: 0,
    dmaBytes: 0,
    predictedCycles: predicted.steps.get(first + i) ?? 0,
  }));
  let at = 0;
  for (const { placed, transfers } of pages.flatMap((page) => page.entries)) {
    at = placed ? placed.job.step - first : at;
    const plan = plans[at];
    if (placed) plan.jobs++;
    for (const { kind, tile } of transfers) {
      plan[kind === 'load' ? 'loads' : 'stores']++;
      plan.dmaBytes += tile.bytes;
    }
  }
  return new Map(plans.map((plan, i) => [steps[i], plan]));
}

type Counts = { -readonly [K in keyof StreamedPlan]: StreamedPlan[K] };
