/** Tensors of the kernels for main memory: elements of one type, row-major; and each hart's share of the work. */
#ifndef OCTET_ELEMENT_H
#define OCTET_ELEMENT_H

#include <stdint.h>

#include "cluster.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum element { ELEMENT_INT8, ELEMENT_UINT8, ELEMENT_INT16, ELEMENT_INT32, ELEMENT_FLOAT32 };

/** A tensor that is read. */
struct source {
  const void *data;
  enum element element;
};

/** A tensor that is written. */
struct result {
  void *data;
  enum element element;
};

/** Element i of an integer tensor. With a constant type at the call it is a single load. */
ALWAYS_INLINE int32_t load_as(const void *data, enum element element, uint32_t i) {
  switch (element) {
    case ELEMENT_INT8: return ((const int8_t *)data)[i];
    case ELEMENT_UINT8: return ((const uint8_t *)data)[i];
    case ELEMENT_INT16: return ((const int16_t *)data)[i];
    default: return ((const int32_t *)data)[i];
  }
}

/** Stores the low bits of an integer as element i. */
ALWAYS_INLINE void store_as(void *data, enum element element, uint32_t i, int32_t value) {
  switch (element) {
    case ELEMENT_INT8:
    case ELEMENT_UINT8: ((uint8_t *)data)[i] = (uint8_t)value; break;
    case ELEMENT_INT16: ((int16_t *)data)[i] = (int16_t)value; break;
    default: ((int32_t *)data)[i] = value; break;
  }
}

ALWAYS_INLINE int32_t load(const struct source *x, uint32_t i) { return load_as(x->data, x->element, i); }

ALWAYS_INLINE void store(const struct result *y, uint32_t i, int32_t value) {
  store_as(y->data, y->element, i, value);
}

ALWAYS_INLINE int32_t clipped(int64_t value, int32_t least, int32_t most) {
  return value < least ? least : value > most ? most : (int32_t)value;
}

/** The largest integer not above a / b; b > 0. */
ALWAYS_INLINE int64_t floor_divided(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient * b > a ? quotient - 1 : quotient;
}

/** Items first <= i < last of a kernel's work. */
struct share {
  uint32_t first, last;
};

/** The calling hart's share of `count` items: equal runs, one after the other. */
static inline struct share share_of(uint32_t count) {
  const uint32_t hart = hart_id(), harts = worker_count();
  if (!works()) return (struct share){count, count};
  return (struct share){(uint32_t)((uint64_t)count * hart / harts), (uint32_t)((uint64_t)count * (hart + 1) / harts)};
}

#endif
