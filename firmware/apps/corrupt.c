/** A bug to look for with a debugger (README.md, "Debugging"): a sum stored beside a table is destroyed. Ends with 1, and with 0 once the bug is mended. */
#include <stdio.h>

#include "cluster.h"

enum { COUNT = 125 };

static struct {
  unsigned square[COUNT];
  unsigned sum;
} result;

/** The squares that are this hart's to compute, and one that is nobody's: this is the bug. */
static void __attribute__((noipa)) squares(unsigned *out, unsigned count, unsigned hart, unsigned harts) {
  for (unsigned i = hart; i <= count; i += harts) out[i] = i * i;
}

/** Compares the squares with their sum. */
static int __attribute__((noipa)) check(void) {
  unsigned sum = 0;
  for (unsigned i = 0; i < COUNT; i++) sum += result.square[i];
  printf("corrupt: the squares add up to %u, expected %u\n", sum, result.sum);
  return sum != result.sum;
}

int main(void) {
  unsigned hart = hart_id(), harts = hart_count();
  if (hart == 0) result.sum = (COUNT - 1) * COUNT * (2 * COUNT - 1) / 6;
  cluster_barrier();
  squares(result.square, COUNT, hart, harts);
  cluster_barrier();
  return hart == 0 ? check() : 0;
}
