/** Console and exit through the host-target interface: the host finds tohost and fromhost by name. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mmio.h"

__attribute__((section(".htif"), aligned(64))) volatile uint32_t tohost[2];
__attribute__((section(".htif"), aligned(64))) volatile uint32_t fromhost[2];

/** Device 1, command 1: console output. */
#define HTIF_PUTCHAR 0x01010000u

/** One hart at a time may talk to the host. */
static uint32_t lock;

/** The host acts on the store to the high word, so the low word goes first. */
static void send(uint32_t low, uint32_t high) {
  while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {
  }
  while (tohost[0] | tohost[1]) {
  }
  tohost[0] = low;
  memory_fence();
  tohost[1] = high;
  __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static int put(char c, FILE *file) {
  (void)file;
  send((uint8_t)c, HTIF_PUTCHAR);
  return (uint8_t)c;
}

static FILE console = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &console;
FILE *const stderr = &console;
FILE *const stdin = &console; /* nothing can be read */

/** Ends the program on behalf of every hart. */
_Noreturn void _exit(int code) {
  send(((uint32_t)code << 1) | 1, 0);
  for (;;) __asm__ volatile("wfi");
}
