/** Hart 2 adds atomically to a word that is not aligned: an access the machine does not support, as the manual allows. */
#include <stdint.h>

#include "cluster.h"

static uint32_t words[2];

int main(void) {
  if (hart_id() == 2) __asm__ volatile("amoadd.w zero, %0, (%1)" ::"r"(1), "r"((uintptr_t)words + 2) : "memory");
  cluster_barrier();
  return 0;
}
