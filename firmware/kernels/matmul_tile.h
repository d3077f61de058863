/**
 * The inner loops of matmul.c in plain C and with Xpulp: the sums of a tile of four rows by two columns, where a byte
 * that is loaded takes part in two or four products, and single sums for what fills no tile.
 */
#ifndef OCTET_MATMUL_TILE_H
#define OCTET_MATMUL_TILE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef OCTET_XPULP
#include "octet_xcv.h"
#endif

enum { TILE_ROWS = 4, TILE_COLUMNS = 2 };

/** A byte of the left operand; `natural`: its bytes are 0 to 255. A constant at each call, as in all functions below. */
static inline __attribute__((always_inline)) int32_t left_byte(const int8_t *a, uint32_t k, bool natural) {
  return natural ? ((const uint8_t *)a)[k] : a[k];
}

/** sums[r][c] += Σ a[r * inner + k] * b[c * inner + k] over `count` values of k. */
static inline __attribute__((always_inline)) void tile_bytes(const int8_t *a, const int8_t *b, uint32_t inner,
                                                             uint32_t count, bool natural,
                                                             int32_t sums[TILE_ROWS][TILE_COLUMNS]) {
  const int8_t *a1 = a + inner, *a2 = a1 + inner, *a3 = a2 + inner, *b1 = b + inner;
  int32_t s00 = sums[0][0], s01 = sums[0][1], s10 = sums[1][0], s11 = sums[1][1];
  int32_t s20 = sums[2][0], s21 = sums[2][1], s30 = sums[3][0], s31 = sums[3][1];
#pragma GCC unroll 4
  for (uint32_t k = 0; k < count; k++) {
    const int32_t x = b[k], y = b1[k];
    const int32_t a0k = left_byte(a, k, natural), a1k = left_byte(a1, k, natural);
    const int32_t a2k = left_byte(a2, k, natural), a3k = left_byte(a3, k, natural);
    s00 += a0k * x;
    s01 += a0k * y;
    s10 += a1k * x;
    s11 += a1k * y;
    s20 += a2k * x;
    s21 += a2k * y;
    s30 += a3k * x;
    s31 += a3k * y;
  }
  sums[0][0] = s00, sums[0][1] = s01, sums[1][0] = s10, sums[1][1] = s11;
  sums[2][0] = s20, sums[2][1] = s21, sums[3][0] = s30, sums[3][1] = s31;
}

#ifdef OCTET_XPULP

#define NEXT(word, at, step) CV_LW_RR_POST(word, "%[" at "]", "%[" step "]") "\n"
#define DOT_SIGNED(sum, row, column) CV_SDOTSP_B("%[" sum "]", row, column) "\n"
#define DOT_NATURAL(sum, row, column) CV_SDOTUSP_B("%[" sum "]", row, column) "\n"

/* Six loads and eight dot products for 32 products. */
#define TILE_WORDS(DOT)                                                                                               \
  __asm__ volatile(                                                                                                   \
      CV_LOOP(0, "%[words]", 14,                                                                                      \
              NEXT("t4", "b", "down") NEXT("t5", "b", "up1")                                                          \
              NEXT("t0", "a", "down") NEXT("t1", "a", "down") NEXT("t2", "a", "down") NEXT("t3", "a", "up3")          \
              DOT("s00", "t0", "t4") DOT("s01", "t0", "t5") DOT("s10", "t1", "t4") DOT("s11", "t1", "t5")             \
              DOT("s20", "t2", "t4") DOT("s21", "t2", "t5") DOT("s30", "t3", "t4") DOT("s31", "t3", "t5"))            \
      : [a] "+r"(a), [b] "+r"(b), [s00] "+r"(sums[0][0]), [s01] "+r"(sums[0][1]), [s10] "+r"(sums[1][0]),            \
        [s11] "+r"(sums[1][1]), [s20] "+r"(sums[2][0]), [s21] "+r"(sums[2][1]), [s30] "+r"(sums[3][0]),              \
        [s31] "+r"(sums[3][1])                                                                                        \
      : [words] "r"(words), [down] "r"(inner), [up1] "r"(4 - inner), [up3] "r"(4 - 3 * inner)                         \
      : "t0", "t1", "t2", "t3", "t4", "t5", "memory")

/**
 * As tile_bytes, four values of k at a time, in a hardware loop. One pointer walks down the rows of each matrix and
 * back up to the next word. `words` > 0.
 */
static inline __attribute__((always_inline)) void tile_words(const int8_t *a, const int8_t *b, uint32_t inner,
                                                             uint32_t words, bool natural,
                                                             int32_t sums[TILE_ROWS][TILE_COLUMNS]) {
  if (natural) TILE_WORDS(DOT_NATURAL);
  else TILE_WORDS(DOT_SIGNED);
}

/** Σ a[k] * b[k] over four times `words` values of k; `words` > 0. */
static inline int32_t sum_of_words(const int8_t *a, const int8_t *b, uint32_t words) {
  int32_t sum = 0;
  __asm__ volatile(CV_LOOP(0, "%[words]", 3,
                           CV_LW_RI_POST("t0", "%[a]", "4") "\n"
                           CV_LW_RI_POST("t1", "%[b]", "4") "\n"
                           CV_SDOTSP_B("%[sum]", "t0", "t1"))
                   : [a] "+r"(a), [b] "+r"(b), [sum] "+r"(sum)
                   : [words] "r"(words)
                   : "t0", "t1", "memory");
  return sum;
}

#endif

/** sums[r][c] += Σ a[r * inner + k] * b[c * inner + k] over all k < inner. */
static inline __attribute__((always_inline)) void tile_sums(const int8_t *a, const int8_t *b, uint32_t inner,
                                                            bool natural, int32_t sums[TILE_ROWS][TILE_COLUMNS]) {
#ifdef OCTET_XPULP
  const uint32_t rest = inner % 4, done = inner - rest;
  if (done > 0) tile_words(a, b, inner, done / 4, natural, sums);
  if (rest > 0) tile_bytes(a + done, b + done, inner, rest, natural, sums);
#else
  tile_bytes(a, b, inner, inner, natural, sums);
#endif
}

/** Σ a[k] * b[k] over all k < inner. */
static inline int32_t sum_of(const int8_t *a, const int8_t *b, uint32_t inner) {
  int32_t sum = 0;
  uint32_t k = 0;
#ifdef OCTET_XPULP
  k = inner - inner % 4;
  if (k > 0) sum = sum_of_words(a, b, k / 4);
#endif
  for (; k < inner; k++) sum += a[k] * b[k];
  return sum;
}

#endif
