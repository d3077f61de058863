/** Harts of the cluster: who am I, how many are we, meet at a barrier. */
#ifndef OCTET_CLUSTER_H
#define OCTET_CLUSTER_H

#include <stdint.h>

/** Index of the calling hart, 0 .. hart_count() - 1. */
static inline unsigned hart_id(void) {
  unsigned id;
  __asm__ volatile("csrr %0, mhartid" : "=r"(id));
  return id;
}

/** Harts of this machine, read from the cluster's registers. */
unsigned hart_count(void);

/** Returns when every hart has called it; all memory written before is visible after. Waiting harts sleep. */
void cluster_barrier(void);

#endif
