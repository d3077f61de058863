/** Blocks of kernels of rows: a few rows, with the parameters of all columns. */
import { along, type Blocker, type Stream, whole } from '../blocks.ts';
import { numberOf, pointerOf, requiredOperand } from '../fields.ts';

/** @param cycles of one hart for an element  @param parameters fields that point to a word for each column */
const rowsOf =
  (cycles: number, parameters: readonly string[]): Blocker =>
  (call) => {
    const { fields } = call;
    const [rows, columns] = [numberOf(fields.rows), numberOf(fields.columns)];
    if (rows === 0) return [];
    const [x, y] = [fields.x, fields.y].map(requiredOperand);
    const stream =
      (field: string, { address, width }: typeof x, store: boolean) =>
      (n: number): Stream => ({
        field,
        direction: store ? 'store' : 'load',
        address,
        pitch: rows * columns * width,
        rows: whole(1),
        bytes: along(0, n * columns * width, rows * columns * width),
      });
    const fixed = parameters.flatMap((name): Stream[] => {
      const address = pointerOf(fields[name]);
      if (address === undefined) return [];
      const bytes = columns * 4;
      return [{ field: name, direction: 'load', address, pitch: bytes, rows: whole(1), bytes: whole(bytes) }];
    });
    const moving = [stream('x.data', x, false), stream('y.data', y, true)];
    return [
      {
        axes: [{ name: 'rows', size: rows, unit: 1 }],
        block: ([n]) => ({
          counts: [Math.ceil(rows / n)],
          streams: [...moving.map((of) => of(n)), ...fixed],
          settings: [{ field: 'rows', of: 'y.data', part: 'bytes', per: columns * y.width }],
          fields: { rows: n },
          work: n * columns * cycles,
        }),
      },
    ];
  };

export const ROW_BLOCKERS: Readonly<Record<string, Blocker>> = {
  norm: rowsOf(70, ['weight', 'bias']),
  softmax: rowsOf(40, []),
};
