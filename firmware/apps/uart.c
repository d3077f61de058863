/** Writes a line to the serial port and echoes what has been received. Ends with 0. */
#include "uart.h"

#include "cluster.h"

int main(void) {
  if (hart_id() != 0) return 0;
  for (const char *text = "uart ready\n"; *text; text++) uart_put((uint8_t)*text);
  for (int byte; (byte = uart_get()) >= 0;) uart_put((uint8_t)byte);
  return 0;
}
