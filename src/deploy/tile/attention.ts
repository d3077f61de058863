/**
 * Tiling of an attention head: for each row of tiles, the logits against all keys stay in TCDM as one row of tiles
 * and are then multiplied with the values. Keys and transposed values form one stream of weight tiles.
 */
import type { AttentionStep, Program } from '../passes/steps.ts';
import { placeL1, tooSmall, type L1Plan } from './l1.ts';
import { tilesOf } from './layout.ts';
import { TILE_BYTES } from './linear.ts';
import { outputSlots, REUSE, streamSlots } from './rings.ts';

export interface AttentionPlan {
  readonly kind: 'attention';
  /** Tiles along the sequence and along the head. */
  readonly sequence: number;
  readonly width: number;
  readonly querySlots: number;
  /** Of 2·sequence·width tiles of keys and values. */
  readonly weightSlots: number;
  readonly outputSlots: number;
  readonly jobs: number;
  readonly dmaBytes: number;
  readonly l1: L1Plan;
}

/** Queries: tile k of a row is read by the jobs k, k + width, … of the first sequence·width of its 2·sequence·width jobs. */
export function querySlots(sequence: number, width: number): number {
  const gap = 2 * sequence * width - (sequence - 1) * width;
  return sequence === 1 || gap >= REUSE ? width : 2 * width;
}

/** @throws DeployError naming the step and the smallest budget that fits */
export function tileAttention(step: AttentionStep, program: Program, budget: number): AttentionPlan {
  const [sequence, width] = (program.tensors.get(step.q)?.shape ?? []).map(tilesOf);
  const jobsPerRow = 2 * sequence * width;
  const queries = querySlots(sequence, width);
  const outputs = outputSlots(sequence);
  const candidates = [jobsPerRow, streamSlots(jobsPerRow)].map((weightSlots): AttentionPlan => ({
    kind: 'attention',
    sequence,
    width,
    querySlots: queries,
    weightSlots,
    outputSlots: outputs,
    jobs: sequence * jobsPerRow,
    dmaBytes: (2 * sequence * width + (weightSlots === jobsPerRow ? 1 : sequence) * jobsPerRow) * TILE_BYTES,
    l1: placeL1({
      queries: queries * TILE_BYTES,
      weight: weightSlots * TILE_BYTES,
      logits: sequence * TILE_BYTES,
      output: outputs * TILE_BYTES,
    }),
  }));
  const fitting = candidates.find((plan) => plan.l1.bytes <= budget);
  if (!fitting) throw tooSmall(step.name, Math.min(...candidates.map((plan) => plan.l1.bytes)), budget);
  return fitting;
}
