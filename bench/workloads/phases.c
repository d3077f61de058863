/** A program that changes its phase: PHASES copies of mixed.c, each code and data of its own, one after the other. */
#include "workload.h"

extern uint32_t (*const copies[])(uint32_t repeat, uint32_t hart);

#define PHASES 100

uint32_t workload(uint32_t repeat, uint32_t hart) {
  (void)hart;
  uint32_t checksum = 2166136261u;
  for (uint32_t phase = 0; phase < PHASES; phase++) checksum = mix(checksum, copies[phase](repeat, phase));
  return checksum;
}
