/** The tiling stage: a plan for every step, within the L1 budget. */
import { DeployError } from '../../errors.ts';
import { biasOfZero } from '../passes/requant.ts';
import { TILE } from '../passes/assign.ts';
import type { LinearStep, Program, Step } from '../passes/steps.ts';
import { tileAttention, type AttentionPlan } from './attention.ts';
import { tileLinear, type LinearPlan } from './linear.ts';
import { tileSum, type SumPlan } from './sum.ts';

/** A gather needs no tiles: the DMA copies rows from the table to their places in DRAM. */
export interface GatherPlan {
  readonly kind: 'gather';
  readonly rows: number;
  readonly dmaBytes: number;
}

export type TilePlan = LinearPlan | AttentionPlan | SumPlan | GatherPlan;

export interface TiledStep<S extends Step = Step, P extends TilePlan = TilePlan> {
  readonly step: S;
  readonly plan: P;
}

export interface TiledProgram extends Omit<Program, 'steps'> {
  readonly steps: readonly TiledStep[];
}

/**
 * Chooses tiles for every step.
 * @param l1Bytes TCDM the network may use
 * @throws DeployError naming the step and the smallest budget that would fit
 */
export function tile(program: Program, l1Bytes: number): TiledProgram {
  checkPadding(program);
  return { ...program, steps: program.steps.map((step) => ({ step, plan: planOf(step, program, l1Bytes) })) };
}

function planOf(step: Step, program: Program, budget: number): TilePlan {
  if (step.kind === 'linear') return tileLinear(step, program, budget);
  if (step.kind === 'attention') return tileAttention(step, program, budget);
  if (step.kind === 'sum') return tileSum(step, program, budget);
  const [rows] = program.tensors.get(step.output)?.shape ?? [0];
  return { kind: 'gather', rows, dmaBytes: rows * step.offsets.length * step.table.shape[1] };
}

/**
 * Heads narrower than whole tiles are padded, and the padding of queries and keys must be zero: it is, when they
 * come from linear layers (whose padded weights are zero) with a bias that requantises to zero.
 */
function checkPadding(program: Program): void {
  const producers = new Map(program.steps.map((step) => [step.output, step]));
  for (const step of program.steps) {
    if (step.kind !== 'attention') continue;
    for (const operand of [step.q, step.k]) {
      const width = program.tensors.get(operand)?.shape[1] ?? 0;
      const producer = producers.get(operand);
      const padded = width % TILE !== 0;
      if (padded && !(producer?.kind === 'linear' && padsWithZeros(producer))) {
        throw new DeployError(
          `node ${step.name}: ${operand} is ${width} wide and must be padded with zeros to ${Math.ceil(width / TILE) * TILE}, but ${producer?.name ?? 'a graph input'} cannot write zeros there`,
        );
      }
    }
  }
}

const padsWithZeros = ({ requant, bias }: LinearStep): boolean =>
  requant.add === 0 || (bias !== undefined && biasOfZero(requant) !== undefined);
