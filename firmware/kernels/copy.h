/** Kernels that move elements: strided copies, fills and lookups along an axis. */
#ifndef OCTET_COPY_H
#define OCTET_COPY_H

#include "walk.h"

/**
 * to[start + …] = from[first + …] for every element of the walk, with strides 0 (from) and 1 (to); integers change to the type of `to` by their low
 * bits, integers and floats by conversion (towards zero).
 * The DMA moves runs of elements that stay as they are.
 * Serves Transpose, Slice, Split, Concat (one for each part), Expand, Pad, Cast and changes of layout.
 */
struct copy {
  struct source from;
  struct result to;
  uint32_t first, start; /* elements before the first one, of `from` and of `to` */
  struct walk walk;
};

void copy(const struct copy *step);

/** to[i] = value, i < count; a float is given by its bits, as an int32. */
struct fill {
  struct result to;
  uint32_t count;
  int32_t value;
};

void fill(const struct fill *step);

/**
 * to[o][i][…] = table[o][indices[i]][…]: ONNX Gather.
 *
 * table: [outer, size, run] of any type    indices: [count], from -size to size - 1    to: [outer, count, run]
 * `run_bytes` is the size of the part behind the axis, which the DMA moves.
 */
struct take {
  const void *table;
  struct source indices;
  void *to;
  uint32_t outer, size, run_bytes, count;
};

void take(const struct take *step);

#endif
