/** Harts meet at the barrier after work of different length; nobody may pass early. Ends with 0 when none has. */
#include <stdio.h>

#include "cluster.h"

enum { ROUNDS = 20, HARTS = 16 };

/** Rounds each hart has finished. */
static volatile unsigned finished[HARTS];
static volatile unsigned failures;

int main(void) {
  unsigned hart = hart_id(), harts = hart_count();
  for (unsigned round = 1; round <= ROUNDS; round++) {
    for (volatile unsigned work = 0; work < hart * 13 * (round % 5); work++) {
    }
    finished[hart] = round;
    cluster_barrier();
    for (unsigned other = 0; other < harts; other++) {
      if (finished[other] < round) __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
    cluster_barrier();
  }
  if (hart != 0) return 0;
  printf("barrier: %u harts met %u times, %u early\n", harts, ROUNDS, failures);
  return failures != 0;
}
