/** What every workload defines, and what the platforms (bare.c, linux.c, host.c) call. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>

#ifndef __riscv
#include <sched.h>
#endif

/**
 * Does the work `repeat` times and returns a checksum of all its results.
 *
 * Parallel workloads are called by every hart at once, `hart` being 0 .. HARTS - 1, and hart 0 returns the checksum;
 * the others run on hart 0 alone.
 */
uint32_t workload(uint32_t repeat, uint32_t hart);

/** Harts of a parallel workload. */
#define HARTS 8

/** In a loop that waits for another hart: natively, where threads may outnumber processors, lets others run. */
static inline void wait_a_little(void) {
#ifndef __riscv
  sched_yield();
#endif
}

/** The next number of a sequence (xorshift32); the state is never 0. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

/** A checksum with one more value (FNV-1a over words). */
static inline uint32_t mix(uint32_t checksum, uint32_t value) { return (checksum ^ value) * 16777619u; }

#endif
