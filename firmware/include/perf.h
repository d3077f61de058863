/** Performance counters, 16 shared by all harts and 29 of each hart (octet_cluster.h says what they count), and marks for timelines. */
#ifndef OCTET_PERF_H
#define OCTET_PERF_H

#include <stdint.h>

#include "mmio.h"
#include "octet_cluster.h"
#include "octet_map.h"

/** Lets counter `index` count an event (CLUSTER_PERF_*) of a hart from 0 on. */
static inline void perf_start(unsigned index, uint32_t event, unsigned hart) {
  mmio_store(OCTET_CLUSTER_BASE + CLUSTER_PERF_HART_OFFSET(index), hart);
  mmio_store(OCTET_CLUSTER_BASE + CLUSTER_PERF_ENABLE_OFFSET(index), event);
  mmio_store(OCTET_CLUSTER_BASE + CLUSTER_PERF_COUNTER_OFFSET(index), 0);
}

/** Freezes the counter and returns its low 32 bits. */
static inline uint32_t perf_stop(unsigned index) {
  mmio_store(OCTET_CLUSTER_BASE + CLUSTER_PERF_ENABLE_OFFSET(index), 0);
  return mmio_load(OCTET_CLUSTER_BASE + CLUSTER_PERF_COUNTER_OFFSET(index));
}

/** Lets mhpmcounter`n` of this hart, `n` a number from 3 to 31, count an event (CLUSTER_PERF_*) from 0 on. */
#define perf_event_start(n, event)                                                                            \
  __asm__ volatile("csrw mhpmevent" #n ", zero\n csrw mhpmcounter" #n ", zero\n csrw mhpmcounter" #n "h, zero\n" \
                   "csrw mhpmevent" #n ", %0"                                                                  \
                   :                                                                                           \
                   : "r"(event))

/** Puts the low 32 bits of mhpmcounter`n` into `value`. */
#define perf_event_read(n, value) __asm__ volatile("csrr %0, mhpmcounter" #n : "=r"(value))

/** The calling hart begins step `id` here, below 2^31; one store, seen by timelines alone. */
static inline void mark_begin(uint32_t id) { mmio_store(OCTET_CLUSTER_BASE + CLUSTER_MARK_OFFSET, id); }

/** The step that the same hart began as `id` ends here. */
static inline void mark_end(uint32_t id) {
  mmio_store(OCTET_CLUSTER_BASE + CLUSTER_MARK_OFFSET, id | CLUSTER_MARK_END_MASK);
}

#endif
