/** The last hart does not come to the barrier, so the others wait for ever; the machine reports the deadlock. */
#include "cluster.h"

int main(void) {
  if (hart_id() + 1 < hart_count()) cluster_barrier();
  else __asm__ volatile("wfi");
  return 0;
}
