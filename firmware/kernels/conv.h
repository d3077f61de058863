/** Convolutions of integers in main memory, of one to three spatial axes, grouped and depthwise ones included. */
#ifndef OCTET_CONV_H
#define OCTET_CONV_H

#include "rescale.h"
#include "window.h"

/**
 * y[n][m] = bias[m] + Σ (x[n][c] - x_zero) * w[m][c], padding counting as x_zero: Conv, ConvInteger.
 *
 * x: integers [batch, groups * inputs, …]    w: integers [groups * outputs, inputs, …]    bias: integers [groups * outputs], data NULL for none
 * y: [batch, groups * outputs, …] dense: int32, sums modulo 2^32; with by.mul not NULL int8 or uint8, requantised, its
 *    constants mul_step and add_step apart from filter to filter
 * Axes that are not there have size, kernel and outputs 1. Each hart computes an equal share of the rows of y, of four filters at a time.
 */
struct conv {
  struct source x, w, bias;
  struct result y;
  uint32_t batch, groups, inputs, outputs;
  struct window_axis axis[WINDOW_AXES];
  int32_t x_zero;
  struct rescaling by;
  uint32_t mul_step, add_step;
};

void conv(const struct conv *step);

#endif
