/** The inner loop of sum_block.c in plain C: four neighbouring columns of a few rows. */
#ifndef OCTET_SUM_COLUMNS_H
#define OCTET_SUM_COLUMNS_H

#include "clamp.h"

/** Terms the loop is written for; sums of more take another way. */
enum { COLUMNS_MAX_TERMS = 4 };

/** What the four columns have in common over all rows. */
struct columns {
  const int8_t *terms[COLUMNS_MAX_TERMS]; /* first row; consecutive rows lie `pitch` bytes apart */
  uint8_t *out;
  uint32_t pitch, rows; /* rows > 0 */
  int32_t scale[4], offset[4];
  uint32_t shift;
};

/** out[r][c] = clamp(((Σ terms[r][c]) * scale[c] + offset[c]) >> shift), c < 4; `count`: terms, a constant at each call. */
static inline __attribute__((always_inline)) void sum_columns(struct columns *columns, uint32_t count) {
  const int8_t *terms[COLUMNS_MAX_TERMS];
#pragma GCC unroll 4
  for (uint32_t t = 0; t < count; t++) terms[t] = columns->terms[t];
  const uint32_t pitch = columns->pitch, shift = columns->shift;
  uint8_t *out = columns->out;
  for (uint32_t r = 0; r < columns->rows; r++) {
int32_t x[4]; /* all four on their way at once, so that nobody waits for loads or products */
#pragma GCC unroll 4
    for (uint32_t c = 0; c < 4; c++) x[c] = terms[0][c];
#pragma GCC unroll 4
    for (uint32_t t = 1; t < count; t++) {
      int32_t y[4];
#pragma GCC unroll 4
      for (uint32_t c = 0; c < 4; c++) y[c] = terms[t][c];
#pragma GCC unroll 4
      for (uint32_t c = 0; c < 4; c++) x[c] += y[c];
    }
#pragma GCC unroll 4
    for (uint32_t c = 0; c < 4; c++) x[c] *= columns->scale[c];
#pragma GCC unroll 4
    for (uint32_t c = 0; c < 4; c++) x[c] += columns->offset[c];
#pragma GCC unroll 4
    for (uint32_t c = 0; c < 4; c++) x[c] = clamp(x[c] >> shift);
#pragma GCC unroll 4
    for (uint32_t c = 0; c < 4; c++) out[c] = (uint8_t)x[c];
#pragma GCC unroll 4
    for (uint32_t t = 0; t < count; t++) terms[t] += pitch;
    out += pitch;
  }
}

#endif
