/** The platform without an operating system: prints through the host-target interface and counts with minstret. */
#include "workload.h"

__attribute__((section(".htif"), aligned(64))) volatile uint32_t tohost[2];
__attribute__((section(".htif"), aligned(64))) volatile uint32_t fromhost[2];

/** How often the work is done: the address of the symbol is the number. */
extern char repeat[];

/** The host acts on the store to the high word. */
static void send(uint32_t low, uint32_t high) {
  while (tohost[0] | tohost[1]) {
  }
  tohost[0] = low;
  __asm__ volatile("fence" ::: "memory");
  tohost[1] = high;
}

static void print_hex(uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) send((uint8_t) "0123456789abcdef"[value >> shift & 15], 0x01010000);
}

static uint64_t instructions(void) {
  uint32_t high, low, again;
  do {
    __asm__ volatile("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth" : "=r"(high), "=r"(low), "=r"(again));
  } while (high != again);
  return (uint64_t)high << 32 | low;
}

/** Prints `<checksum> <instructions of hart 0 in the workload>`, both in hexadecimal, and ends the run. */
void bare_main(uint32_t hart) {
  uint64_t before = instructions();
  uint32_t checksum = workload((uint32_t)repeat, hart);
  uint64_t count = instructions() - before;
  if (hart != 0) return;
  print_hex(checksum);
  send(' ', 0x01010000);
  print_hex((uint32_t)(count >> 32));
  print_hex((uint32_t)count);
  send('\n', 0x01010000);
  send(1, 0);
}
