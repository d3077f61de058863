/** Every hart prints its name, in turn; ends with 0. */
#include <stdio.h>

#include "cluster.h"

int main(void) {
  for (unsigned turn = 0; turn < hart_count(); turn++) {
    if (turn == hart_id()) printf("hello from hart %u of %u\n", hart_id(), hart_count());
    cluster_barrier();
  }
  return 0;
}
