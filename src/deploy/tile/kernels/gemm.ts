/** Blocks of matrix products: rows and columns of the result, and parts of the sum, which accumulate in TCDM. */
import type { Fields, KernelCall } from '../../kernels/call.ts';
import {
  along,
  type Blocker,
  type Blocking,
  type BlockTarget,
  type Family,
  type Setting,
  type Stream,
  whole,
  type Window,
} from '../blocks.ts';
import {
  numberOf,
  operandOf,
  pointerOf,
  requiredOperand,
  structOf,
  walkArgument,
  walkAt,
} from '../fields.ts';

/** Loops over the batch; more stand in the way of a block. */
const MOST_BATCH = 2;
/** Rows and columns that a hart computes at a time: TILE_ROWS and BLOCK_COLUMNS of gemm.c. */
const STRIP = { rows: 4, columns: 8 } as const;
/** Parts of a sum are whole words of bytes, but for the last. */
const INNER_UNIT = 64;

/** Cycles of one hart for a product of bytes, in plain C, with Xpulp, and of other types; and for an element of the result. */
const MAC = { plain: 3.5, xpulp: 0.7, other: 10 } as const;
const RESULT = 30;

/** The matrix of a stream, given its rows, columns and the loops along them. */
interface Along {
  readonly size: number;
  readonly block: number;
  readonly loop: number;
}

const windowOf = ({ size, block, loop }: Along, units = 1): Window =>
  block >= size ? { ...whole(size * units), loop } : along(loop, block * units, size * units);

const matrix = (
  field: string,
  operand: { readonly address: Stream['address']; readonly width: number },
  [rows, columns]: readonly [Along, Along],
  batch: readonly number[],
  direction: Stream['direction'] = 'load',
): Stream => ({
  field,
  direction,
  address: operand.address,
  pitch: columns.size * operand.width,
  batch: batch.map((step) => step * operand.width),
  rows: windowOf(rows),
  bytes: windowOf(columns, operand.width),
});

/** A vector with an entry for each unit of an axis, or one entry for all. */
const vector = (
  field: string,
  operand: { readonly address: Stream['address']; readonly width: number },
  axis: Along | undefined,
): Stream => ({
  field,
  direction: 'load',
  address: operand.address,
  pitch: (axis?.size ?? 1) * operand.width,
  rows: whole(1),
  bytes: axis ? windowOf(axis, operand.width) : whole(operand.width),
});

function cyclesOf(call: KernelCall, sizes: readonly number[], { harts, xpulp }: BlockTarget): number {
  const [rows, columns, inner] = sizes;
  const [a, b] = [call.fields.a, call.fields.b].map(requiredOperand);
  const bytes = a.width === 1 && b.element === 'ELEMENT_INT8';
  const packed = numberOf(call.fields.a_inner) === 1 && numberOf(call.fields.b_inner) === 1;
  const mac = !bytes ? MAC.other : xpulp && packed ? MAC.xpulp : MAC.plain;
  const units = Math.ceil(rows / STRIP.rows) * Math.ceil(columns / STRIP.columns);
  const tile = Math.min(rows, STRIP.rows) * Math.min(columns, STRIP.columns);
  return Math.ceil(units / harts) * harts * tile * (inner * mac + RESULT);
}

function blocking(
  call: KernelCall,
  target: BlockTarget,
  order: readonly ['rows' | 'columns', 'rows' | 'columns'],
  [m, n, k]: readonly number[],
): Blocking {
  const { fields } = call;
  const [a, b, y] = [fields.a, fields.b, fields.y].map(requiredOperand);
  const c = operandOf(fields.c);
  const batch = walkAt(fields.batch);
  const [rows, columns, inner] = [fields.rows, fields.columns, fields.inner].map(numberOf);
  const before = batch.size.length;
  const at = {
    rows: { size: rows, block: m, loop: before + order.indexOf('rows') },
    columns: { size: columns, block: n, loop: before + order.indexOf('columns') },
    inner: { size: inner, block: k, loop: before + 2 },
  };
  const [aInner, bInner, cRow, cColumn] = [fields.a_inner, fields.b_inner, fields.c_row, fields.c_column].map(
    numberOf,
  );
  const each = batch.size.map((_, i) => batch.size.slice(i + 1).reduce((p, d) => p * d, rows * columns));
  const settings: Setting[] = [
    { field: 'rows', of: 'y.data', part: 'rows' },
    { field: 'columns', of: 'y.data', part: 'bytes', per: y.width },
    aInner === 1
      ? { field: 'inner', of: 'a.data', part: 'bytes', per: a.width }
      : { field: 'inner', of: 'a.data', part: 'rows' },
    { field: aInner === 1 ? 'a_row' : 'a_inner', of: 'a.data', part: 'bytes', per: a.width },
    { field: bInner === 1 ? 'b_column' : 'b_inner', of: 'b.data', part: 'bytes', per: b.width },
  ];
  const streams = [
    matrix('a.data', a, aInner === 1 ? [at.rows, at.inner] : [at.inner, at.rows], batch.steps[0]),
    matrix('b.data', b, bInner === 1 ? [at.columns, at.inner] : [at.inner, at.columns], batch.steps[1]),
    matrix('y.data', y, [at.rows, at.columns], each, 'store'),
  ];
  if (c) {
    const full = cRow !== 0 && cColumn !== 0;
    const axis = cColumn !== 0 ? at.columns : cRow !== 0 ? at.rows : undefined;
    const stream = full ? matrix('c.data', c, [at.rows, at.columns], []) : vector('c.data', c, axis);
    streams.push({ ...stream, batch: batch.steps[2].map((step) => step * c.width) });
    if (full) settings.push({ field: 'c_row', of: 'c.data', part: 'bytes', per: c.width });
  }
  const by = fields.by === undefined ? undefined : structOf(fields.by);
  const constants = [
    { field: 'by.mul', address: pointerOf(by?.mul), width: 4, step: fields.mul_step },
    { field: 'by.add', address: pointerOf(by?.add), width: 8, step: fields.add_step },
  ];
  for (const { field, address, width, step } of constants) {
    if (address !== undefined)
      streams.push(vector(field, { address, width }, numberOf(step) === 0 ? undefined : at.columns));
  }
  const parts = Math.ceil(inner / k);
  if (parts > 1) {
    const sums = { address: undefined, width: 4 };
    const part = matrix('sums', sums, [at.rows, at.columns], [], 'stay');
    streams.push({ ...part, rows: whole(Math.min(m, rows)), bytes: whole(4 * Math.min(n, columns)) });
  }
  const loops = { rows: Math.ceil(rows / m), columns: Math.ceil(columns / n) };
  const local: Fields = { batch: walkArgument({ size: [1], steps: [[0], [0], [0]] }) };
  return {
    counts: [...batch.size, loops[order[0]], loops[order[1]], parts],
    streams,
    settings,
    fields: local,
    ...(parts > 1 ? { parts: { loop: before + 2 } } : {}),
    work: cyclesOf(call, [m, n, k], target),
  };
}

/** Both loop orders: either operand may be the one that stays while the other passes. The sum is the innermost loop. */
export const gemm: Blocker = (call, target) => {
  const { fields } = call;
  const batch = walkAt(fields.batch);
  const [rows, columns, inner] = [fields.rows, fields.columns, fields.inner].map(numberOf);
  const empty = batch.size.includes(0) || rows * columns * inner === 0;
  if (empty || batch.size.length > MOST_BATCH) return [];
  const axes = [
    { name: 'rows', size: rows, unit: STRIP.rows },
    { name: 'columns', size: columns, unit: STRIP.columns },
  ];
  const orders = [
    ['rows', 'columns'],
    ['columns', 'rows'],
  ] as const;
  return orders.map((order): Family => ({
    axes: [...axes, { name: 'inner', size: inner, unit: INNER_UNIT }],
    block: (sizes) => blocking(call, target, order, sizes),
  }));
};
