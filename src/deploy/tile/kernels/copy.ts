/** Blocks of copies: those that convert, repeat or reorder elements; runs that stay as they are the DMA moves alone. */
import type { KernelCall } from '../../kernels/call.ts';
import { along, type Blocker, type Blocking, type Family } from '../blocks.ts';
import { numberOf, requiredOperand, walkArgument, walkAt } from '../fields.ts';
import { MOST_OUTER, walkBlocker, walkedTensor } from './elementwise.ts';

/** Whether a copy moves runs of elements as they are, which the kernel leaves to the DMA. */
function isMove({ fields }: KernelCall): boolean {
  const { steps } = walkAt(fields.walk);
  const [from, to] = [fields.from, fields.to].map(requiredOperand);
  return from.element === to.element && steps.every((own) => own.at(-1) === 1);
}

/** Cycles of one hart for an element in TCDM, measured. */
const ELEMENT = 18;

/** Copies that convert, repeat or gather elements one by one. */
export const copy: Blocker = (call) => {
  if (isMove(call)) return [];
  const [first, start] = [numberOf(call.fields.first), numberOf(call.fields.start)];
  const local = { first: 0, start: 0 };
  const walked = walkBlocker(
    call,
    ELEMENT,
    'to.data',
    ({ steps: [from, to] }) => [
      { ...walkedTensor(call, 'from', from), first },
      { ...walkedTensor(call, 'to', to, true), first: start },
    ],
    local,
  );
  return [...walked, ...transposition(call)];
};

/** Copies that swap an axis with the last one: a matrix of the source becomes its transpose. */
function transposition(call: KernelCall): Family[] {
  const { size, steps } = walkAt(call.fields.walk);
  const [from, to] = steps;
  const last = size.length - 1;
  const across = from.indexOf(1);
  if (last < 1 || to[last] !== 1 || from[last] <= 1 || across < 0 || size.includes(0)) return [];
  const outer = size.map((_, i) => i).filter((i) => i !== across && i !== last);
  if (outer.length > MOST_OUTER || [...from, ...to].some((step) => step < 0)) return [];
  const operands = [call.fields.from, call.fields.to].map(requiredOperand);
  const [first, start] = [call.fields.first, call.fields.start].map(numberOf);
  const [inLoop, acrossLoop] = [outer.length, outer.length + 1];
  return [
    {
      axes: [
        { name: 'rows', size: size[last], unit: 4 },
        { name: 'columns', size: size[across], unit: 4 },
      ],
      block: ([rows, columns]): Blocking => {
        const [source, target] = operands.map(({ address, width }) => ({ address, width }));
        const matrix = [along(inLoop, rows, size[last]), along(acrossLoop, columns, size[across])];
        const bytes = ({ loop, length, extent }: (typeof matrix)[number], width: number) =>
          along(loop, length * width, extent * width);
        return {
          counts: [
            ...outer.map((i) => size[i]),
            Math.ceil(size[last] / rows),
            Math.ceil(size[across] / columns),
          ],
          streams: [
            {
              field: 'from.data',
              direction: 'load',
              address: source.address,
              offset: first * source.width,
              pitch: from[last] * source.width,
              batch: outer.map((i) => from[i] * source.width),
              rows: matrix[0],
              bytes: bytes(matrix[1], source.width),
            },
            {
              field: 'to.data',
              direction: 'store',
              address: target.address,
              offset: start * target.width,
              pitch: to[across] * target.width,
              batch: outer.map((i) => to[i] * target.width),
              rows: matrix[1],
              bytes: bytes(matrix[0], target.width),
            },
          ],
          settings: [
            { field: 'walk.size[0]', of: 'to.data', part: 'rows' },
            { field: 'walk.size[1]', of: 'from.data', part: 'rows' },
            { field: 'walk.step[0][1]', of: 'from.data', part: 'bytes', per: source.width },
            { field: 'walk.step[1][0]', of: 'to.data', part: 'bytes', per: target.width },
          ],
          fields: {
            first: 0,
            start: 0,
            walk: walkArgument({
              size: [columns, rows],
              steps: [
                [1, columns],
                [rows, 1],
              ],
            }),
          },
          work: rows * columns * ELEMENT,
        };
      },
    },
  ];
}
