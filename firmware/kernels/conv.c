/** Convolutions, one row of outputs of four filters after the other: see conv.h. */
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

/** Filters computed together, each input being loaded once for all of them. */
enum { BLOCK_FILTERS = 4 };

/**
 * The sums of one output position: `x` and `w` are the first elements of the group's inputs and of the first filter,
 * `next` leads from one filter to the next. Inlined once for each pair of types that is common, and for 1 or 4 filters.
 */
ALWAYS_INLINE void window_sums(const struct conv *step, enum element x_type, enum element w_type, uint32_t x, uint32_t w,
                               struct areas areas, const struct window_taps taps[WINDOW_AXES], uint32_t filters,
                               uint32_t next, uint32_t *sums) {
  const struct window_axis *axis = step->axis;
  const int32_t zero = step->x_zero;
  uint32_t sum[BLOCK_FILTERS] = {0};
  for (uint32_t c = 0; c < step->inputs; c++, x += areas.x, w += areas.w) {
    for (uint32_t i = taps[0].first, x0 = taps[0].input; i < taps[0].last; i++, x0 += axis[0].dilation) {
      for (uint32_t j = taps[1].first, x1 = taps[1].input; j < taps[1].last; j++, x1 += axis[1].dilation) {
        uint32_t from = x + (x0 * axis[1].size + x1) * axis[2].size + taps[2].input;
        const uint32_t row = w + (i * axis[1].kernel + j) * axis[2].kernel;
        for (uint32_t k = taps[2].first; k < taps[2].last; k++, from += axis[2].dilation) {
          const uint32_t value = (uint32_t)(load_as(step->x.data, x_type, from) - zero);
#pragma GCC unroll 4
          for (uint32_t f = 0; f < filters; f++) {
            sum[f] += value * (uint32_t)load_as(step->w.data, w_type, row + k + f * next);
          }
        }
      }
    }
  }
#pragma GCC unroll 4
  for (uint32_t f = 0; f < filters; f++) sums[f] = sum[f];
}

ALWAYS_INLINE void sums_of(const struct conv *step, uint32_t x, uint32_t w, struct areas areas,
                           const struct window_taps taps[WINDOW_AXES], uint32_t filters, uint32_t *sums) {
  const enum element left = step->x.element, right = step->w.element;
  const uint32_t next = step->inputs * areas.w;
  if (left == ELEMENT_INT8 && right == ELEMENT_INT8) {
    window_sums(step, ELEMENT_INT8, ELEMENT_INT8, x, w, areas, taps, filters, next, sums);
  } else if (left == ELEMENT_UINT8 && right == ELEMENT_INT8) {
    window_sums(step, ELEMENT_UINT8, ELEMENT_INT8, x, w, areas, taps, filters, next, sums);
  } else {
    window_sums(step, left, right, x, w, areas, taps, filters, next, sums);
  }
}

/** Element i of the result from the sum of filter `filter`. */
static void finish(const struct conv *step, uint32_t filter, uint32_t i, uint32_t sum) {
  if (step->bias.data != NULL) sum += (uint32_t)load(&step->bias, filter);
  if (step->by.mul == NULL) {
    ((uint32_t *)step->y.data)[i] = sum;
  } else {
    const int32_t y = rescaled_at(&step->by, (int32_t)sum, filter * step->mul_step, filter * step->add_step);
    ((uint8_t *)step->y.data)[i] = (uint8_t)y;
  }
}

void conv(const struct conv *step) {
  const struct window_axis *axis = step->axis;
  const struct areas areas = areas_of(step);
  const uint32_t rows = axis[0].outputs * axis[1].outputs, columns = axis[2].outputs;
  const uint32_t blocks = (step->outputs + BLOCK_FILTERS - 1) / BLOCK_FILTERS;
  const struct share share = share_of(step->batch * step->groups * blocks * rows);
  for (uint32_t r = share.first; r < share.last; r++) {
    const uint32_t row = r % rows, first = r / rows % blocks * BLOCK_FILTERS, group = r / rows / blocks; /* of all batches */
    const uint32_t count = step->outputs - first < BLOCK_FILTERS ? step->outputs - first : BLOCK_FILTERS;
    const uint32_t filter = group % step->groups * step->outputs + first, x = group * step->inputs * areas.x;
    const uint32_t w = filter * step->inputs * areas.w, y = ((group * step->outputs + first) * rows + row) * columns;
    struct window_taps taps[WINDOW_AXES] = {window_taps(&axis[0], row / axis[1].outputs),
                                            window_taps(&axis[1], row % axis[1].outputs)};
    for (uint32_t o = 0; o < columns; o++) {
      taps[2] = window_taps(&axis[2], o);
      uint32_t sums[BLOCK_FILTERS];
      if (count == BLOCK_FILTERS) {
        sums_of(step, x, w, areas, taps, BLOCK_FILTERS, sums);
      } else {
        for (uint32_t f = 0; f < count; f++) {
          sums_of(step, x, w + f * step->inputs * areas.w, areas, taps, 1, sums + f);
        }
      }
      for (uint32_t f = 0; f < count; f++) finish(step, filter + f, y + f * rows * columns + o, sums[f]);
    }
  }
}
