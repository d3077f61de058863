/** A product of int32 matrices in the TCDM on all harts, by cv.mac, again and again. Ends with 0 when its elements are right. */
#include <stdint.h>

#include "cluster.h"
#include "octet_xcv.h"

enum { SIZE = 64, BLOCK = 4, ROUNDS = 8 };

#define IN_TCDM __attribute__((section(".tcdm"), aligned(64)))
static int32_t a[SIZE][SIZE] IN_TCDM, b[SIZE][SIZE] IN_TCDM, c[SIZE][SIZE] IN_TCDM;

/** The block of the product at a row and a column: sixteen sums in registers, eight loads for sixteen products. */
static void block(unsigned row, unsigned column) {
  int32_t sums[BLOCK][BLOCK] = {0};
  const int32_t *left = a[row], *top = &b[0][column];
  for (unsigned k = 0; k < SIZE; k++, left++, top += SIZE) {
    int32_t factors[BLOCK];
#pragma GCC unroll 4
    for (unsigned j = 0; j < BLOCK; j++) factors[j] = top[j];
#pragma GCC unroll 4
    for (unsigned i = 0; i < BLOCK; i++) {
      const int32_t factor = left[i * SIZE];
#pragma GCC unroll 4
      for (unsigned j = 0; j < BLOCK; j++) sums[i][j] = cv_mac(sums[i][j], factor, factors[j]);
    }
  }
#pragma GCC unroll 4
  for (unsigned i = 0; i < BLOCK; i++) {
#pragma GCC unroll 4
    for (unsigned j = 0; j < BLOCK; j++) c[row + i][column + j] = sums[i][j];
  }
}

int main(void) {
  const unsigned hart = hart_id(), harts = hart_count();
  for (unsigned i = hart; i < SIZE; i += harts) {
    for (unsigned j = 0; j < SIZE; j++) {
      a[i][j] = (int32_t)(i * 77 + j);
      b[i][j] = i == j ? 3 : 0;
    }
  }
  cluster_barrier();
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned n = hart; n < SIZE * SIZE / BLOCK / BLOCK; n += harts) {
      block(n / (SIZE / BLOCK) * BLOCK, n % (SIZE / BLOCK) * BLOCK);
    }
  }
  cluster_barrier();
  for (unsigned i = 0; hart == 0 && i < SIZE; i++) {
    if (c[i][SIZE - 1 - i] != 3 * a[i][SIZE - 1 - i]) return 1;
  }
  return 0;
}
