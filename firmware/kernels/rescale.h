/** Requantisation: clip(floor((x * mul + add) / div)), the last step of every integer product of the PULP dialect. */
#ifndef OCTET_RESCALE_H
#define OCTET_RESCALE_H

#include <stdbool.h>

#include "walk.h"

/** The constants. `x * mul + add` must fit 64 bits. */
struct rescaling {
  const int32_t *mul;
  const int64_t *add;
  int64_t div;      /* > 0; used where it is no power of two: shift < 0 */
  int32_t shift;    /* log2(div), or -1 */
  int32_t least, most;
  bool narrow;      /* shift is 0 .. 31, and x * mul + add fits 32 bits for every x there is */
};

ALWAYS_INLINE int32_t rescaled(const struct rescaling *by, int32_t x, int32_t mul, int64_t add) {
  if (by->narrow) {
    const int32_t y = (x * mul + (int32_t)add) >> by->shift;
    return y < by->least ? by->least : y > by->most ? by->most : y;
  }
  const int64_t sum = (int64_t)x * mul + add;
  return clipped(by->shift >= 0 ? sum >> by->shift : floor_divided(sum, by->div), by->least, by->most);
}

/** The same with the constants of channel `m` (mul) and `a` (add). */
ALWAYS_INLINE int32_t rescaled_at(const struct rescaling *by, int32_t x, uint32_t m, uint32_t a) {
  return rescaled(by, x, by->mul[m], by->add[a]);
}

/**
 * y[i] = clip(floor((x[i] * mul[..] + add[..]) / div)): RequantShift, iNoNorm.
 *
 * x: integers, dense    y: int8 or uint8, dense, of the shape of x
 * walk: the shape, with the strides of x (and y), mul and add, so that constants are per tensor, per channel or per element
 */
struct rescale {
  struct source x;
  struct result y;
  struct rescaling by;
  struct walk walk;
};

void rescale(const struct rescale *step);

#endif
