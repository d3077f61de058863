/** Software, timer and external interrupts reach a trap handler on every hart. Ends with 0 when each came once. */
#include <stdio.h>

#include "cluster.h"
#include "event.h"
#include "mmio.h"
#include "octet_clint.h"
#include "octet_cluster.h"

enum { HARTS = 16, SOFTWARE = 3, TIMER = 7, EXTERNAL = 11, MSTATUS_MIE = 8, NUMBER = 1, DELAY = 200 };

/** Interrupts each hart has taken, by cause. */
static volatile unsigned taken[HARTS][16];

static void __attribute__((interrupt("machine"), aligned(4))) handler(void) {
  unsigned cause, hart = hart_id();
  __asm__ volatile("csrr %0, mcause" : "=r"(cause));
  cause &= 15;
  taken[hart][cause]++;
  if (cause == SOFTWARE) mmio_store(OCTET_CLUSTER_BASE + CLUSTER_CLINT_CLEAR_OFFSET, 1u << hart);
  if (cause == TIMER) mmio_store(OCTET_CLINT_BASE + CLINT_MTIMECMP_HIGH_OFFSET(hart), 0xffffffffu);
  if (cause == EXTERNAL) event_clear(1u << NUMBER);
}

/** Sleeps until the interrupt has been taken; looking and sleeping with interrupts off, so that none slips between. */
static void await(unsigned cause) {
  while (!taken[hart_id()][cause]) {
    __asm__ volatile("csrc mstatus, %0" ::"r"(MSTATUS_MIE) : "memory");
    if (!taken[hart_id()][cause]) __asm__ volatile("wfi");
    __asm__ volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE) : "memory");
  }
}

int main(void) {
  unsigned hart = hart_id(), harts = hart_count(), everyone = (1u << harts) - 1;
  __asm__ volatile("csrw mtvec, %0" ::"r"(handler));
  __asm__ volatile("csrw mie, %0" ::"r"(1u << SOFTWARE | 1u << TIMER | 1u << EXTERNAL));
  mmio_store(OCTET_EVENT_BASE + EVENT_IRQ_MASK_OFFSET, 1u << NUMBER);
  __asm__ volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE));
  cluster_barrier();

  if (hart == 0) mmio_store(OCTET_CLUSTER_BASE + CLUSTER_CLINT_SET_OFFSET, everyone);
  await(SOFTWARE);
  mmio_store(OCTET_CLINT_BASE + CLINT_MTIMECMP_OFFSET(hart), mmio_load(OCTET_CLINT_BASE + CLINT_MTIME_OFFSET) + DELAY);
  mmio_store(OCTET_CLINT_BASE + CLINT_MTIMECMP_HIGH_OFFSET(hart), 0);
  await(TIMER);
  if (hart == harts - 1) event_raise(NUMBER, everyone);
  await(EXTERNAL);
  cluster_barrier();

  if (hart != 0) return 0;
  unsigned wrong = 0;
  for (unsigned other = 0; other < harts; other++) {
    for (unsigned cause = 0; cause < 16; cause++) {
      unsigned expected = cause == SOFTWARE || cause == TIMER || cause == EXTERNAL;
      wrong += taken[other][cause] != expected;
    }
  }
  printf("interrupts: %u harts, %u counts are wrong\n", harts, wrong);
  return wrong != 0;
}
