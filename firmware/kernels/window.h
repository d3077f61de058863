/** Windows of convolutions and poolings along up to three spatial axes. */
#ifndef OCTET_WINDOW_H
#define OCTET_WINDOW_H

#include <stdint.h>

enum { WINDOW_AXES = 3 };

/** One spatial axis: output o covers inputs o * stride - before + k * dilation, k < kernel, of 0 .. size - 1. */
struct window_axis {
  uint32_t size, kernel, stride, dilation, before, outputs;
};

/** Taps first <= k < last of a window that lie inside the input, and the input under the first. */
struct window_taps {
  uint32_t first, last, input;
};

static inline struct window_taps window_taps(const struct window_axis *axis, uint32_t output) {
  const int32_t start = (int32_t)(output * axis->stride) - (int32_t)axis->before, dilation = (int32_t)axis->dilation;
  const int32_t size = (int32_t)axis->size;
  const int32_t first = start < 0 ? (dilation - 1 - start) / dilation : 0;
  const int32_t room = start < size ? (size - start + dilation - 1) / dilation : 0;
  const int32_t last = room < (int32_t)axis->kernel ? room : (int32_t)axis->kernel;
  if (first >= last) return (struct window_taps){0, 0, 0};
  return (struct window_taps){(uint32_t)first, (uint32_t)last, (uint32_t)(start + first * dilation)};
}

#endif
