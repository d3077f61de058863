/** Tiling of kernel steps: each call is a loop over blocks in TCDM where there is a way to cut it, else it works on DRAM. */
import type { KernelStep } from '../passes/steps.ts';
import { type BlockPlan, type BlockTarget, chooseBlocks } from './blocks.ts';
import { BLOCKERS } from './kernels/kernels.ts';
import { tooSmall, type L1Plan } from './l1.ts';

export interface KernelPlan {
  readonly kind: 'kernel';
  readonly kernels: readonly string[];
  /** The loop over blocks of each call; null: the call works on DRAM directly. */
  readonly calls: readonly (BlockPlan | null)[];
  readonly dmaBytes: number;
  /** Buffers of all calls, which follow one another. */
  readonly l1: L1Plan;
}

/** @throws DeployError naming the step and the smallest budget that fits */
export function tileKernel(step: KernelStep, budget: number, target: BlockTarget): KernelPlan {
  const choices = step.calls.map((call) => {
    const families = BLOCKERS[call.kernel]?.(call, target) ?? [];
    return families.length === 0 ? null : chooseBlocks(families, budget, target);
  });
  const least = Math.max(
    0,
    ...choices.map((choice) => (choice && 'leastBytes' in choice ? choice.leastBytes : 0)),
  );
  if (least > 0) throw tooSmall(step.name, least, budget);
  const calls = choices.map((choice) => (choice && 'plan' in choice ? choice.plan : null));
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

/** What plan.json says of it. */
export const kernelReport = ({
  kind,
  kernels,
  calls,
  dmaBytes,
  l1,
}: KernelPlan): Record<string, unknown> => ({
  kind,
  kernels,
  calls: calls.map((plan) => {
    if (!plan) return { on: 'DRAM' };
    const { block, blocks, cycles, secondBest, dmaBytes: bytes } = plan;
    return { on: 'TCDM', block, blocks, cycles, secondBest, dmaBytes: bytes };
  }),
  dmaBytes,
  l1,
});
