import { describe, expect, test } from 'vitest';
import { presets } from '../../../src/cluster/config.ts';
import { compare } from '../run.ts';
import { inputsFor, plainAttention } from './plain.ts';

describe('attention as exporters write it runs head by head on the machine', () => {
  test.each([
    ['with one output projection', {}, ['linear', 'linear', 'linear', 'attention'], ['linear']],
    [
      'with a projection and constants for each head',
      { batch: false, summed: true, perHead: true },
      ['linear', 'linear', 'linear', 'attention'],
      ['linear', 'linear', 'sum'],
    ],
  ])('%s', { timeout: 60_000 }, async (_, options, head, end) => {
    const graph = plainAttention(options);
    const { exit, plan, compared, different } = await compare(graph, inputsFor(graph));
    expect(exit).toBe(0);
    expect(different).toEqual([]);
    expect(compared).toBeGreaterThan(0);
    const kinds = plan.steps.map(({ kind }) => kind).filter((kind) => kind !== 'kernel');
    expect(kinds).toEqual([...head, ...head, ...end]);
  });

  test('with a softmax shift of 5', { timeout: 60_000 }, async () => {
    const graph = plainAttention({ softmaxShift: 5 });
    const { ita } = presets.octa;
    if (!ita) throw new Error('octa has an accelerator');
    const machine = { ...presets.octa, ita: { ...ita, softmaxShift: 5 as const } };
    const { exit, plan, different } = await compare(graph, inputsFor(graph), { softmaxShift: 5 }, machine);
    expect([exit, different]).toEqual([0, []]);
    expect(plan.steps.filter(({ kind }) => kind === 'attention')).toHaveLength(2);
  });
});
