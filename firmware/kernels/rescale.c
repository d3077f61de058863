/** Requantisation of a tensor: see rescale.h. */
#include "rescale.h"

/** One run along the last axis; inlined once for each type of x. */
ALWAYS_INLINE void rescale_run(const struct rescale *step, enum element element, const struct position *at, uint32_t run) {
  const struct rescaling *by = &step->by;
  const uint32_t last = step->walk.rank - 1;
  const uint32_t mul_step = (uint32_t)step->walk.step[1][last], add_step = (uint32_t)step->walk.step[2][last];
  uint32_t i = at->offset[0], m = at->offset[1], a = at->offset[2];
  for (uint32_t n = 0; n < run; n++, i++, m += mul_step, a += add_step) {
    ((uint8_t *)step->y.data)[i] = (uint8_t)rescaled_at(by, load_as(step->x.data, element, i), m, a);
  }
}

void rescale(const struct rescale *step) {
  const struct walk *walk = &step->walk;
  const struct share share = share_of(walk_count(walk));
  if (share.first == share.last) return;
  struct position at;
  walk_seek(walk, share.first, &at);
  for (uint32_t left = share.last - share.first; left > 0;) {
    const uint32_t run = walk_run(walk, &at, left);
    switch (step->x.element) {
      case ELEMENT_INT8: rescale_run(step, ELEMENT_INT8, &at, run); break;
      case ELEMENT_UINT8: rescale_run(step, ELEMENT_UINT8, &at, run); break;
      case ELEMENT_INT16: rescale_run(step, ELEMENT_INT16, &at, run); break;
      default: rescale_run(step, ELEMENT_INT32, &at, run); break;
    }
    walk_advance(walk, run, &at);
    left -= run;
  }
}
