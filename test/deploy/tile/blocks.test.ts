/** Blocks of kernel calls: what they cover, what they need, and which sizes are chosen. */
import { describe, expect, test } from 'vitest';
import { lower } from '../../../src/deploy/passes/lower.ts';
import type { KernelStep } from '../../../src/deploy/passes/steps.ts';
import {
  type Blocking,
  blockCycles,
  chooseBlocks,
  DEFAULT_TARGET,
  placeBlocks,
  planBlocks,
  sizesOf,
  type Stream,
  traffic,
  unitsAt,
  type Window,
} from '../../../src/deploy/tile/blocks.ts';
import { type KernelPlan, KernelTiler } from '../../../src/deploy/tile/kernel.ts';
import { BLOCKERS } from '../../../src/deploy/tile/kernels/kernels.ts';
import { inferShapes } from '../../../src/deploy/graph/shapes.ts';
import { BLOCK_CASES } from '../block-cases.ts';
import { bytes, Network } from '../networks.ts';
import { sampleGraph } from '../samples.ts';

const tileKernel = (step: KernelStep, budget: number): KernelPlan =>
  new KernelTiler(budget, DEFAULT_TARGET).plan(step);

/** Indices of all blocks, in order. */
const indicesOf = (counts: readonly number[]): (readonly number[])[] =>
  counts.reduce<(readonly number[])[]>(
    (all, count) => all.flatMap((index) => Array.from({ length: count }, (_, i) => [...index, i])),
    [[]],
  );

const cyclesOf = (blocking: Blocking): number => blockCycles(blocking, DEFAULT_TARGET);

const firstOf = ({ loop, step, before = 0 }: Window, index: readonly number[]): number =>
  Math.max(0, index[loop] * step - before);

/** Bytes of DRAM that a stream's part covers, from its address on. */
function* coveredBy(stream: Stream, index: readonly number[]): Generator<number> {
  const { rows, bytes: columns, pitch, batch = [] } = stream;
  const start = batch.reduce((n, step, loop) => n + step * index[loop], 0);
  const [height, width] = [rows, columns].map((window) => unitsAt(window, index[window.loop]));
  for (let r = 0; r < height; r++) {
    for (let i = 0; i < width; i++)
      yield start + (firstOf(rows, index) + r) * pitch + firstOf(columns, index) + i;
  }
}

const stepsOf = (sample: (typeof BLOCK_CASES)[number]): KernelStep[] =>
  lower(inferShapes(sampleGraph(sample)), { softmaxShift: 0, accelerator: false }).steps.filter(
    (step) => step.kind === 'kernel',
  );

describe.each(BLOCK_CASES.map((sample, i) => [`${sample.op} (${i})`, sample] as const))('%s', (_, sample) => {
  const calls = stepsOf(sample).flatMap((step) => step.calls);
  const blockings = calls.flatMap((call) =>
    (BLOCKERS[call.kernel]?.(call, DEFAULT_TARGET) ?? []).flatMap((family) => {
      const sizes = family.axes.map((axis) => sizesOf(axis));
      return indicesOf(sizes.map((own) => own.length)).map((pick) =>
        family.block(pick.map((p, i) => sizes[i][p])),
      );
    }),
  );

  test('has blocks of several sizes', () => {
    expect(blockings.length).toBeGreaterThan(3);
  });

  test('writes every byte of its result in exactly one block, whatever the size', () => {
    for (const { counts, streams, parts } of blockings) {
      const [store] = streams.filter(({ direction }) => direction === 'store');
      const written = new Map<number, number>();
      for (const index of indicesOf(counts)) {
        if (parts && index[parts.loop] > 0) continue;
        for (const at of coveredBy(store, index)) written.set(at, (written.get(at) ?? 0) + 1);
      }
      expect([...written.values()].every((times) => times === 1)).toBe(true);
      const addresses = [...written.keys()];
      expect(Math.max(...addresses) + 1).toBe(addresses.length);
    }
  });

  test('counts the bytes that its transfers move', () => {
    for (const { counts, streams } of blockings) {
      for (const stream of streams.filter(({ direction }) => direction !== 'stay')) {
        const { batch = [], rows, bytes: columns } = stream;
        const loops = counts
          .map((_count, loop) => loop)
          .filter(
            (loop) =>
              (batch[loop] ?? 0) > 0 ||
              [rows, columns].some((window) => window.step > 0 && window.loop === loop),
          );
        let [transfers, moved, previous] = [0, 0, ''];
        for (const index of indicesOf(counts)) {
          const own = loops.map((loop) => index[loop]).join();
          if (transfers > 0 && own === previous) continue;
          previous = own;
          transfers++;
          moved += unitsAt(rows, index[rows.loop]) * unitsAt(columns, index[columns.loop]);
        }
        expect(traffic(stream, counts)).toEqual({ transfers, bytes: moved });
      }
    }
  });
});

const layer = (rows: number, inner: number, columns: number): KernelStep => {
  const n = new Network();
  const { steps } = lower(n.build(n.linear('y', n.input('x', rows, inner), columns)), {
    softmaxShift: 0,
    accelerator: false,
  });
  expect(steps).toHaveLength(1);
  return steps[0] as KernelStep;
};

describe('a product that does not fit the budget', () => {
  const step = layer(128, 512, 256);
  const planFor = (budget: number) => {
    const [plan] = tileKernel(step, budget).calls;
    if (!plan) throw new Error('the product works on DRAM');
    return plan;
  };

  test('is cut along rows and columns, and along the sum where that is better', () => {
    expect(planFor(65_536).block).toMatchObject({ inner: 512 });
    expect(planFor(65_536).parts).toBeUndefined();
    expect(planFor(8_000).block.inner).toBeLessThan(512);
    expect(planFor(8_000).parts).toBeDefined();
  });

  test('takes no more than any budget allows, and moves fewer bytes the larger it is', () => {
    const plans = [4_000, 8_000, 16_000, 32_000, 64_000, 98_304].map((budget) => {
      const plan = planFor(budget);
      expect(plan.l1.bytes).toBeLessThanOrEqual(budget);
      return plan;
    });
    const cycles = plans.map((plan) => plan.cycles);
    expect(cycles).toEqual(cycles.toSorted((a, b) => b - a));
    expect(plans[0].dmaBytes).toBeGreaterThan(plans[5].dmaBytes);
  });

  test('names the step and the smallest budget', () => {
    let least = 0;
    expect(() => tileKernel(step, 1_000)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /^y\/?.* needs (\d+) bytes of L1 for its smallest tile, the budget is 1000 \(see --l1\)$/,
        ),
      }),
    );
    try {
      tileKernel(step, 1_000);
    } catch (error) {
      least = Number(/needs (\d+)/.exec((error as Error).message)?.[1]);
    }
    expect(tileKernel(step, least).l1.bytes).toBe(least);
    expect(() => tileKernel(step, least - 1)).toThrow();
  });
});

describe('the choice', () => {
  const [call] = layer(128, 512, 256).calls;
  const families = BLOCKERS.gemm(call, DEFAULT_TARGET);
  const all = families.flatMap(({ axes, block }) => {
    const [m, n, k] = axes.map((axis) => sizesOf(axis));
    return m.flatMap((rows) => n.flatMap((columns) => k.map((inner) => block([rows, columns, inner]))));
  });

  test('is the one of least estimated cycles of all that fit', () => {
    const fitting = all.filter((blocking) => placeBlocks(blocking).bytes <= 49_152);
    const choice = chooseBlocks(families, 49_152, DEFAULT_TARGET);
    if (!('sizes' in choice)) throw new Error('nothing fits');
    const { cycles, l1 } = planBlocks(families[choice.family], choice.sizes, DEFAULT_TARGET);
    expect(cycles).toBe(Math.min(...fitting.map(cyclesOf)));
    expect(l1.bytes).toBeLessThanOrEqual(49_152);
  });

  test('comes with the best one of other sizes', () => {
    const [plan] = tileKernel(layer(128, 512, 256), 49_152).calls;
    expect(plan?.secondBest?.block).not.toEqual(plan?.block);
    expect(plan?.secondBest?.cycles).toBeGreaterThanOrEqual(plan?.cycles ?? Infinity);
  });
});

test('a step of several calls lets each use all of the budget', () => {
  const n = new Network();
  const x = n.input('x', 8, 64);
  const turned = n.graph.node('Transpose', 'turned', [x], { attributes: { perm: [1, 0] } });
  const c = n.graph.constant('c', 'int8', [64, 8], bytes(512, 3));
  const joined = n.graph.node('Concat', 'joined', [turned, c], { attributes: { axis: 1 } });
  const { steps } = lower(n.build(n.graph.node('Relu', 'y', [joined])), { softmaxShift: 0 });
  const plans = steps.map((step) => tileKernel(step as KernelStep, 4_096));
  expect(plans.map(({ calls }) => calls.map((plan) => plan !== null))).toEqual([
    [true],
    [false, false],
    [true],
  ]);
  for (const { l1 } of plans) expect(l1.bytes).toBeLessThanOrEqual(4_096);
});
