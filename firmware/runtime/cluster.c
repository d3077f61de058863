/** Harts of the cluster and the hardware barrier. */
#include "cluster.h"

#include "mmio.h"
#include "octet_cluster.h"
#include "octet_map.h"
#include "stack.h"

unsigned hart_count(void) { return mmio_load(OCTET_CLUSTER_BASE + CLUSTER_HART_COUNT_OFFSET); }

void cluster_barrier(void) {
  stack_check();
  memory_fence();
  (void)mmio_load(OCTET_CLUSTER_BASE + CLUSTER_BARRIER_OFFSET);
  memory_fence();
}
