/**
 * What a step costs on either engine, in cycles: of the accelerator by its timing (accelerator specification §11), of the
 * harts by what their kernels take on the default machine, measured with the timing model. Estimates: they rank engines.
 */
import { elements, type Tensor } from '../graph/graph.ts';
import type { AcceleratorLimits } from './assign.ts';
import type { KernelStep, LinearStep, Step } from './steps.ts';

/** Cycles on each engine that can compute the step. */
export interface Costs {
  readonly ita?: number;
  readonly harts: number;
}

/** A job whose result stays in the accelerator, one that writes it, and the gap between jobs that hart 0 submits, cycles. */
const INNER_JOB = 271;
const OUTPUT_JOB = 306;
const GAP = 29;
/** Before the first job: the function is entered, registers are written, the first tiles loaded. */
const ACCELERATOR_START = 600;
const TILE = 64;

/** A kernel of the harts: entered by all, and the barrier behind it. */
const KERNEL_START = 500;
/** Cycles of one hart for a multiply-accumulate of bytes, in plain C and with Xpulp. */
const MAC = { plain: 3.5, xpulp: 0.7 } as const;
/** For a sum that is requantised and stored, for an element that is copied or added, and for one of a softmax. */
const REQUANTISED = 30;
const ELEMENT = 40;
const SOFTMAX = 50;

const tiles = (size: number): number => Math.ceil(size / TILE);
const jobs = (all: number, outputs: number): number =>
  ACCELERATOR_START + all * GAP + outputs * OUTPUT_JOB + (all - outputs) * INNER_JOB;

type Target = Pick<AcceleratorLimits, 'harts' | 'xpulp'>;

const shared = (cycles: number, { harts = 8 }: Target): number => KERNEL_START + cycles / harts;
const products = (macs: number, outputs: number, target: Target): number =>
  macs * (target.xpulp === true ? MAC.xpulp : MAC.plain) + outputs * REQUANTISED;

function linear({ weight }: LinearStep, rows: number, target: Target): Costs {
  const [inner, columns] = weight.shape;
  const outputs = tiles(rows) * tiles(columns);
  return {
    ita: Math.round(jobs(outputs * tiles(inner), outputs)),
    harts: Math.round(shared(products(rows * inner * columns, rows * columns, target), target)),
  };
}

function attention([rows, width]: readonly number[], target: Target): Costs {
  const [sequence, across] = [tiles(rows), tiles(width)];
  const macs = 2 * rows * rows * width;
  return {
    ita: Math.round(jobs(2 * sequence * sequence * across, sequence * (sequence + across))),
    harts: Math.round(
      shared(products(macs, rows * (rows + width), target) + rows * rows * SOFTMAX, target) +
        3 * KERNEL_START,
    ),
  };
}

const number = (value: unknown): number => (typeof value === 'number' ? value : 1);

/** What kernels on main memory take: products by their multiply-accumulates, all else by the elements they write. */
function kernels({ calls, output }: KernelStep, elementsOf: (name: string) => number, target: Target): Costs {
  const count = elementsOf(output);
  const cycles = calls.map(({ kernel, fields }) => {
    if (kernel === 'gemm') return shared(products(count * number(fields.inner), count, target), target);
    const each = kernel === 'softmax' ? SOFTMAX : ELEMENT;
    return shared((count / calls.length) * each, target);
  });
  return { harts: Math.round(cycles.reduce((sum, c) => sum + c, 0)) };
}

/** @param tensors those the step reads and writes */
export function costsOf(step: Step, tensors: ReadonlyMap<string, Tensor>, target: Target): Costs {
  const shapeOf = (name: string): readonly number[] => tensors.get(name)?.shape ?? [];
  if (step.kind === 'linear') return linear(step, elements(shapeOf(step.input).slice(0, -1)), target);
  if (step.kind === 'attention') return attention(shapeOf(step.q), target);
  if (step.kind === 'kernel') return kernels(step, (name) => elements(shapeOf(name)), target);
  const terms = step.kind === 'sum' ? step.terms.length : 1;
  return { harts: Math.round(shared(elements(shapeOf(step.output)) * terms * (ELEMENT / 4), target)) };
}
