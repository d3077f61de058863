/** Products of int8 matrices by plain C and by Xpulp on hart 0, checked and counted. Ends with 0 when all elements are right. */
#include "matmul.h"

#include <stdio.h>

#include "cluster.h"

enum { LARGEST = 64 * 64 };

struct shape {
  uint32_t rows, columns, inner;
  uint32_t harts; /* shares it is computed in, one after the other */
};

/* a sum shorter than a word; rows, columns and inner dimension that fill no tile; whole tiles, whose result stays */
static const struct shape shapes[] = {{5, 3, 2, 1}, {13, 7, 27, 3}, {64, 64, 64, 1}};

static int8_t a[LARGEST], b[LARGEST];
static int32_t words[2][LARGEST];
static int8_t bytes[2][LARGEST];
static int32_t scale[64], offset[64];

static void fill(int8_t *to, int count, uint32_t seed) {
  for (int i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    to[i] = (int8_t)(seed >> 24);
  }
}

/** Instructions this hart has retired, low 32 bits. */
static inline uint32_t retired(void) {
  uint32_t count;
  __asm__ volatile("csrr %0, minstret" : "=r"(count) : : "memory");
  return count;
}

/** Elements of both versions that are not what matmul.h says. */
static unsigned wrong_elements(const struct matmul_s8 *product, const struct sum_scaling *scaling) {
  unsigned wrong = 0;
  for (uint32_t i = 0; i < product->rows * product->columns; i++) {
    const uint32_t row = i / product->columns, column = i % product->columns;
    int32_t sum = 0;
    for (uint32_t k = 0; k < product->inner; k++) sum += a[row * product->inner + k] * b[column * product->inner + k];
    const int32_t scaled = (sum * scale[column] + offset[column]) >> scaling->shift;
    const int8_t byte = scaled < -128 ? -128 : scaled > 127 ? 127 : (int8_t)scaled;
    for (int version = 0; version < 2; version++) wrong += words[version][i] != sum || bytes[version][i] != byte;
  }
  return wrong;
}

/** Counts the instructions of `call` for each of `harts` shares. */
#define COUNT(call)                                                        \
  ({                                                                       \
    const uint32_t start = retired();                                      \
    for (uint32_t hart = 0; hart < shape->harts; hart++) call;             \
    retired() - start;                                                     \
  })

static void report(const struct shape *shape, const char *type, uint32_t plain, uint32_t xpulp) {
  printf("matmul: %ux%ux%u to %s: plain %u, Xpulp %u instructions, %u.%02u times fewer\n", (unsigned)shape->rows,
         (unsigned)shape->columns, (unsigned)shape->inner, type, (unsigned)plain, (unsigned)xpulp,
         (unsigned)(plain / xpulp), (unsigned)(plain * 100 / xpulp % 100));
}

/** Runs all versions on one shape, reports their instructions, and returns how many elements are wrong. */
static unsigned measure(const struct shape *shape) {
  const struct matmul_s8 product = {a, b, shape->rows, shape->columns, shape->inner};
  const struct sum_scaling scaling = {.scale = scale, .offset = offset, .per_column = true, .shift = 14};
  const uint32_t harts = shape->harts;
  const uint32_t plain_words = COUNT(matmul_s8_plain(&product, words[0], hart, harts));
  const uint32_t xpulp_words = COUNT(matmul_s8_xpulp(&product, words[1], hart, harts));
  const uint32_t plain_bytes = COUNT(matmul_s8_requantized_plain(&product, &scaling, bytes[0], hart, harts));
  const uint32_t xpulp_bytes = COUNT(matmul_s8_requantized_xpulp(&product, &scaling, bytes[1], hart, harts));
  report(shape, "int32", plain_words, xpulp_words);
  report(shape, "int8", plain_bytes, xpulp_bytes);
  return wrong_elements(&product, &scaling);
}

int main(void) {
  if (hart_id() != 0) return 0;
  fill(a, sizeof a, 1);
  fill(b, sizeof b, 2);
  for (int column = 0; column < 64; column++) {
    scale[column] = 20 + column % 7;
    offset[column] = (1 << 13) + 4096 * (column % 5 - 2);
  }
  unsigned wrong = 0;
  for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) wrong += measure(&shapes[i]);
  printf("matmul: %u elements are wrong\n", wrong);
  return wrong != 0;
}
