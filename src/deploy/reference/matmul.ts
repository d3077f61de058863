/** Dense matrix products for the references: plain loops over doubles, which hold every integer up to 2^53 exactly. */
import type { NumericData } from '../graph/elements.ts';

/** A matrix operand: `data` from element `offset`, row-major. */
export interface Matrix {
  readonly data: NumericData;
  readonly offset: number;
}

/**
 * out[i][j] = Σ_k a[i][k] · b[k][j].
 *
 * a: [rows, inner]    b: [inner, columns]    out: [rows, columns], written from element `out.offset`
 * Tiles of 2 × 4 sums stay in registers; b is transposed first so that the inner loop reads forwards.
 */
export function matmul(
  a: Matrix,
  b: Matrix,
  out: Matrix,
  rows: number,
  inner: number,
  columns: number,
): void {
  // Rows and columns are padded to whole tiles; the padding is computed and not stored.
  const left = new Float64Array(((rows + 1) & ~1) * inner);
  left.set(a.data.subarray(a.offset, a.offset + rows * inner));
  const right = new Float64Array(((columns + 3) & ~3) * inner);
  for (let k = 0; k < inner; k++) {
    for (let j = 0; j < columns; j++) right[j * inner + k] = b.data[b.offset + k * columns + j];
  }
  for (let i = 0; i < rows; i += 2) {
    for (let j = 0; j < columns; j += 4) tile(left, right, out, i, j, rows, inner, columns);
  }
}

function tile(
  left: Float64Array,
  right: Float64Array,
  out: Matrix,
  i: number,
  j: number,
  rows: number,
  inner: number,
  columns: number,
): void {
  const a0 = i * inner;
  const a1 = a0 + inner;
  const b0 = j * inner;
  const b1 = b0 + inner;
  const b2 = b1 + inner;
  const b3 = b2 + inner;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let k = 0; k < inner; k++) {
    const x = left[a0 + k];
    const y = left[a1 + k];
    const p = right[b0 + k];
    const q = right[b1 + k];
    const r = right[b2 + k];
    const t = right[b3 + k];
    s00 += x * p;
    s01 += x * q;
    s02 += x * r;
    s03 += x * t;
    s10 += y * p;
    s11 += y * q;
    s12 += y * r;
    s13 += y * t;
  }
  const data = out.data;
  const first = out.offset + i * columns + j;
  const wide = columns - j;
  data[first] = s00;
  if (wide > 1) data[first + 1] = s01;
  if (wide > 2) data[first + 2] = s02;
  if (wide > 3) data[first + 3] = s03;
  if (i + 1 === rows) return;
  const second = first + columns;
  data[second] = s10;
  if (wide > 1) data[second + 1] = s11;
  if (wide > 2) data[second + 2] = s12;
  if (wide > 3) data[second + 3] = s13;
}
