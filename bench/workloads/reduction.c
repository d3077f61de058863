/** A parallel reduction on eight harts: each sums its part, all meet, hart 0 spreads the result for the next round. */
#include "workload.h"

#define WORDS 16384

static uint32_t data[WORDS];
static uint32_t total, maximum;
static uint32_t arrived, generation;

/** Returns when all harts have called it; the last one to come lets the others go. */
static void barrier(void) {
  uint32_t mine = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == HARTS) {
    __atomic_store_n(&arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&generation, mine + 1, __ATOMIC_RELEASE);
    return;
  }
  while (__atomic_load_n(&generation, __ATOMIC_ACQUIRE) == mine) wait_a_little();
}

static void raise_maximum(uint32_t value) {
  uint32_t seen = __atomic_load_n(&maximum, __ATOMIC_RELAXED);
  while (seen < value && !__atomic_compare_exchange_n(&maximum, &seen, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

uint32_t workload(uint32_t repeat, uint32_t hart) {
  uint32_t state = hart + 1, checksum = 2166136261u;
  uint32_t from = hart * (WORDS / HARTS), to = from + WORDS / HARTS;
  for (uint32_t i = from; i < to; i++) data[i] = next_random(&state);
  for (uint32_t round = 0; round < repeat; round++) {
    uint32_t sum = 0, largest = 0;
    barrier();
    for (uint32_t i = from; i < to; i++) {
      uint32_t value = data[i];
      sum += value ^ (value >> 7);
      if (value > largest) largest = value;
      data[i] = value * 1664525u + round;
    }
    __atomic_fetch_add(&total, sum, __ATOMIC_RELAXED);
    raise_maximum(largest);
    barrier();
    if (hart == 0) {
      checksum = mix(mix(checksum, total), maximum);
      maximum = 0;
    }
  }
  barrier();
  return checksum;
}
