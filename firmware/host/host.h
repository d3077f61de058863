/** A network as a program of the host: inputs from standard input, outputs to standard output, as they lie in memory. */
#ifndef OCTET_HOST_H
#define OCTET_HOST_H

#include <stddef.h>

/** A tensor of the network, padding included. */
struct host_tensor {
  void *data;
  size_t bytes;
};

/** The network's inputs and outputs, in order (host_tensors.c); a list ends with a tensor without data. */
extern const struct host_tensor host_inputs[], host_outputs[];

#endif
