import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lower } from '../../../src/deploy/passes/lower.ts';
import type { AttentionPlan } from '../../../src/deploy/tile/attention.ts';
import type { LinearPlan } from '../../../src/deploy/tile/linear.ts';
import { TILE_BYTES } from '../../../src/deploy/tile/linear.ts';
import { LOOKAHEAD } from '../../../src/deploy/tile/rings.ts';
import type { SumPlan } from '../../../src/deploy/tile/sum.ts';
import { tile, type TilePlan } from '../../../src/deploy/tile/tile.ts';
import { Network } from '../networks.ts';

const BUDGET = 96 * 1024;

function plans(build: (n: Network) => string, budget = BUDGET): TilePlan[] {
  const n = new Network();
  return tile(lower(n.build(build(n)), { softmaxShift: 0 }), budget).steps.map(({ plan }) => plan);
}

const linearPlan = (rows: number, inner: number, columns: number, budget = BUDGET): LinearPlan =>
  plans((n) => n.linear('y', n.input('x', 64 * rows, 64 * inner), 64 * columns), budget)[0] as LinearPlan;

/** One job: which tile of which operand it reads, and from which slot; `load` says whether it is fetched for this job. */
interface Read {
  readonly ring: string;
  readonly tile: string;
  readonly slot: number;
  readonly load: boolean;
}

/** The jobs of a linear layer as firmware/kernels/ita_chain.c makes them. */
function* linearJobs(plan: LinearPlan): Generator<Read[]> {
  const { rows, columns, inner, outer, bothStream, inputSlots, weightSlots } = plan;
  const [panels, streamed] = outer === 'rows' ? [rows, columns] : [columns, rows];
  const [panelSlots, streamSlots] = outer === 'rows' ? [inputSlots, weightSlots] : [weightSlots, inputSlots];
  let job = 0;
  for (let o = 0; o < panels; o++) {
    for (let i = 0; i < streamed; i++) {
      for (let k = 0; k < inner; k++, job++) {
        const panel = bothStream ? job : o * inner + k;
        yield [
          { ring: 'panel', tile: `${o},${k}`, slot: panel % panelSlots, load: bothStream || i === 0 },
          {
            ring: 'stream',
            tile: `${i},${k}`,
            slot: job % streamSlots,
            load: o === 0 || streamSlots < streamed * inner,
          },
        ];
      }
    }
  }
}

function* attentionJobs({ sequence, width, querySlots, weightSlots }: AttentionPlan): Generator<Read[]> {
  let job = 0;
  for (let row = 0; row < sequence; row++) {
    for (const part of ['keys', 'values']) {
      const [across, along] = part === 'keys' ? [sequence, width] : [width, sequence];
      for (let c = 0; c < across; c++) {
        for (let k = 0; k < along; k++, job++) {
          const load = row === 0 || weightSlots < 2 * sequence * width;
          const weight = { ring: 'weight', tile: `${part} ${c},${k}`, slot: job % weightSlots, load };
          const query = {
            ring: 'query',
            tile: `${row},${k}`,
            slot: (row * width + k) % querySlots,
            load: c === 0,
          };
          yield part === 'keys' ? [query, weight] : [weight];
        }
      }
    }
  }
}

/**
 * Plays the chain's loop and checks that every job finds its tiles, and that no load overwrites a tile that a job
 * not known to have finished still reads. Returns the number of tiles loaded.
 */
function play(jobs: readonly Read[][]): number {
  const held = new Map<string, { tile: string; lastReader: number }>();
  let loads = 0;
  const readers = jobs.map(() => new Map<string, string>());
  const describe = (t: number): void => {
    for (const { ring, tile: name, slot, load } of jobs[t]) {
      const at = `${ring} ${slot}`;
      if (load) {
        const before = held.get(at);
        // At the time job t's tiles are loaded, jobs up to t - LOOKAHEAD - 2 have finished.
        if (before && before.lastReader > t - LOOKAHEAD - 2)
          throw new Error(`job ${t} overwrites ${before.tile}`);
        held.set(at, { tile: name, lastReader: t });
        loads++;
      }
      const now = held.get(at);
      if (now?.tile !== name) throw new Error(`job ${t} expects ${name} in ${at}, finds ${now?.tile}`);
      now.lastReader = t;
      readers[t].set(at, name);
    }
  };
  jobs.forEach((_, t) => describe(t));
  return loads;
}

const tiles = fc.integer({ min: 1, max: 6 });

describe('a chain of accelerator jobs', () => {
  test('never overwrites a tile of a linear layer before its last reader is done, in any budget that is accepted', () => {
    fc.assert(
      fc.property(
        tiles,
        tiles,
        tiles,
        fc.integer({ min: 40_000, max: 120_000 }),
        (rows, inner, columns, budget) => {
          let plan;
          try {
            plan = linearPlan(rows, inner, columns, budget);
          } catch {
            return; // refusals are tested below
          }
          const jobs = [...linearJobs(plan)];
          expect(jobs).toHaveLength(plan.jobs);
          const loads = play(jobs);
          expect(plan.dmaBytes).toBe((loads + rows * columns) * TILE_BYTES + 192 * columns);
          expect(plan.l1.bytes).toBeLessThanOrEqual(budget);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('never overwrites a tile of an attention head before its last reader is done', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3 }), (sequence, width) => {
        const plan = plans((n) => n.head('o', n.input('x', 64 * sequence, 64), 64 * width)).find(
          (p): p is AttentionPlan => p.kind === 'attention',
        );
        if (!plan) throw new Error('no attention was planned');
        const jobs = [...attentionJobs(plan)];
        expect(jobs).toHaveLength(plan.jobs);
        expect(plan.dmaBytes).toBe((play(jobs) + sequence * width) * TILE_BYTES);
      }),
      { numRuns: 24 },
    );
  });

  test('would be caught with one slot less than the plan gives a panel', () => {
    const plan = linearPlan(4, 2, 2);
    const [slots, other] = plan.outer === 'rows' ? ['inputSlots', plan.rows] : ['weightSlots', plan.columns];
    const tight = { ...plan, [slots as 'inputSlots']: plan[slots as 'inputSlots'] - 1 };
    expect(other).toBeGreaterThan(1);
    expect(() => play([...linearJobs(plan)])).not.toThrow();
    expect(() => play([...linearJobs(tight)])).toThrow(/overwrites|expects/);
  });
});

const sum = (budget: number): SumPlan =>
  plans(
    (n) => n.norm('y', n.add('ab', n.input('a', 128, 512), n.input('b', 128, 512))),
    budget,
  )[0] as SumPlan;

/** A head 32 wide whose queries are all requantised to (0 + add) >> 12. */
const constantQueries = (add: number): string[] =>
  plans((n) => {
    const x = n.input('x', 64, 64);
    const q = n.linear('q', x, 32, { mul: 0, add });
    return n.attention('o', q, n.linear('k', x, 32), n.linear('v', x, 32));
  }).map(({ kind }) => kind);

describe('tiling', () => {
  test('loads every tile once when one operand fits whole', () => {
    expect(linearPlan(2, 2, 8)).toMatchObject({
      bothStream: false,
      dmaBytes: (4 + 16 + 16) * TILE_BYTES + 8 * 192,
    });
  });

  test('lets both operands stream where TCDM holds no panel', () => {
    expect(linearPlan(2, 8, 2, 40_000)).toMatchObject({ bothStream: true, inputSlots: 4, weightSlots: 4 });
  });

  test('names the step and the smallest budget that fits', () => {
    expect(() => linearPlan(2, 8, 2, 30_000)).toThrow(
      'y needs 37248 bytes of L1 for its smallest tile, the budget is 30000 (see --l1)',
    );
    expect(() => linearPlan(2, 8, 2, 37_247)).toThrow('37248');
    expect(linearPlan(2, 8, 2, 37_248).l1.bytes).toBe(37_248);
  });

  test('places the buffers of a step side by side', () => {
    for (const plan of plans((n) =>
      n.norm('y', n.add('sum', n.head('o', n.input('x', 128, 64), 64), n.input('z', 128, 64))),
    )) {
      if (!('l1' in plan)) continue;
      const { buffers, bytes } = plan.l1;
      buffers.forEach(({ offset, bytes: size }, i) => {
        expect(offset % 128).toBe(0);
        expect(offset + size).toBeLessThanOrEqual(buffers[i + 1]?.offset ?? bytes);
      });
    }
  });

  test('cuts element-wise steps into row blocks that fit twice', () => {
    expect(sum(BUDGET)).toMatchObject({ blockRows: 16, blocks: 8 });
    expect(sum(2 ** 20)).toMatchObject({ blockRows: 32, blocks: 4 });
    expect(() => sum(7000)).toThrow(
      'y needs 7168 bytes of L1 for its smallest tile, the budget is 7000 (see --l1)',
    );
  });

  test('leaves queries that cannot be padded with zeros to the harts', () => {
    expect(constantQueries(2048)).toContain('attention');
    expect(constantQueries(2048 + 4096)).not.toContain('attention');
  });
});
