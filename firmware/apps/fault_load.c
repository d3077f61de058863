/** Hart 3 loads from an address where nothing is mapped. */
#include <stdint.h>

#include "cluster.h"

int main(void) {
  if (hart_id() == 3) (void)*(const volatile uint16_t *)(uintptr_t)0x20000000;
  cluster_barrier();
  return 0;
}
