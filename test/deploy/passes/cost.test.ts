import { describe, expect, test } from 'vitest';
import { presets } from '../../../src/cluster/config.ts';
import type { DeployOptions } from '../../../src/deploy/deploy.ts';
import { costsOf } from '../../../src/deploy/passes/cost.ts';
import { lower } from '../../../src/deploy/passes/lower.ts';
import { BY_COST } from '../../../src/deploy/passes/passes.ts';
import { bytes, Network } from '../networks.ts';
import { compare } from '../run.ts';

const layer = (inner: number, columns: number) => {
  const n = new Network();
  return n.build(n.linear('y', n.input('x', 64, inner), columns, { bias: false }));
};

describe('engine assignment by cost', () => {
  test('takes the accelerator where it is faster, and states both costs', () => {
    const [step] = lower(layer(64, 64), { softmaxShift: 0 }).steps;
    expect(step.engine).toBe('ita');
    expect(step.costs?.ita).toBeLessThan(step.costs?.harts ?? 0);
  });

  test('takes the harts for a product that is smaller than the start of a job, and says so', () => {
    const [step] = lower(layer(1, 1), { softmaxShift: 0 }).steps;
    expect(step.engine).toBe('harts');
    expect(step.reason).toMatch(
      /^MatMul and RequantShift: node y: the harts take about 768 cycles, the accelerator 935$/,
    );
  });

  test('takes the accelerator all the same when switched off', () => {
    const [step] = lower(layer(1, 1), { softmaxShift: 0 }, { disabled: new Set([BY_COST]) }).steps;
    expect(step.engine).toBe('ita');
  });

  test('finds the harts faster with Xpulp, and slower when there are fewer', () => {
    const { steps, tensors } = lower(layer(64, 64), { softmaxShift: 0 });
    const harts = (target: Parameters<typeof costsOf>[2]): number => costsOf(steps[0], tensors, target).harts;
    expect(harts({ xpulp: true })).toBeLessThan(harts({}));
    expect(harts({ harts: 4 })).toBeGreaterThan(harts({}));
  });
});

describe('estimates', () => {
  const inputs = new Map([['x', bytes(64 * 128)]]);
  const cycles = async (passes: DeployOptions['passes']) => {
    const { machine, plan, exit, different } = await compare(
      layer(128, 64),
      inputs,
      { passes },
      presets.octa,
    );
    expect([exit, different]).toEqual([0, []]);
    return { cycles: machine.clock.now, costs: plan.steps[0].costs };
  };

  test('are within a factor of two of what the machine takes', { timeout: 60_000 }, async () => {
    const accelerator = await cycles({});
    expect(accelerator.costs?.ita).toBeGreaterThan(accelerator.cycles / 2);
    expect(accelerator.costs?.ita).toBeLessThan(accelerator.cycles * 2);
    const harts = await cycles({ disabled: new Set(['fuse-linear']) });
    expect(accelerator.costs?.harts).toBeGreaterThan(harts.cycles / 2);
    expect(accelerator.costs?.harts).toBeLessThan(harts.cycles * 2);
    expect(harts.costs?.ita).toBeUndefined();
  });
});
