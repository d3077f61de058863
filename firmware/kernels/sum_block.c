/** The arithmetic of sum.h, one block in TCDM at a time; knows nothing of DMA or barriers. */
#include "sum.h"

static inline __attribute__((always_inline)) int8_t clamp(int32_t value) {
  if ((uint32_t)(value + 128) > 255) return value < 0 ? -128 : 127;
  return (int8_t)value;
}

static inline __attribute__((always_inline)) int32_t total(const int8_t *const *terms, uint32_t count, uint32_t i) {
  int32_t x = terms[0][i];
  for (uint32_t t = 1; t < count; t++) x += terms[t][i];
  return x;
}

/** Elements [first, last) of the block; `count` is a constant at each call, so the sum over terms unrolls. */
static inline __attribute__((always_inline)) void narrow(const struct sum_block *block, const struct sum_scaling *scaling,
                                                         uint32_t count, uint32_t first, uint32_t last) {
  const int8_t *terms[SUM_MAX_TERMS];
  for (uint32_t t = 0; t < count; t++) terms[t] = block->terms[t];
  int8_t *out = block->out;
  const int32_t *scale = scaling->scale, *offset = scaling->offset;
  const uint32_t columns = block->columns, shift = scaling->shift;
  if (!scaling->per_column) {
    const int32_t all_scale = scale[0], all_offset = offset[0];
    for (uint32_t i = first; i < last; i++) out[i] = clamp((total(terms, count, i) * all_scale + all_offset) >> shift);
    return;
  }
  uint32_t column = first % columns;
  for (uint32_t i = first; i < last; column = 0) {
    uint32_t end = i + columns - column;
    if (end > last) end = last;
    const int32_t *s = scale + column, *o = offset + column;
    for (; i < end; i++) out[i] = clamp((total(terms, count, i) * *s++ + *o++) >> shift);
  }
}

static void wide(const struct sum_block *block, const struct sum_scaling *scaling, uint32_t first, uint32_t last) {
  uint32_t column = scaling->per_column ? first % block->columns : 0;
  for (uint32_t i = first; i < last; i++) {
    const int64_t x = total(block->terms, block->count, i);
    const int64_t y = (x * scaling->scale[column] + scaling->offset[column]) >> scaling->shift;
    block->out[i] = y < -128 ? -128 : y > 127 ? 127 : (int8_t)y;
    if (scaling->per_column && ++column == block->columns) column = 0;
  }
}

void sum_block(const struct sum_block *block, const struct sum_scaling *scaling, uint32_t hart, uint32_t harts) {
  const uint32_t elements = block->rows * block->columns;
  const uint32_t words = (elements + 3) / 4;
  const uint32_t first = words * hart / harts * 4;
  uint32_t last = words * (hart + 1) / harts * 4;
  if (last > elements) last = elements;
  if (scaling->wide) {
    wide(block, scaling, first, last);
    return;
  }
  switch (block->count) {
    case 1: narrow(block, scaling, 1, first, last); break;
    case 2: narrow(block, scaling, 2, first, last); break;
    case 3: narrow(block, scaling, 3, first, last); break;
    case 4: narrow(block, scaling, 4, first, last); break;
    default: narrow(block, scaling, block->count, first, last); break;
  }
}
