/** Tiling of kernel steps: each call is a loop over blocks in TCDM where there is a way to cut it, else it works on DRAM. */
import type { KernelStep } from '../passes/steps.ts';
import type { KernelCall } from '../kernels/call.ts';
import {
  type BlockPlan,
  type BlockTarget,
  type Choice,
  chooseBlocks,
  isSmall,
  planBlocks,
} from './blocks.ts';
import { BLOCKERS } from './kernels/kernels.ts';
import { tooSmall, type L1Plan } from './l1.ts';

export interface KernelPlan {
  readonly kind: 'kernel';
  readonly kernels: readonly string[];
  /** The loop over blocks of each call; null: the call works on DRAM directly, since nothing cuts it or it is too small. */
  readonly calls: readonly (BlockPlan | null)[];
  readonly dmaBytes: number;
  /** Buffers of all calls, which follow one another. */
  readonly l1: L1Plan;
}

/** Plans kernel steps for one budget. Calls that differ in addresses and constants only get the same blocks. */
export class KernelTiler {
  readonly #budget: number;
  readonly #target: BlockTarget;
  readonly #known = new Map<string, Choice>();

  constructor(budget: number, target: BlockTarget) {
    this.#budget = budget;
    this.#target = target;
  }

  /** @throws DeployError naming the step and the smallest budget that fits */
  plan(step: KernelStep): KernelPlan {
    return planOf(
      step,
      step.calls.map((call) => this.#blocks(call, step.name)),
    );
  }

  #blocks(call: KernelCall, step: string): BlockPlan | null {
    const families = BLOCKERS[call.kernel]?.(call, this.#target) ?? [];
    if (families.length === 0 || isSmall(families[0], this.#target)) return null;
    const key = `${call.kernel} ${JSON.stringify(call.fields, shapesOnly)}`;
    const choice = this.#known.get(key) ?? chooseBlocks(families, this.#budget, this.#target);
    this.#known.set(key, choice);
    if ('leastBytes' in choice) throw tooSmall(step, choice.leastBytes, this.#budget);
    const { family, sizes, secondBest } = choice;
    const plan = planBlocks(families[family], sizes, this.#target);
    return { ...plan, ...(secondBest && { secondBest }) };
  }
}

/** What of a call's fields decides its blocks. */
function shapesOnly(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'object' && value !== null && ('tensor' in value || 'constant' in value))
    return 'address';
  return value;
}

function planOf(step: KernelStep, calls: readonly (BlockPlan | null)[]): KernelPlan {
  const prefix = (i: number): string => (calls.length === 1 ? '' : `${i + 1}.`);
  return {
    kind: 'kernel',
    kernels: step.calls.map(({ kernel }) => kernel),
    calls,
    dmaBytes: calls.reduce((n, plan) => n + (plan?.dmaBytes ?? 0), 0),
    l1: {
      buffers: calls.flatMap(
        (plan, i) => plan?.l1.buffers.map((buffer) => ({ ...buffer, name: prefix(i) + buffer.name })) ?? [],
      ),
      bytes: Math.max(0, ...calls.map((plan) => plan?.l1.bytes ?? 0)),
    },
  };
}

/** Estimated cycles of all calls; undefined where one works on DRAM. */
export const kernelCycles = ({ calls }: KernelPlan): number | undefined =>
  calls.reduce<number | undefined>(
    (sum, plan) => (sum === undefined || !plan ? undefined : sum + plan.cycles),
    0,
  );

/** What plan.json says of one call. */
export type CallReport =
  | { readonly kernel: string; readonly on: 'DRAM' }
  | ({ readonly kernel: string; readonly on: 'TCDM' } & Pick<
      BlockPlan,
      'block' | 'blocks' | 'cycles' | 'secondBest' | 'dmaBytes'
    >);

/** What plan.json says of the step. */
export interface KernelReport extends Omit<KernelPlan, 'calls' | 'kernels'> {
  readonly calls: readonly CallReport[];
}

export const kernelReport = ({ kind, kernels, calls, dmaBytes, l1 }: KernelPlan): KernelReport => ({
  kind,
  calls: calls.map((plan, i): CallReport => {
    const kernel = kernels[i];
    if (!plan) return { kernel, on: 'DRAM' };
    const { block, blocks, cycles, secondBest, dmaBytes: bytes } = plan;
    return { kernel, on: 'TCDM', block, blocks, cycles, ...(secondBest && { secondBest }), dmaBytes: bytes };
  }),
  dmaBytes,
  l1,
});
