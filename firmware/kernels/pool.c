/** Windows and axes reduced to one element each: see pool.h. */
#include "pool.h"

/** The quotient rounded half up; terms > 0. */
static int32_t rounded_mean(int64_t sum, uint32_t terms) {
  return (int32_t)floor_divided(2 * sum + terms, 2 * (int64_t)terms);
}

void pool(const struct pool *step) {
  const struct window_axis *axis = step->axis;
  const uint32_t rows = axis[0].outputs * axis[1].outputs, area = axis[0].size * axis[1].size * axis[2].size;
  const uint32_t all = axis[0].kernel * axis[1].kernel * axis[2].kernel;
  const struct share share = share_of(step->channels * rows);
  for (uint32_t r = share.first; r < share.last; r++) {
    const uint32_t row = r % rows, channel = r / rows * area;
    const struct window_taps outer = window_taps(&axis[0], row / axis[1].outputs);
    const struct window_taps middle = window_taps(&axis[1], row % axis[1].outputs);
    for (uint32_t o = 0; o < axis[2].outputs; o++) {
      const struct window_taps inner = window_taps(&axis[2], o);
      int32_t most = INT32_MIN;
      int64_t sum = 0;
      uint32_t inside = 0;
      for (uint32_t i = outer.first, x0 = outer.input; i < outer.last; i++, x0 += axis[0].dilation) {
        for (uint32_t j = middle.first, x1 = middle.input; j < middle.last; j++, x1 += axis[1].dilation) {
          uint32_t from = channel + (x0 * axis[1].size + x1) * axis[2].size + inner.input;
          for (uint32_t k = inner.first; k < inner.last; k++, from += axis[2].dilation, inside++) {
            const int32_t value = load(&step->x, from) - step->x_zero;
            sum += value;
            if (value > most) most = value;
          }
        }
      }
      const uint32_t terms = step->include_pad ? all : inside, to = r * axis[2].outputs + o;
      if (step->kind == POOL_MAX) store(&step->y, to, most);
      else if (step->kind == POOL_MEAN) store(&step->y, to, rounded_mean(sum, terms));
      else store(&step->y, to, quantized((float)((double)sum / (double)terms) * step->ratio, &step->levels));
    }
  }
}

void reduce(const struct reduce *step) {
  const uint32_t terms = walk_count(&step->gone), run = step->gone.size[step->gone.rank - 1];
  const uint32_t stride = (uint32_t)step->gone.step[0][step->gone.rank - 1];
  const struct share share = share_of(walk_count(&step->kept));
  struct position at;
  for (uint32_t i = share.first; i < share.last; i++) {
    walk_seek(&step->kept, i, &at);
    const uint32_t start = at.offset[0];
    int64_t sum = 0;
    struct position inner;
    if (terms > 0) walk_seek(&step->gone, 0, &inner);
    for (uint32_t done = 0; done < terms; done += run) {
      uint32_t from = start + inner.offset[0];
      for (uint32_t k = 0; k < run; k++, from += stride) sum += load(&step->x, from);
      walk_advance(&step->gone, run, &inner);
    }
    store(&step->y, i, step->mean && terms > 0 ? rounded_mean(sum, terms) : (int32_t)sum);
  }
}
