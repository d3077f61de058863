/** Harts of the cluster: who am I, how many are we, meet at a barrier. */
#ifndef OCTET_CLUSTER_H
#define OCTET_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

/**
 * The hart that drives the DMA and the accelerator for all. Hart 0 computes as well; another one does not, and then
 * the harts below it compute.
 */
#ifndef OCTET_DRIVER
#define OCTET_DRIVER 0
#endif

/** Index of the calling hart, 0 .. hart_count() - 1. */
static inline unsigned hart_id(void) {
  unsigned id;
  __asm__ volatile("csrr %0, mhartid" : "=r"(id));
  return id;
}

/** Harts of this machine, read from the cluster's registers. */
unsigned hart_count(void);

/** Whether the calling hart drives the DMA and the accelerator. */
static inline bool drives(void) { return hart_id() == OCTET_DRIVER; }

/** Whether the calling hart computes: then hart_id() is its place among `worker_count()` harts. */
static inline bool works(void) { return hart_id() != OCTET_DRIVER || OCTET_DRIVER == 0; }

static inline unsigned worker_count(void) { return OCTET_DRIVER == 0 ? hart_count() : OCTET_DRIVER; }

/** Returns when every hart has called it; all memory written before is visible after. Waiting harts sleep. */
void cluster_barrier(void);

#endif
