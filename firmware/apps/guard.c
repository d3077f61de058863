/** Hart 1 uses a little more stack than it has; the guard word tells at the barrier. Ends with 70 and a message. */
#include "cluster.h"

static void __attribute__((noinline)) use(unsigned bytes) {
  volatile unsigned char frame[bytes];
  for (unsigned i = 0; i < bytes; i++) frame[i] = (unsigned char)i;
  (void)frame[0];
}

int main(void) {
  extern char __stack_bytes[]; /* a linker symbol whose address is the value */
  if (hart_id() == 1) use((unsigned)__stack_bytes);
  cluster_barrier();
  return 0;
}
