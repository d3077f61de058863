/** Matrix products, row by row: see gemm.h. */
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

void gemm(const struct gemm *step) {
  const struct share share = share_of(walk_count(&step->batch) * step->rows);
  for (uint32_t r = share.first; r < share.last; r++) {
    const uint32_t row = r % step->rows;
    struct position batch;
    walk_seek(&step->batch, r / step->rows, &batch);
    const uint32_t a = batch.offset[0] + row * (uint32_t)step->a_row;
    uint32_t b = batch.offset[1], c = batch.offset[2] + row * (uint32_t)step->c_row;
    for (uint32_t column = 0; column < step->columns; column++) {
      uint32_t sum = (uint32_t)step->alpha * product(step, a, b);
      if (step->c.data != NULL) sum += (uint32_t)step->beta * (uint32_t)load(&step->c, c);
      const uint32_t i = r * step->columns + column;
      if (step->by.mul == NULL) {
        ((uint32_t *)step->y.data)[i] = sum;
      } else {
        const int32_t y = rescaled_at(&step->by, (int32_t)sum, column * step->mul_step, column * step->add_step);
        ((uint8_t *)step->y.data)[i] = (uint8_t)y;
      }
      b += (uint32_t)step->b_column;
      c += (uint32_t)step->c_column;
    }
  }
}
