/** A requantised product of int8 matrices in the TCDM on all harts, by Xpulp, again and again. Ends with 0 when its last row equals the plain one. */
#include <stdint.h>
#include <string.h>

#include "cluster.h"
#include "matmul.h"

enum { SIZE = 64, ROUNDS = 16, ROWS = 1 };

#define IN_TCDM __attribute__((section(".tcdm"), aligned(64)))
static int8_t a[SIZE * SIZE] IN_TCDM, b[SIZE * SIZE] IN_TCDM, out[SIZE * SIZE] IN_TCDM, plain[ROWS * SIZE] IN_TCDM;
static int32_t scale[SIZE] IN_TCDM, offset[SIZE] IN_TCDM;

int main(void) {
  const unsigned hart = hart_id(), harts = hart_count();
  const struct matmul_s8 product = {a, b, SIZE, SIZE, SIZE};
  const struct sum_scaling scaling = {.scale = scale, .offset = offset, .per_column = true, .shift = 14};
  for (unsigned i = hart; i < SIZE; i += harts) {
    scale[i] = 20 + (int32_t)i % 7;
    offset[i] = 1 << 13;
    for (unsigned j = 0; j < SIZE; j++) {
      a[i * SIZE + j] = (int8_t)(i * 77 + j * j);
      b[i * SIZE + j] = (int8_t)(i * i + j * 13);
    }
  }
  cluster_barrier();
  for (unsigned round = 0; round < ROUNDS; round++) {
    matmul_s8_requantized_xpulp(&product, &scaling, out, hart, harts);
  }
  cluster_barrier();
  /* the last row alone: the plain kernel takes long */
  const uint32_t last = (SIZE - ROWS) * SIZE;
  const struct matmul_s8 rows = {a + last, b, ROWS, SIZE, SIZE};
  if (hart == 0) matmul_s8_requantized_plain(&rows, &scaling, plain, 0, 1);
  return hart == 0 && memcmp(out + last, plain, sizeof plain) != 0;
}
