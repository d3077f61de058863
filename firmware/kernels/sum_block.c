/** The arithmetic of sum.h, one block in TCDM at a time; knows nothing of DMA or barriers. */
#include "sum.h"

/** The low byte of `value` saturated to int8. */
static inline __attribute__((always_inline)) uint8_t clamp(int32_t value) {
  if ((uint32_t)(value + 128) > 255) return value < 0 ? 0x80 : 0x7f;
  return (uint8_t)value;
}

/**
 * Rows [first, last) of the four columns from `column` on. Scale and offset stay in registers; `count` is a constant
 * at each call, so the sum over the terms unrolls.
 */
static inline __attribute__((always_inline)) void four_columns(const struct sum_block *block,
                                                               const struct sum_scaling *scaling, uint32_t count,
                                                               uint32_t column, uint32_t first, uint32_t last) {
  const uint32_t columns = block->columns, shift = scaling->shift, start = first * columns + column;
  const int8_t *terms[SUM_MAX_TERMS];
#pragma GCC unroll 8
  for (uint32_t t = 0; t < count; t++) terms[t] = block->terms[t] + start;
  int32_t scale[4], offset[4];
#pragma GCC unroll 4
  for (uint32_t c = 0; c < 4; c++) {
    scale[c] = scaling->scale[scaling->per_column ? column + c : 0];
    offset[c] = scaling->offset[scaling->per_column ? column + c : 0];
  }
  uint8_t *out = (uint8_t *)block->out + start;
  for (uint32_t r = first; r < last; r++) {
#pragma GCC unroll 4
    for (uint32_t c = 0; c < 4; c++) {
      int32_t x = terms[0][c];
#pragma GCC unroll 8
      for (uint32_t t = 1; t < count; t++) x += terms[t][c];
      out[c] = clamp((x * scale[c] + offset[c]) >> shift);
    }
#pragma GCC unroll 8
    for (uint32_t t = 0; t < count; t++) terms[t] += columns;
    out += columns;
  }
}

/** Rows [first, last) of columns [column, end), for sums of any size and for columns beyond the last four. */
static void any_columns(const struct sum_block *block, const struct sum_scaling *scaling, uint32_t column, uint32_t end,
                        uint32_t first, uint32_t last) {
  for (; column < end; column++) {
    const int64_t scale = scaling->scale[scaling->per_column ? column : 0];
    const int64_t offset = scaling->offset[scaling->per_column ? column : 0];
    for (uint32_t r = first; r < last; r++) {
      const uint32_t i = r * block->columns + column;
      int32_t x = 0;
      for (uint32_t t = 0; t < block->count; t++) x += block->terms[t][i];
      const int64_t y = (x * scale + offset) >> scaling->shift;
      block->out[i] = y < -128 ? -128 : y > 127 ? 127 : (int8_t)y;
    }
  }
}

static void strip(const struct sum_block *block, const struct sum_scaling *scaling, uint32_t column, uint32_t first,
                  uint32_t last) {
  const uint32_t end = column + 4;
  if (scaling->wide || end > block->columns) {
    any_columns(block, scaling, column, end > block->columns ? block->columns : end, first, last);
    return;
  }
  switch (block->count) {
    case 1: four_columns(block, scaling, 1, column, first, last); break;
    case 2: four_columns(block, scaling, 2, column, first, last); break;
    case 3: four_columns(block, scaling, 3, column, first, last); break;
    case 4: four_columns(block, scaling, 4, column, first, last); break;
    default: any_columns(block, scaling, column, end, first, last); break;
  }
}

/* The block is a sequence of strips, four columns wide, each `rows` long; harts take equal runs of that sequence. */
void sum_block(const struct sum_block *block, const struct sum_scaling *scaling, uint32_t hart, uint32_t harts) {
  const uint32_t rows = block->rows, total = (block->columns + 3) / 4 * rows;
  const uint32_t end = total * (hart + 1) / harts;
  uint32_t at = total * hart / harts;
  uint32_t column = at / rows * 4, row = at % rows;
  while (at < end) {
    const uint32_t last = end - at < rows - row ? row + end - at : rows;
    strip(block, scaling, column, row, last);
    at += last - row;
    column += 4;
    row = 0;
  }
}
