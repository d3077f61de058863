/**
 * The pipelined schedule: steps in a row that the accelerator can compute become streams of tile jobs (jobs.ts), whose
 * tiles are placed in TCDM for the stream as a whole (residency.ts). Other steps stay as the tiling stage plans them.
 */
import { inputsOf, type Program, type Step } from '../passes/steps.ts';
import { layouts } from '../tile/layout.ts';
import type { TiledProgram, TilePlan } from '../tile/tile.ts';
import { JobMaker, type StreamedStep } from './jobs.ts';
import { PAGE_BYTES, planStream, stepPlans, type StreamTarget } from './stream.ts';

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
  const plans = new Map<Step, TilePlan>();
  const streams = runsOf(program.steps, maker).map(({ first, steps }, index) => {
    maker.enter(innerTensors(program, new Set(steps), kept));
    const stream = planStream(steps, first, maker, target);
    for (const [step, plan] of stepPlans(steps, stream, index)) plans.set(step, plan);
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
  /** Index of the first step. */
  readonly first: number;
  readonly steps: StreamedStep[];
}

/** Longest runs of steps that the accelerator takes. */
function runsOf(steps: readonly Step[], maker: JobMaker): Run[] {
  const runs: Run[] = [];
  steps.forEach((step, i) => {
    if (!maker.takes(step)) return;
    const last = runs.at(-1);
    if (last && last.first + last.steps.length === i) last.steps.push(step);
    else runs.push({ first: i, steps: [step] });
  });
  return runs;
}

/** Tensors that a run writes and that nothing else reads. */
function innerTensors(program: Program, run: ReadonlySet<Step>, kept: readonly string[]): Set<string> {
  const { steps, views, outputs } = program;
  const held = (name: string): string => views.get(name) ?? name;
  const outside = new Set([...kept, ...outputs].map(held));
  for (const step of steps) if (!run.has(step)) for (const name of inputsOf(step)) outside.add(held(name));
  return new Set([...run].flatMap(({ output }) => (outside.has(output) ? [] : [output])));
}
