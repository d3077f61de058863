/** Rows of bytes at regular distances: what two-dimensional transfers move. */

/** `rows` rows of `bytes` bytes. Addresses are unsigned, strides signed bytes. */
export interface Rows {
  readonly src: number;
  readonly dst: number;
  readonly bytes: number;
  readonly srcStride: number;
  readonly dstStride: number;
  readonly rows: number;
}

/** The bytes from the lowest to the highest one that the rows touch; the address is negative where they wrap round. */
export function spanOf(rows: Rows, end: 'src' | 'dst'): { address: number; bytes: number } {
  const distance = (rows.rows - 1) * rows[`${end}Stride`];
  return { address: rows[end] + Math.min(0, distance), bytes: Math.abs(distance) + rows.bytes };
}
