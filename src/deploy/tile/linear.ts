/**
 * Tiling of a linear layer: which operand stays, which streams, and how many tiles of each TCDM holds.
 * Jobs follow accelerator specification §13; each output tile is one layer run of its own, so that the number of
 * output tiles is not limited.
 */
import type { LinearStep, Program } from '../passes/steps.ts';
import { placeL1, tooSmall, type L1Plan } from './l1.ts';
import { layoutOf, tilesOf } from './layout.ts';
import { outputSlots, panelSlots, REUSE } from './rings.ts';

/** Bytes of a 64x64 tile, and of the packed biases of 64 channels. */
export const TILE_BYTES = 4096;
export const BIAS_BYTES = 192;

export interface LinearPlan {
  readonly kind: 'linear';
  /** Output tiles down and across, and tiles along the inner dimension. */
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** Loop order: `rows` keeps a row panel of the input while weights stream by; `columns` the other way round. */
  readonly outer: 'rows' | 'columns';
  /** Nothing stays: TCDM is too small to hold a panel, and every job loads both its tiles. */
  readonly bothStream: boolean;
  /** Tiles that TCDM holds of each operand. */
  readonly inputSlots: number;
  readonly weightSlots: number;
  readonly outputSlots: number;
  readonly jobs: number;
  /** Bytes the DMA moves for this step. */
  readonly dmaBytes: number;
  readonly l1: L1Plan;
}

/** Tile counts of the job's operands: for a transposed output the weights are the input and the other way round. */
function geometry(step: LinearStep, program: Program): { rows: number; columns: number; inner: number } {
  const [inner, outputs] = step.weight.shape.map(tilesOf);
  const input = program.tensors.get(step.input);
  if (!input) throw new Error(`network ${program.name} has no tensor ${step.input}`);
  const rows = tilesOf(layoutOf(input).rows);
  return step.transposed ? { rows: outputs, columns: rows, inner } : { rows, columns: outputs, inner };
}

/**
 * Picks, among both loop orders with the streamed operand resident or in a short ring, or both operands in short
 * rings, the tiling that fits and moves the fewest bytes; where equal, the one that needs the least TCDM.
 * @throws DeployError naming the step and the smallest budget that fits
 */
export function tileLinear(step: LinearStep, program: Program, budget: number): LinearPlan {
  const { rows, columns, inner } = geometry(step, program);
  const biasBytes = step.bias ? BIAS_BYTES * tilesOf(step.weight.shape[1]) : 0;
  const outputs = outputSlots(inner);
  const candidates = (['rows', 'columns'] as const).flatMap((outer) => {
    const [panels, streamed] = outer === 'rows' ? [rows, columns] : [columns, rows];
    const total = streamed * inner;
    const jobs = panels * total;
    const plan = (stationary: number, stream: number, loads: number, bothStream = false): LinearPlan => {
      const [inputSlots, weightSlots] = outer === 'rows' ? [stationary, stream] : [stream, stationary];
      return {
        kind: 'linear',
        rows,
        columns,
        inner,
        outer,
        bothStream,
        inputSlots,
        weightSlots,
        outputSlots: outputs,
        jobs,
        dmaBytes: (loads + rows * columns) * TILE_BYTES + biasBytes,
        l1: placeL1({
          input: inputSlots * TILE_BYTES,
          weight: weightSlots * TILE_BYTES,
          output: outputs * TILE_BYTES,
          bias: biasBytes,
        }),
      };
    };
    const panel = panelSlots(panels, inner, total);
    return [
      plan(panel, total, panels * inner + total),
      ...(total > REUSE
        ? [plan(panel, REUSE, panels * inner + jobs), plan(REUSE, REUSE, 2 * jobs, true)]
        : []),
    ];
  });
  const fitting = candidates.filter((plan) => plan.l1.bytes <= budget);
  if (fitting.length === 0)
    throw tooSmall(step.name, Math.min(...candidates.map((plan) => plan.l1.bytes)), budget);
  return fitting.reduce((best, plan) =>
    plan.dmaBytes < best.dmaBytes || (plan.dmaBytes === best.dmaBytes && plan.l1.bytes < best.l1.bytes)
      ? plan
      : best,
  );
}
