/** The same work natively, for the expected checksum: one thread for each hart of a parallel workload. */
#include <pthread.h>
#include <stdio.h>

#include "workload.h"

static void *run(void *argument) {
  workload(REPEAT, (uint32_t)(uintptr_t)argument);
  return 0;
}

int main(void) {
  pthread_t threads[HARTS];
  for (uintptr_t hart = 1; hart < NATIVE_HARTS; hart++) pthread_create(&threads[hart], 0, run, (void *)hart);
  printf("%08x\n", workload(REPEAT, 0));
  for (int hart = 1; hart < NATIVE_HARTS; hart++) pthread_join(threads[hart], 0);
  return 0;
}
