/** The event unit: sleep until something happens, and wake other harts (see octet_event.h for the registers). */
#ifndef OCTET_EVENT_UNIT_H
#define OCTET_EVENT_UNIT_H

#include <stdint.h>

#include "mmio.h"
#include "octet_event.h"
#include "octet_map.h"

/** Events as bits of a mask; bits 0 to 7 are the software events. */
enum {
  EVENT_DMA = EVENT_EVENT_MASK_DMA_MASK,        /* a DMA transfer of this hart has finished */
  EVENT_ITA = EVENT_EVENT_MASK_ITA_MASK,        /* the accelerator has finished a job */
  EVENT_BARRIER = EVENT_EVENT_MASK_BARRIER_MASK /* a barrier of the event unit is complete */
};

/**
 * Sleeps until one of the events has arrived, then returns and forgets those of the mask that have. An event
 * that came before the call counts, so checking a condition and then waiting for its event loses no wake-up;
 * an old event may end the wait early, so check the condition again.
 */
static inline uint32_t event_wait(uint32_t mask) {
  mmio_store(OCTET_EVENT_BASE + EVENT_EVENT_MASK_OFFSET, mask);
  uint32_t events = mmio_load(OCTET_EVENT_BASE + EVENT_WAIT_OFFSET);
  memory_fence();
  return events;
}

/** The events that have arrived at this hart and were not forgotten. */
static inline uint32_t event_pending(void) { return mmio_load(OCTET_EVENT_BASE + EVENT_BUFFER_OFFSET); }

/** Forgets events. */
static inline void event_clear(uint32_t mask) { mmio_store(OCTET_EVENT_BASE + EVENT_CLEAR_OFFSET, mask); }

/** Raises software event `number` (0..7) on the harts of the mask; what this hart wrote before is visible to them. */
static inline void event_raise(unsigned number, uint32_t harts) {
  memory_fence();
  mmio_store(OCTET_EVENT_BASE + EVENT_SW_EVENT_OFFSET(number), harts);
}

#endif
