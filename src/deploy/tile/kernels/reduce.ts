/** Blocks of reductions: rows that are summed up, or columns of what is summed. */
import type { Argument } from '../../kernels/call.ts';
import { along, type Blocker, type Blocking, whole, type Window } from '../blocks.ts';
import { requiredOperand, walkArgument, walkAt } from '../fields.ts';

const product = (values: readonly number[]): number => values.reduce((n, v) => n * v, 1);

const localWalk = (size: readonly number[], steps: readonly number[]): Argument =>
  walkArgument({ size, steps: [steps] });

/** Cycles of one hart for an element that is summed. */
const SUMMED = 9;

/** Reductions of one axis or of joined ones: [outer, summed, inner] with either inner or outer of 1. */
export const reduce: Blocker = (call) => {
  const { fields } = call;
  const [kept, gone] = [walkAt(fields.kept), walkAt(fields.gone)];
  const [x, y] = [fields.x, fields.y].map(requiredOperand);
  if (kept.size.length > 2 || gone.size.length !== 1 || [...kept.size, ...gone.size].includes(0)) return [];
  const [summed] = gone.size;
  const [step] = gone.steps[0];
  const columns = step === 1 ? 1 : step;
  const outer = product(kept.size) / columns;
  const keptSteps = kept.steps[0];
  const expected = columns === 1 || outer === 1 ? [columns === 1 ? summed : 1] : [summed * columns, 1];
  const isOne = kept.size.length === 1 && kept.size[0] === 1;
  if (!isOne && (keptSteps.length !== expected.length || keptSteps.some((s, i) => s !== expected[i])))
    return [];
  if (!Number.isInteger(outer)) return [];
  if (columns === 1) {
    // Rows, each summed up.
    const bytes = (n: number, { width }: typeof x, each: number): Window =>
      along(0, n * each * width, outer * each * width);
    return [
      {
        axes: [{ name: 'rows', size: outer, unit: 1 }],
        block: ([n]): Blocking => ({
          counts: [Math.ceil(outer / n)],
          streams: [
            {
              field: 'x.data',
              direction: 'load',
              address: x.address,
              pitch: outer * summed * x.width,
              rows: whole(1),
              bytes: bytes(n, x, summed),
            },
            {
              field: 'y.data',
              direction: 'store',
              address: y.address,
              pitch: outer * y.width,
              rows: whole(1),
              bytes: bytes(n, y, 1),
            },
          ],
          settings: [{ field: 'kept.size[0]', of: 'y.data', part: 'bytes', per: y.width }],
          fields: { kept: localWalk([n], [summed]) },
          work: n * summed * SUMMED,
        }),
      },
    ];
  }
  return [
    {
      axes: [{ name: 'columns', size: columns, unit: 4 }],
      block: ([n]): Blocking => ({
        counts: [outer, Math.ceil(columns / n)],
        streams: [
          {
            field: 'x.data',
            direction: 'load',
            address: x.address,
            pitch: columns * x.width,
            batch: [summed * columns * x.width],
            rows: whole(summed),
            bytes: along(1, n * x.width, columns * x.width),
          },
          {
            field: 'y.data',
            direction: 'store',
            address: y.address,
            pitch: columns * y.width,
            batch: [columns * y.width],
            rows: whole(1),
            bytes: along(1, n * y.width, columns * y.width),
          },
        ],
        settings: [
          { field: 'kept.size[0]', of: 'y.data', part: 'bytes', per: y.width },
          { field: 'gone.step[0][0]', of: 'x.data', part: 'bytes', per: x.width },
        ],
        fields: { kept: localWalk([n], [1]), gone: localWalk([summed], [n]) },
        work: n * summed * SUMMED,
      }),
    },
  ];
};
