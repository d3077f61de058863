/** Steps marked for timelines: a transfer and a loop of hart 0, one around the other, and a piece of work of every hart. */
#include "cluster.h"
#include "dma.h"
#include "perf.h"

enum { BOTH, COPY, LOOP, SHARED, LOOPS = 1000, SIZE = 8192 };

static uint8_t from[SIZE], to[SIZE];

static void loop(unsigned count) { __asm__ volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(count)); }

int main(void) {
  if (hart_id() == 0) {
    mark_begin(BOTH);
    mark_begin(COPY);
    dma_wait(dma_copy(to, from, SIZE));
    mark_end(COPY);
    mark_begin(LOOP);
    loop(LOOPS);
    mark_end(LOOP);
    mark_end(BOTH);
  }
  cluster_barrier();
  mark_begin(SHARED);
  loop(LOOPS * (1 + hart_id()));
  mark_end(SHARED);
  cluster_barrier(); /* the first to return ends the program */
  return 0;
}
