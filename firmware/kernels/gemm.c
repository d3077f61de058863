/** Matrix products in strips of rows: see gemm.h. */
#include "gemm.h"

#include <stddef.h>

#include "matmul_tile.h"

/** Σ (a - a_zero) * (b - b_zero) modulo 2^32; inlined once for each pair of types that is common. */
ALWAYS_INLINE uint32_t dot(const struct gemm *step, enum element a_type, enum element b_type, uint32_t a, uint32_t b) {
  const uint32_t a_inner = (uint32_t)step->a_inner, b_inner = (uint32_t)step->b_inner;
  const int32_t a_zero = step->a_zero, b_zero = step->b_zero;
  uint32_t sum = 0;
  for (uint32_t k = 0; k < step->inner; k++, a += a_inner, b += b_inner) {
    const int32_t x = load_as(step->a.data, a_type, a) - a_zero, y = load_as(step->b.data, b_type, b) - b_zero;
    sum += (uint32_t)x * (uint32_t)y;
  }
  return sum;
}

static uint32_t product(const struct gemm *step, uint32_t a, uint32_t b) {
  const enum element left = step->a.element, right = step->b.element;
  if (left == ELEMENT_INT8 && right == ELEMENT_INT8) {
    const int packed = step->a_inner == 1 && step->b_inner == 1 && (step->a_zero | step->b_zero) == 0;
    if (packed) return (uint32_t)sum_of((const int8_t *)step->a.data + a, (const int8_t *)step->b.data + b, step->inner);
    return dot(step, ELEMENT_INT8, ELEMENT_INT8, a, b);
  }
  if (left == ELEMENT_UINT8 && right == ELEMENT_INT8) return dot(step, ELEMENT_UINT8, ELEMENT_INT8, a, b);
  if (left == ELEMENT_INT32 && right == ELEMENT_INT32) return dot(step, ELEMENT_INT32, ELEMENT_INT32, a, b);
  return dot(step, left, right, a, b);
}

/** Whether tiles of matmul_tile.h compute the product: int8 operands that both lie along the sum, without gaps. */
static int is_packed(const struct gemm *step) {
  const int32_t inner = (int32_t)step->inner;
  const int bytes = step->a.element == ELEMENT_INT8 && step->b.element == ELEMENT_INT8;
  return bytes && step->a_inner == 1 && step->b_inner == 1 && step->a_row == inner && step->b_column == inner &&
         (step->a_zero | step->b_zero) == 0;
}

/** Where a strip of rows starts: elements into a, b, c and y. */
struct strip {
  uint32_t a, b, c, y;
};

/** What becomes of the sum in row `r` of a strip: c added, requantised, stored. */
ALWAYS_INLINE void finish(const struct gemm *step, const struct strip *at, uint32_t r, uint32_t column, uint32_t sum) {
  sum *= (uint32_t)step->alpha;
  if (step->c.data != NULL) {
    const uint32_t c = at->c + r * (uint32_t)step->c_row + column * (uint32_t)step->c_column;
    sum += (uint32_t)step->beta * (uint32_t)load(&step->c, c);
  }
  const uint32_t i = at->y + r * step->columns + column;
  if (step->by.mul == NULL) {
    ((uint32_t *)step->y.data)[i] = sum;
  } else {
    const int32_t y = rescaled_at(&step->by, (int32_t)sum, column * step->mul_step, column * step->add_step);
    ((uint8_t *)step->y.data)[i] = (uint8_t)y;
  }
}

/** Columns a hart computes of a strip at a time, so that short matrices are shared out as well. */
enum { BLOCK_COLUMNS = 4 * TILE_COLUMNS };

void gemm(const struct gemm *step) {
  const uint32_t strips = (step->rows + TILE_ROWS - 1) / TILE_ROWS;
  const uint32_t blocks = (step->columns + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
  const struct share share = share_of(walk_count(&step->batch) * strips * blocks);
  const int packed = is_packed(step);
  for (uint32_t s = share.first; s < share.last; s++) {
    const uint32_t row = s / blocks % strips * TILE_ROWS, left = step->rows - row, n = s / blocks / strips;
    const uint32_t height = left < TILE_ROWS ? left : TILE_ROWS;
    uint32_t column = s % blocks * BLOCK_COLUMNS;
    const uint32_t end = step->columns - column < BLOCK_COLUMNS ? step->columns : column + BLOCK_COLUMNS;
    struct position batch;
    walk_seek(&step->batch, n, &batch);
    const struct strip at = {.a = batch.offset[0] + row * (uint32_t)step->a_row,
                             .b = batch.offset[1],
                             .c = batch.offset[2] + row * (uint32_t)step->c_row,
                             .y = (n * step->rows + row) * step->columns};
    for (; packed && height == TILE_ROWS && column + TILE_COLUMNS <= end; column += TILE_COLUMNS) {
      int32_t sums[TILE_ROWS][TILE_COLUMNS] = {0};
      tile_sums((const int8_t *)step->a.data + at.a, (const int8_t *)step->b.data + at.b + column * step->inner,
                step->inner, sums);
      for (uint32_t r = 0; r < TILE_ROWS; r++) {
        for (uint32_t c = 0; c < TILE_COLUMNS; c++) finish(step, &at, r, column + c, (uint32_t)sums[r][c]);
      }
    }
    for (; column < end; column++) {
      for (uint32_t r = 0; r < height; r++) {
        const uint32_t sum = product(step, at.a + r * (uint32_t)step->a_row, at.b + column * (uint32_t)step->b_column);
        finish(step, &at, r, column, sum);
      }
    }
  }
}
