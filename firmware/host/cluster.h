/** The cluster on the host: one hart, so every barrier is complete at once. Stands before include/cluster.h in the path. */
#ifndef OCTET_CLUSTER_H
#define OCTET_CLUSTER_H

#include <stdbool.h>

static inline unsigned hart_id(void) { return 0; }

static inline unsigned hart_count(void) { return 1; }

static inline bool drives(void) { return true; }

static inline bool works(void) { return true; }

static inline unsigned worker_count(void) { return 1; }

static inline void cluster_barrier(void) {}

#endif
