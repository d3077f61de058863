/** Performance counters over a loop and a transfer of known size on hart 0. Ends with 0 when they count what happened. */
#include <stdbool.h>
#include <stdio.h>

#include "cluster.h"
#include "dma.h"
#include "perf.h"

enum { INSTRUCTIONS, BYTES, TRANSFERS, SLEEP, LOOPS = 1000, SIZE = 4096 };

static uint8_t from[SIZE], to[SIZE];

int main(void) {
  if (hart_id() != 0) return 0;
  perf_start(BYTES, CLUSTER_PERF_DMA_BYTES, 0);
  perf_start(TRANSFERS, CLUSTER_PERF_DMA_TRANSFERS, 0);
  perf_start(SLEEP, CLUSTER_PERF_SLEEP_CYCLES, 0);
  perf_start(INSTRUCTIONS, CLUSTER_PERF_INSTRUCTIONS, 0);
  perf_event_start(3, CLUSTER_PERF_INSTRUCTIONS);
  unsigned count = LOOPS;
  __asm__ volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(count)); /* two instructions per round */
  uint32_t own;
  perf_event_read(3, own);
  uint32_t instructions = perf_stop(INSTRUCTIONS);
  dma_wait(dma_copy(to, from, SIZE));
  uint32_t bytes = perf_stop(BYTES), transfers = perf_stop(TRANSFERS), asleep = perf_stop(SLEEP);

  printf("counters: %u instructions, %u bytes in %u transfer, %u cycles asleep\n", (unsigned)instructions, (unsigned)bytes,
         (unsigned)transfers, (unsigned)asleep);
  bool loop = instructions >= 2 * LOOPS && instructions < 2 * LOOPS + 24;
  bool csr = own >= 2 * LOOPS && own < 2 * LOOPS + 16;
  return !(loop && csr && bytes == SIZE && transfers == 1 && asleep > 0);
}
