/** The arithmetic of sum.h, one block in TCDM at a time; knows nothing of DMA or barriers. */
#include "sum.h"

#ifdef OCTET_XPULP
#include "sum_columns_xpulp.h"
#define sum_columns sum_columns_xpulp
#else
#include "sum_columns.h"
#endif

/**
 * Rows [first, last) of the four columns from `column` on. Scale and offset stay in registers; `count` is a constant
 * at each call, so the sum over the terms unrolls.
 */
static inline __attribute__((always_inline)) void four_columns(const struct sum_block *block,
                                                               const struct sum_scaling *scaling, uint32_t count,
                                                               uint32_t column, uint32_t first, uint32_t last) {
  const uint32_t start = first * block->columns + column;
  struct columns columns = {.out = (uint8_t *)block->out + start,
                            .pitch = block->columns,
                            .rows = last - first,
                            .shift = scaling->shift};
#pragma GCC unroll 4
  for (uint32_t t = 0; t < count; t++) columns.terms[t] = block->terms[t] + start;
#pragma GCC unroll 4
  for (uint32_t c = 0; c < 4; c++) {
    columns.scale[c] = scaling->scale[scaling->per_column ? column + c : 0];
    columns.offset[c] = scaling->offset[scaling->per_column ? column + c : 0];
  }
  sum_columns(&columns, count);
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
