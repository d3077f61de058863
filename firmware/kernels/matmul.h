/** Integer matrix products on the harts, for layers that do not go to the accelerator. */
#ifndef OCTET_MATMUL_H
#define OCTET_MATMUL_H

#include <stdint.h>

#include "sum.h"

/** a · bᵀ: both operands lie along the sum, as activations and weights do. All matrices are dense. */
struct matmul_s8 {
  const int8_t *a; /* [rows, inner] */
  const int8_t *b; /* [columns, inner] */
  uint32_t rows, columns, inner;
};

/**
 * out[r][c] = Σ a[r][k] * b[c][k]; `inner` < 2^17, so that a sum fits 32 bits.
 *
 * out: int32 [rows, columns], not overlapping a and b. Each hart computes an equal share of the rows, in fours.
 * Fastest where `inner` is a multiple of 4 and a and b are 4-byte aligned; correct for any.
 */
void matmul_s8_plain(const struct matmul_s8 *product, int32_t *out, uint32_t hart, uint32_t harts);
void matmul_s8_xpulp(const struct matmul_s8 *product, int32_t *out, uint32_t hart, uint32_t harts);

/**
 * out[r][c] = clamp(((Σ a[r][k] * b[c][k]) * scale[c] + offset[c]) >> shift, -128, 127), int8 [rows, columns].
 * The scaling is not `wide`: sum, product and offset fit 32 bits.
 */
void matmul_s8_requantized_plain(const struct matmul_s8 *product, const struct sum_scaling *scaling, int8_t *out,
                                 uint32_t hart, uint32_t harts);
void matmul_s8_requantized_xpulp(const struct matmul_s8 *product, const struct sum_scaling *scaling, int8_t *out,
                                 uint32_t hart, uint32_t harts);

/* The names without ending are the version of the library that is linked: libkernels.a or libkernels-xpulp.a. */
#ifdef OCTET_XPULP
#define matmul_s8(...) matmul_s8_xpulp(__VA_ARGS__)
#define matmul_s8_requantized(...) matmul_s8_requantized_xpulp(__VA_ARGS__)
#else
#define matmul_s8(...) matmul_s8_plain(__VA_ARGS__)
#define matmul_s8_requantized(...) matmul_s8_requantized_plain(__VA_ARGS__)
#endif

#endif
