/** Element-wise sums on the harts: residual additions, NoNorm, head sums. */
#ifndef OCTET_SUM_H
#define OCTET_SUM_H

#include <stdbool.h>
#include <stdint.h>

enum { SUM_MAX_TERMS = 8 };

/** What becomes of a sum x: clamp((x * scale + offset) >> shift, -128, 127). */
struct sum_scaling {
  const int32_t *scale, *offset; /* one for each column; one for all of them where per_column is false */
  bool per_column;
  bool wide; /* x * scale + offset may exceed 32 bits */
  uint32_t shift; /* 0..31, with `wide` 0..35 */
};

/** One block of rows in TCDM. terms, out: int8 [rows, columns], dense */
struct sum_block {
  const int8_t *terms[SUM_MAX_TERMS];
  uint32_t count;
  int8_t *out;
  uint32_t rows, columns;
};

/**
 * out[r][c] = clamp(((Σ terms[r][c]) * scale[c] + offset[c]) >> shift, -128, 127), int8.
 *
 * out may be one of the terms. Each hart computes an equal share of the block, four columns at a time, so that no
 * two harts store to one word when `columns` is a multiple of 4.
 */
void sum_block(const struct sum_block *block, const struct sum_scaling *scaling, uint32_t hart, uint32_t harts);

/** A tensor int8 [rows, columns] in DRAM, `pitch` bytes from one row to the next. */
struct sum_term {
  const int8_t *dram;
  uint32_t pitch;
};

/**
 * The same over whole tensors in DRAM, block by block: while the harts compute block n, the DMA loads block n + 1
 * and writes block n - 1 back. Buffers in TCDM hold two blocks of every term (terms_l1) and of the result (out_l1),
 * and the scaling where it is per column.
 */
struct sum_rows {
  struct sum_term terms[SUM_MAX_TERMS];
  uint32_t count;
  int8_t *out;
  uint32_t out_pitch;
  uint32_t rows, columns, block_rows;
  struct sum_scaling scaling; /* in DRAM */
  int8_t *terms_l1, *out_l1;
  int32_t *scale_l1, *offset_l1;
};

/** Computes the sum on all harts; called by every hart. Others see the result after the next barrier. */
void sum_rows(const struct sum_rows *sum);

#endif
