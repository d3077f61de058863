/** Runs the network once: see host.h. Without standard input it computes on the inputs of inputs.c. */
#include "host.h"

#include <stdio.h>

#include "network.h"

int main(void) {
  for (const struct host_tensor *input = host_inputs; input->data != NULL; input++) {
    const size_t count = fread(input->data, 1, input->bytes, stdin);
    if (count == 0 && input == host_inputs) break;
    if (count != input->bytes) {
      fprintf(stderr, "standard input ends after %zu of %zu bytes of an input\n", count, input->bytes);
      return 2;
    }
  }
  network_run();
  for (const struct host_tensor *output = host_outputs; output->data != NULL; output++) {
    if (fwrite(output->data, 1, output->bytes, stdout) != output->bytes) return 3;
  }
  return 0;
}
