/** Products of int8 matrices by plain C and by Xpulp on hart 0, compared and counted. Ends with 0 when all elements agree. */
#include "matmul.h"

#include <stdio.h>
#include <string.h>

#include "cluster.h"

enum { LARGEST = 64 * 64 };

struct shape {
  uint32_t rows, columns, inner;
};

/* a sum shorter than a word; rows, columns and inner dimension that fill no tile; whole tiles, whose result stays */
static const struct shape shapes[] = {{5, 3, 2}, {13, 7, 27}, {64, 64, 64}};

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

static void report(const struct shape *shape, const char *type, uint32_t plain, uint32_t xpulp, int differ) {
  printf("matmul: %ux%ux%u to %s: plain %u, Xpulp %u instructions, %u.%02u times fewer, %s\n", (unsigned)shape->rows,
         (unsigned)shape->columns, (unsigned)shape->inner, type, (unsigned)plain, (unsigned)xpulp,
         (unsigned)(plain / xpulp), (unsigned)(plain * 100 / xpulp % 100), differ ? "different" : "equal");
}

static int compare(const struct shape *shape) {
  const struct matmul_s8 product = {a, b, shape->rows, shape->columns, shape->inner};
  const struct sum_scaling scaling = {.scale = scale, .offset = offset, .per_column = true, .shift = 14};
  const uint32_t elements = shape->rows * shape->columns;

  uint32_t start = retired();
  matmul_s8_plain(&product, words[0], 0, 1);
  const uint32_t plain_words = retired() - start;
  start = retired();
  matmul_s8_xpulp(&product, words[1], 0, 1);
  const uint32_t xpulp_words = retired() - start;
  start = retired();
  matmul_s8_requantized_plain(&product, &scaling, bytes[0], 0, 1);
  const uint32_t plain_bytes = retired() - start;
  start = retired();
  matmul_s8_requantized_xpulp(&product, &scaling, bytes[1], 0, 1);
  const uint32_t xpulp_bytes = retired() - start;

  const int words_differ = memcmp(words[0], words[1], elements * sizeof words[0][0]) != 0;
  const int bytes_differ = memcmp(bytes[0], bytes[1], elements) != 0;
  report(shape, "int32", plain_words, xpulp_words, words_differ);
  report(shape, "int8", plain_bytes, xpulp_bytes, bytes_differ);
  return words_differ || bytes_differ;
}

int main(void) {
  if (hart_id() != 0) return 0;
  fill(a, sizeof a, 1);
  fill(b, sizeof b, 2);
  for (int column = 0; column < 64; column++) {
    scale[column] = 20 + column % 7;
    offset[column] = (1 << 13) + 4096 * (column % 5 - 2);
  }
  int differ = 0;
  for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) differ |= compare(&shapes[i]);
  return differ;
}
