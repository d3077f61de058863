/** Poolings and reductions of integers in main memory. */
#ifndef OCTET_POOL_H
#define OCTET_POOL_H

#include <stdbool.h>

#include "quantize.h"
#include "walk.h"
#include "window.h"

enum pooling { POOL_MAX, POOL_MEAN, POOL_QUANTIZED_MEAN };

/**
 * One result for each channel and window: the largest element, or the mean, rounded half up.
 *
 * x: integers [channels, …], batch and channels counted together    y: type of x, [channels, …], dense
 * Padding takes no part, but counts as elements of a mean where `include_pad`.
 * POOL_QUANTIZED_MEAN: y = clip(even(mean(x - x_zero) * ratio) + y_zero) in single precision, the mean as in double.
 */
struct pool {
  struct source x;
  struct result y;
  enum pooling kind;
  bool include_pad;
  uint32_t channels;
  struct window_axis axis[WINDOW_AXES];
  int32_t x_zero;
  float ratio;
  struct levels levels;
};

void pool(const struct pool *step);

/**
 * y[i] = Σ x over some axes, modulo 2^32, or its mean rounded half up, 0 without elements: ReduceSum, ReduceMean, IntegerMean.
 *
 * kept: sizes of the axes that stay, with the strides of x; y is dense over them
 * gone: sizes of the axes that are summed over, with the strides of x
 */
struct reduce {
  struct source x;
  struct result y;
  struct walk kept, gone;
  bool mean;
};

void reduce(const struct reduce *step);

#endif
