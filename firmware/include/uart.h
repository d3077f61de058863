/** The serial port: bytes out and in, by polling (see octet_uart.h for the registers). */
#ifndef OCTET_SERIAL_H
#define OCTET_SERIAL_H

#include <stdint.h>

#include "octet_map.h"
#include "octet_uart.h"

static inline volatile uint8_t *uart_register(uintptr_t offset) { return (volatile uint8_t *)(OCTET_UART_BASE + offset); }

/** Sends one byte. */
static inline void uart_put(uint8_t byte) {
  while (!(*uart_register(UART_LSR_OFFSET) & UART_LSR_TX_READY_MASK)) {
  }
  *uart_register(UART_DATA_OFFSET) = byte;
}

/** The next received byte, or -1 when none waits. */
static inline int uart_get(void) {
  return *uart_register(UART_LSR_OFFSET) & UART_LSR_DATA_READY_MASK ? *uart_register(UART_DATA_OFFSET) : -1;
}

#endif
