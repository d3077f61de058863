/** Convolutions, one row of outputs after the other: see conv.h. */
#include "conv.h"

#include <stddef.h>

/** Elements from one input (`x`) and one filter (`w`) channel to the next. */
struct areas {
  uint32_t x, w;
};

static struct areas areas_of(const struct conv *step) {
  struct areas areas = {1, 1};
  for (uint32_t d = 0; d < WINDOW_AXES; d++) {
    areas.x *= step->axis[d].size;
    areas.w *= step->axis[d].kernel;
  }
  return areas;
}

/** The sum of one output: `x` and `w` are the first elements of the group's inputs and of the filter. */
ALWAYS_INLINE uint32_t window_sum(const struct conv *step, enum element x_type, enum element w_type, uint32_t x, uint32_t w,
                                  struct areas areas, const struct window_taps taps[WINDOW_AXES]) {
  const struct window_axis *axis = step->axis;
  const int32_t zero = step->x_zero;
  uint32_t sum = 0;
  for (uint32_t c = 0; c < step->inputs; c++, x += areas.x, w += areas.w) {
    for (uint32_t i = taps[0].first, x0 = taps[0].input; i < taps[0].last; i++, x0 += axis[0].dilation) {
      for (uint32_t j = taps[1].first, x1 = taps[1].input; j < taps[1].last; j++, x1 += axis[1].dilation) {
        uint32_t from = x + (x0 * axis[1].size + x1) * axis[2].size + taps[2].input;
        const uint32_t row = w + (i * axis[1].kernel + j) * axis[2].kernel;
        for (uint32_t k = taps[2].first; k < taps[2].last; k++, from += axis[2].dilation) {
          sum += (uint32_t)(load_as(step->x.data, x_type, from) - zero) * (uint32_t)load_as(step->w.data, w_type, row + k);
        }
      }
    }
  }
  return sum;
}

static uint32_t sum_at(const struct conv *step, uint32_t x, uint32_t w, struct areas areas,
                       const struct window_taps taps[WINDOW_AXES]) {
  const enum element left = step->x.element, right = step->w.element;
  if (left == ELEMENT_INT8 && right == ELEMENT_INT8) return window_sum(step, ELEMENT_INT8, ELEMENT_INT8, x, w, areas, taps);
  if (left == ELEMENT_UINT8 && right == ELEMENT_INT8) return window_sum(step, ELEMENT_UINT8, ELEMENT_INT8, x, w, areas, taps);
  return window_sum(step, left, right, x, w, areas, taps);
}

void conv(const struct conv *step) {
  const struct window_axis *axis = step->axis;
  const struct areas areas = areas_of(step);
  const uint32_t filters = step->groups * step->outputs, rows = axis[0].outputs * axis[1].outputs;
  const struct share share = share_of(step->batch * filters * rows);
  for (uint32_t r = share.first; r < share.last; r++) {
    const uint32_t row = r % rows, filter = r / rows % filters, n = r / rows / filters;
    const uint32_t x = (n * step->groups + filter / step->outputs) * step->inputs * areas.x;
    const uint32_t bias = step->bias.data == NULL ? 0 : (uint32_t)load(&step->bias, filter);
    struct window_taps taps[WINDOW_AXES] = {window_taps(&axis[0], row / axis[1].outputs),
                                            window_taps(&axis[1], row % axis[1].outputs)};
    for (uint32_t o = 0; o < axis[2].outputs; o++) {
      taps[2] = window_taps(&axis[2], o);
      const uint32_t sum = bias + sum_at(step, x, filter * step->inputs * areas.w, areas, taps);
      const uint32_t i = r * axis[2].outputs + o;
      if (step->by.mul == NULL) {
        ((uint32_t *)step->y.data)[i] = sum;
      } else {
        const int32_t y = rescaled_at(&step->by, (int32_t)sum, filter * step->mul_step, filter * step->add_step);
        ((uint8_t *)step->y.data)[i] = (uint8_t)y;
      }
    }
  }
}
