/** The tiling stage: a plan for every step, within the L1 budget. */
import type { Tensor } from '../graph/graph.ts';
import { biasOfZero } from '../passes/requant.ts';
import { TILE } from '../passes/assign.ts';
import type { LinearStep, Program, Step } from '../passes/steps.ts';
import type { Stream, StreamedPlan } from '../schedule/stream.ts';
import { tileAttention, type AttentionPlan } from './attention.ts';
import { type BlockTarget, DEFAULT_TARGET } from './blocks.ts';
import { type KernelPlan, KernelTiler } from './kernel.ts';
import { tileLinear, type LinearPlan } from './linear.ts';
import { tileSum, type SumPlan } from './sum.ts';

/** A gather needs no tiles: the DMA copies rows from the table to their places in DRAM. */
export interface GatherPlan {
  readonly kind: 'gather';
  readonly rows: number;
  readonly dmaBytes: number;
}

export type TilePlan = LinearPlan | AttentionPlan | SumPlan | GatherPlan | KernelPlan | StreamedPlan;

export interface TiledStep<S extends Step = Step, P extends TilePlan = TilePlan> {
  readonly step: S;
  readonly plan: P;
}

export interface TiledProgram extends Omit<Program, 'steps'> {
  readonly steps: readonly TiledStep[];
  /** Runs of steps with a plan of their own; none in the sequential schedule. */
  readonly streams?: readonly Stream[];
}

/**
 * Chooses tiles for every step.
 * @param l1Bytes TCDM the network may use
 * @param target what the costs of blocks depend on; plain C on eight harts unless given
 * @throws DeployError naming the step and the smallest budget that would fit
 */
export function tile(program: Program, l1Bytes: number, target: BlockTarget = DEFAULT_TARGET): TiledProgram {
  const kernels = new KernelTiler(l1Bytes, target);
  const planned = (step: Step): TiledStep => ({ step, plan: planOf(step, program, l1Bytes, kernels) });
  return { ...program, steps: program.steps.map(planned) };
}

function planOf(step: Step, program: Program, budget: number, kernels: KernelTiler): TilePlan {
  if (step.kind === 'linear') return tileLinear(step, program, budget);
  if (step.kind === 'attention') return tileAttention(step, program, budget);
  if (step.kind === 'sum') return tileSum(step, program, budget);
  if (step.kind === 'kernel') return kernels.plan(step);
  const [rows] = program.tensors.get(step.output)?.shape ?? [0];
  return { kind: 'gather', rows, dmaBytes: rows * step.offsets.length * step.table.shape[1] };
}

/**
 * Heads narrower than whole tiles are padded, and the padding of queries and keys must be zero: it is, when they
 * come from linear layers (whose padded weights are zero) with a bias that requantises to zero.
 * @returns the attention steps for which that is not so, and why
 */
export function paddingProblems(
  steps: readonly Step[],
  tensors: ReadonlyMap<string, Tensor>,
): [step: string, problem: string][] {
  const producers = new Map(steps.map((step) => [step.output, step]));
  return steps.flatMap((step) => {
    if (step.kind !== 'attention') return [];
    return [step.q, step.k].flatMap((operand): [string, string][] => {
      const width = tensors.get(operand)?.shape[1] ?? 0;
      const producer = producers.get(operand);
      if (width % TILE === 0 || (producer?.kind === 'linear' && padsWithZeros(producer))) return [];
      const padded = Math.ceil(width / TILE) * TILE;
      return [
        [
          step.name,
          `node ${step.name}: ${operand} is ${width} wide and must be padded with zeros to ${padded}, but ${producer?.name ?? 'what produces it'} cannot write zeros there`,
        ],
      ];
    });
  });
}

const padsWithZeros = ({ requant, bias }: LinearStep): boolean =>
  requant.add === 0 || (bias !== undefined && biasOfZero(requant) !== undefined);
