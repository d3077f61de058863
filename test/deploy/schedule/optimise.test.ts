/** The search for the order of tiles and the lookahead. */
import { describe, expect, test } from 'vitest';
import { type Choices, kindOf, optimise } from '../../../src/deploy/schedule/optimise.ts';

/** Cycles by order of `up` and `down` and by lookahead. */
const cost = ({ orders, lookahead }: Choices): number =>
  1000 + (orders.get('up') === 'rows' ? -100 : 0) + (orders.get('down') === 'rows' ? 50 : 0) + 10 * lookahead;

/** The same, where not everything fits. */
const fits = (choices: Choices): number | undefined =>
  choices.orders.get('up') === 'rows' || choices.lookahead > 4 ? undefined : cost(choices);

describe('the choices of a stream', () => {
  test('are those that the prediction likes best, each with its second best', () => {
    const result = optimise(['up', 'down'], cost);
    expect(result?.choices).toEqual({ lookahead: 2, orders: new Map([['up', 'rows']]) });
    expect(result?.decisions).toEqual([
      { what: 'up', chosen: 'rows', cycles: 940, secondBest: 'columns', secondCycles: 1040 },
      { what: 'down', chosen: 'columns', cycles: 940, secondBest: 'rows', secondCycles: 990 },
      { what: 'lookahead', chosen: '2 jobs', cycles: 920, secondBest: '3 jobs', secondCycles: 930 },
    ]);
  });

  test('leave out what does not fit', () => {
    const result = optimise(['up'], fits);
    expect(result?.choices).toEqual({ lookahead: 2, orders: new Map() });
    expect(result?.decisions.map(({ what }) => what)).toEqual(['lookahead']);
    expect(optimise(['up'], () => undefined)).toBeUndefined();
  });

  test('are the same for steps that differ only in numbers', () => {
    expect(kindOf({ output: 'layer_03/ffn_1/up' })).toBe(kindOf({ output: 'layer_17/ffn_0/up' }));
    expect(kindOf({ output: 'layer_03/ffn_1/up' })).not.toBe(kindOf({ output: 'layer_03/ffn_1/down' }));
  });
});
