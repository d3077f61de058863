/** Hart 0 recurses until its stack leaves the TCDM, below which nothing is mapped: the store traps. The recursion would end only after a million frames. */
#include "cluster.h"

static unsigned __attribute__((noinline)) depth(unsigned level) {
  volatile unsigned frame[16];
  frame[level % 16] = level;
  return level == 1000000 ? 0 : depth(level + 1) + frame[level % 16];
}

int main(void) {
  if (hart_id() == 0) return (int)depth(0);
  cluster_barrier();
  return 0;
}
