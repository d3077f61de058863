/** Walking over the elements of a shape while offsets into several tensors, each with strides of its own, follow. */
#ifndef OCTET_WALK_H
#define OCTET_WALK_H

#include "element.h"

enum { WALK_MAX_RANK = 8, WALK_MAX_TENSORS = 3 };

/** Sizes of the axes, outermost first, and for each tensor the elements from one index of an axis to the next. */
struct walk {
  uint32_t rank; /* 1 .. WALK_MAX_RANK */
  uint32_t size[WALK_MAX_RANK];
  int32_t step[WALK_MAX_TENSORS][WALK_MAX_RANK];
};

/** Where a walk is: the index along each axis but the last, and the offset into each tensor at the start of the run. */
struct position {
  uint32_t index[WALK_MAX_RANK];
  uint32_t offset[WALK_MAX_TENSORS];
};

/** Elements of the whole walk. */
static inline uint32_t walk_count(const struct walk *walk) {
  uint32_t count = 1;
  for (uint32_t d = 0; d < walk->rank; d++) count *= walk->size[d];
  return count;
}

/** The position of element `at`, counted row by row. */
static inline void walk_seek(const struct walk *walk, uint32_t at, struct position *to) {
  for (uint32_t t = 0; t < WALK_MAX_TENSORS; t++) to->offset[t] = 0;
  for (uint32_t d = walk->rank; d-- > 0;) {
    to->index[d] = at % walk->size[d];
    at /= walk->size[d];
    for (uint32_t t = 0; t < WALK_MAX_TENSORS; t++) to->offset[t] += to->index[d] * (uint32_t)walk->step[t][d];
  }
}

/** Advances by `count` elements, which must not go beyond the end of the last axis. */
static inline void walk_advance(const struct walk *walk, uint32_t count, struct position *at) {
  uint32_t d = walk->rank - 1;
  at->index[d] += count;
  for (uint32_t t = 0; t < WALK_MAX_TENSORS; t++) at->offset[t] += count * (uint32_t)walk->step[t][d];
  while (d > 0 && at->index[d] == walk->size[d]) {
    for (uint32_t t = 0; t < WALK_MAX_TENSORS; t++) {
      at->offset[t] += (uint32_t)walk->step[t][d - 1] - walk->size[d] * (uint32_t)walk->step[t][d];
    }
    at->index[d] = 0;
    at->index[--d]++;
  }
}

/** Elements from a position to the end of its last axis, at most `left`. */
static inline uint32_t walk_run(const struct walk *walk, const struct position *at, uint32_t left) {
  const uint32_t run = walk->size[walk->rank - 1] - at->index[walk->rank - 1];
  return run < left ? run : left;
}

#endif
