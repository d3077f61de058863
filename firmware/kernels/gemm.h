/** Products of integer matrices in main memory, for what the accelerator does not take. */
#ifndef OCTET_GEMM_H
#define OCTET_GEMM_H

#include "rescale.h"

/**
 * y[n] = alpha * (a[n] - a_zero) · (b[n] - b_zero) + beta * c, for every n of the batch: MatMul, Gemm, MatMulInteger.
 *
 * a: integers [rows, inner], a_row and a_inner elements apart    b: integers [inner, columns], likewise
 * c: integers, c_row and c_column elements apart; data is NULL for none
 * y: [batch, rows, columns] dense: int32, sums modulo 2^32; with by.mul not NULL int8 or uint8, requantised, its constants
 *    mul_step and add_step apart from column to column
 * batch: sizes of the batch axes and the strides of a, b and c along them
 * Each hart computes an equal share of the blocks of 4 rows by 8 columns. Fastest where a is int8 or uint8, b int8, both
 * dense, without zero points, and a_inner and b_inner are 1.
 */
struct gemm {
  struct source a, b, c;
  struct result y;
  struct walk batch;
  uint32_t rows, inner, columns;
  int32_t a_row, a_inner, b_inner, b_column, c_row, c_column;
  int32_t a_zero, b_zero, alpha, beta;
  struct rescaling by;
  uint32_t mul_step, add_step;
};

void gemm(const struct gemm *step);

/**
 * Makes of a product part `part` of `parts` whose sums add up: all but the last go to `sums`, int32 [rows, columns], all
 * but the first start from there. One batch.
 */
void gemm_part(struct gemm *step, uint32_t part, uint32_t parts, void *sums);

#endif
