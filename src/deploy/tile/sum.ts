/** Tiling of element-wise steps: blocks of rows, double-buffered, each block shared out over all harts. */
import type { Program, SumStep } from '../passes/steps.ts';
import { placeL1, tooSmall, type L1Plan } from './l1.ts';
import { layoutOf } from './layout.ts';

/** Blocks a step is cut into where TCDM would hold fewer, so that transfers overlap with computing. */
const BLOCKS = 4;

export interface SumPlan {
  readonly kind: 'sum';
  readonly rows: number;
  readonly columns: number;
  /** Rows of one block; the last block may have fewer. */
  readonly blockRows: number;
  readonly blocks: number;
  readonly dmaBytes: number;
  readonly l1: L1Plan;
}

/** @throws DeployError naming the step and the smallest budget that fits */
export function tileSum(step: SumStep, program: Program, budget: number): SumPlan {
  const output = program.tensors.get(step.output);
  if (!output) throw new Error(`network ${program.name} has no tensor ${step.output}`);
  const { rows, columns } = layoutOf(output);
  const parameters = step.scale.length > 1 ? 4 * columns : 0;
  const plan = (blockRows: number): SumPlan => ({
    kind: 'sum',
    rows,
    columns,
    blockRows,
    blocks: Math.ceil(rows / blockRows),
    dmaBytes: rows * columns * (step.terms.length + 1) + 2 * parameters,
    l1: placeL1({
      terms: 2 * step.terms.length * blockRows * columns,
      output: 2 * blockRows * columns,
      scale: parameters,
      offset: parameters,
    }),
  });
  for (let blockRows = Math.ceil(rows / BLOCKS); ; blockRows = Math.ceil(blockRows / 2)) {
    const candidate = plan(blockRows);
    if (candidate.l1.bytes <= budget) return candidate;
    if (blockRows === 1) throw tooSmall(step.name, candidate.l1.bytes, budget);
  }
}
