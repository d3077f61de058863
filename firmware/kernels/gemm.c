/** Matrix products in strips of rows: see gemm.h. */
#include "gemm.h"

#include <stddef.h>

#include "matmul_tile.h"

/** What the loops over the inner dimension are written for. */
enum layout {
  PACKED_SIGNED,  /* int8 by int8, both dense along the sum, without zero points */
  PACKED_NATURAL, /* uint8 by int8, likewise */
  BYTES_SIGNED,   /* int8 by int8 without zero points, of any strides */
  BYTES_NATURAL,  /* uint8 by int8, likewise */
  ANY
};

static enum layout layout_of(const struct gemm *step) {
  const int32_t inner = (int32_t)step->inner;
  const bool natural = step->a.element == ELEMENT_UINT8;
  if (!natural && step->a.element != ELEMENT_INT8) return ANY;
  if (step->b.element != ELEMENT_INT8 || (step->a_zero | step->b_zero) != 0) return ANY;
  const bool packed = step->a_inner == 1 && step->b_inner == 1 && step->a_row == inner && step->b_column == inner;
  return packed ? (natural ? PACKED_NATURAL : PACKED_SIGNED) : natural ? BYTES_NATURAL : BYTES_SIGNED;
}

/** The sums of up to a tile of rows and columns from elements `a` and `b` on; inlined for common types and whole tiles. */
ALWAYS_INLINE void sums_as(const struct gemm *step, enum element a_type, enum element b_type, uint32_t a, uint32_t b,
                           uint32_t rows, uint32_t columns, int32_t sums[TILE_ROWS][TILE_COLUMNS]) {
  const uint32_t a_inner = (uint32_t)step->a_inner, b_inner = (uint32_t)step->b_inner;
  const uint32_t a_row = (uint32_t)step->a_row, b_column = (uint32_t)step->b_column, inner = step->inner;
  const int32_t a_zero = step->a_zero, b_zero = step->b_zero;
  const void *const left = step->a.data, *const right = step->b.data;
  uint32_t sum[TILE_ROWS][TILE_COLUMNS] = {0};
  for (uint32_t k = 0; k < inner; k++, a += a_inner, b += b_inner) {
    int32_t y[TILE_COLUMNS] = {0};
#pragma GCC unroll 2
    for (uint32_t c = 0; c < columns; c++) y[c] = load_as(right, b_type, b + c * b_column) - b_zero;
#pragma GCC unroll 4
    for (uint32_t r = 0; r < rows; r++) {
      const int32_t x = load_as(left, a_type, a + r * a_row) - a_zero;
#pragma GCC unroll 2
      for (uint32_t c = 0; c < columns; c++) sum[r][c] += (uint32_t)x * (uint32_t)y[c];
    }
  }
#pragma GCC unroll 4
  for (uint32_t r = 0; r < rows; r++) {
#pragma GCC unroll 2
    for (uint32_t c = 0; c < columns; c++) sums[r][c] = (int32_t)sum[r][c];
  }
}

/** The same for bytes without zero points, one pointer to each row and column of a whole tile. */
ALWAYS_INLINE void sums_of_bytes(const struct gemm *step, bool natural, uint32_t a, uint32_t b,
                                 int32_t sums[TILE_ROWS][TILE_COLUMNS]) {
  const uint32_t a_row = (uint32_t)step->a_row, a_inner = (uint32_t)step->a_inner, b_inner = (uint32_t)step->b_inner;
  const int8_t *a0 = (const int8_t *)step->a.data + a, *a1 = a0 + a_row, *a2 = a1 + a_row, *a3 = a2 + a_row;
  const int8_t *b0 = (const int8_t *)step->b.data + b, *b1 = b0 + step->b_column;
  int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
  for (uint32_t k = step->inner; k > 0; k--) {
    const int32_t x0 = left_byte(a0, 0, natural), x1 = left_byte(a1, 0, natural), x2 = left_byte(a2, 0, natural);
    const int32_t x3 = left_byte(a3, 0, natural), y0 = *b0, y1 = *b1;
    a0 += a_inner, a1 += a_inner, a2 += a_inner, a3 += a_inner, b0 += b_inner, b1 += b_inner;
    s00 += x0 * y0, s01 += x0 * y1, s10 += x1 * y0, s11 += x1 * y1;
    s20 += x2 * y0, s21 += x2 * y1, s30 += x3 * y0, s31 += x3 * y1;
  }
  sums[0][0] = s00, sums[0][1] = s01, sums[1][0] = s10, sums[1][1] = s11;
  sums[2][0] = s20, sums[2][1] = s21, sums[3][0] = s30, sums[3][1] = s31;
}

/** The sums of `rows` by `columns` elements, at most a tile. */
static void sums_of(const struct gemm *step, enum layout layout, uint32_t a, uint32_t b, uint32_t rows, uint32_t columns,
                    int32_t sums[TILE_ROWS][TILE_COLUMNS]) {
  const enum element left = step->a.element, right = step->b.element;
  if (rows == TILE_ROWS && columns == TILE_COLUMNS && layout != ANY) {
    const int8_t *const x = (const int8_t *)step->a.data + a, *const y = (const int8_t *)step->b.data + b;
    switch (layout) {
      case PACKED_SIGNED: tile_sums(x, y, step->inner, false, sums); break;
      case PACKED_NATURAL: tile_sums(x, y, step->inner, true, sums); break;
      case BYTES_SIGNED: sums_of_bytes(step, false, a, b, sums); break;
      default: sums_of_bytes(step, true, a, b, sums); break;
    }
  } else if (layout == PACKED_SIGNED) {
    for (uint32_t r = 0; r < rows; r++) {
      for (uint32_t c = 0; c < columns; c++) {
        sums[r][c] = sum_of((const int8_t *)step->a.data + a + r * step->inner,
                            (const int8_t *)step->b.data + b + c * step->inner, step->inner);
      }
    }
  } else if (left == ELEMENT_INT8 && right == ELEMENT_INT8) {
    sums_as(step, ELEMENT_INT8, ELEMENT_INT8, a, b, rows, columns, sums);
  } else if (left == ELEMENT_UINT8 && right == ELEMENT_INT8) {
    sums_as(step, ELEMENT_UINT8, ELEMENT_INT8, a, b, rows, columns, sums);
  } else if (left == ELEMENT_INT32 && right == ELEMENT_INT32) {
    sums_as(step, ELEMENT_INT32, ELEMENT_INT32, a, b, rows, columns, sums);
  } else {
    sums_as(step, left, right, a, b, rows, columns, sums);
  }
}

/** What becomes of the sums of `rows` elements of one column: c added, requantised, stored. `c`, `y`: its first elements. */
ALWAYS_INLINE void finish(const struct gemm *step, uint32_t rows, uint32_t column, uint32_t c, uint32_t y,
                          const int32_t *sums) {
  const uint32_t alpha = (uint32_t)step->alpha, beta = (uint32_t)step->beta, c_row = (uint32_t)step->c_row;
  const bool each = step->c.data != NULL && c_row != 0, requantised = step->by.mul != NULL;
  const uint32_t same = step->c.data == NULL || each ? 0 : beta * (uint32_t)load(&step->c, c);
  const int32_t mul = requantised ? step->by.mul[column * step->mul_step] : 0;
  const int64_t add = requantised ? step->by.add[column * step->add_step] : 0;
  for (uint32_t r = 0; r < rows; r++, sums += TILE_COLUMNS, c += c_row, y += step->columns) {
    const uint32_t sum = (uint32_t)*sums * alpha + (each ? beta * (uint32_t)load(&step->c, c) : same);
    if (requantised) ((uint8_t *)step->y.data)[y] = (uint8_t)rescaled(&step->by, (int32_t)sum, mul, add);
    else ((uint32_t *)step->y.data)[y] = sum;
  }
}

/** Columns a hart computes of a strip at a time, so that short matrices are shared out as well. */
enum { BLOCK_COLUMNS = 4 * TILE_COLUMNS };

void gemm(const struct gemm *step) {
  const uint32_t strips = (step->rows + TILE_ROWS - 1) / TILE_ROWS;
  const uint32_t blocks = (step->columns + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
  const struct share share = share_of(walk_count(&step->batch) * strips * blocks);
  const enum layout layout = layout_of(step);
  for (uint32_t s = share.first; s < share.last; s++) {
    const uint32_t row = s / blocks % strips * TILE_ROWS, left = step->rows - row, n = s / blocks / strips;
    const uint32_t height = left < TILE_ROWS ? left : TILE_ROWS;
    uint32_t column = s % blocks * BLOCK_COLUMNS;
    const uint32_t end = step->columns - column < BLOCK_COLUMNS ? step->columns : column + BLOCK_COLUMNS;
    struct position batch;
    walk_seek(&step->batch, n, &batch);
    const uint32_t a = batch.offset[0] + row * (uint32_t)step->a_row, b = batch.offset[1];
    const uint32_t c = batch.offset[2] + row * (uint32_t)step->c_row, y = (n * step->rows + row) * step->columns;
    while (column < end) {
      const uint32_t width = end - column < TILE_COLUMNS ? end - column : TILE_COLUMNS;
      int32_t sums[TILE_ROWS][TILE_COLUMNS] = {0};
      sums_of(step, layout, a, b + column * (uint32_t)step->b_column, height, width, sums);
      for (uint32_t i = 0; i < width; i++, column++) {
        finish(step, height, column, c + column * (uint32_t)step->c_column, y + column, sums[0] + i);
      }
    }
  }
}

void gemm_part(struct gemm *step, uint32_t part, uint32_t parts, void *sums) {
  if (part > 0) {
    step->c = (struct source){sums, ELEMENT_INT32};
    step->c_row = (int32_t)step->columns;
    step->c_column = 1;
    step->beta = 1;
  }
  if (part + 1 < parts) {
    step->y = (struct result){sums, ELEMENT_INT32};
    step->by.mul = NULL;
  }
}
