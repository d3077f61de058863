/** Softmaxes and normalisations, one row after the other: see rows.h. */
#include "rows.h"

#include <stddef.h>

static uint32_t halved(uint32_t value, uint32_t times) { return times > 31 ? 0 : value >> times; }

/** A difference in octaves, rounded half up. */
ALWAYS_INLINE uint32_t octaves(uint32_t shift, int32_t difference) {
  const uint32_t d = (uint32_t)difference;
  return shift == 0 ? d : ((d >> (shift - 1)) + 1) >> 1;
}

ALWAYS_INLINE int32_t largest(const struct softmax *step, enum element element, uint32_t first, uint32_t last,
                              int32_t most) {
  for (uint32_t i = first; i < last; i++) {
    const int32_t x = load_as(step->x.data, element, i);
    if (x > most) most = x;
  }
  return most;
}

/** One row; inlined for the types and octaves that are common. */
ALWAYS_INLINE void octave_row(const struct softmax *step, enum element element, uint32_t shift, uint32_t first,
                              uint32_t last) {
  const bool streamed = step->kind == SOFTMAX_STREAMED;
  const uint32_t width = streamed ? step->width : last - first;
  int32_t max = streamed ? -128 : INT32_MIN;
  uint32_t sum = 0;
  for (uint32_t start = first; start < last; start += width) {
    const uint32_t end = last - start < width ? last : start + width;
    const int32_t next = largest(step, element, start, end, max);
    sum = sum == 0 ? 0 : halved(sum, octaves(shift, next - max));
    for (uint32_t i = start; i < end; i++) {
      sum += halved(256, octaves(shift, next - load_as(step->x.data, element, i)));
    }
    max = next;
  }
  const uint32_t inverse = (uint32_t)step->top / sum;
  for (uint32_t i = first; i < last; i++) {
    const uint32_t y = halved(inverse, octaves(shift, max - load_as(step->x.data, element, i)));
    store(&step->y, i, (int32_t)y);
  }
}

/** One row of a softmax by powers of two. */
static void powers_row(const struct softmax *step, uint32_t first, uint32_t last) {
  const bool bytes = step->x.element == ELEMENT_INT8;
  if (bytes && step->shift == 0) octave_row(step, ELEMENT_INT8, 0, first, last);
  else if (bytes && step->shift == 5) octave_row(step, ELEMENT_INT8, 5, first, last);
  else octave_row(step, step->x.element, step->shift, first, last);
}

/** 2 to the power of below / log2, up to a scale, by a polynomial of the fraction. */
static int64_t power(const struct softmax *step, int32_t below) {
  const uint32_t z = (uint32_t)-below / (uint32_t)step->log2;
  const int64_t base = below + (int64_t)z * step->log2 + step->b;
  return (base * base + step->c) >> (z > 62 ? 62 : z);
}

static void polynomial_row(const struct softmax *step, uint32_t first, uint32_t last) {
  const int32_t max = largest(step, step->x.element, first, last, INT32_MIN);
  int64_t sum = 0;
  for (uint32_t i = first; i < last; i++) sum += power(step, load(&step->x, i) - max);
  for (uint32_t i = first; i < last; i++) {
    const int64_t scaled = power(step, load(&step->x, i) - max) * step->top;
    const bool narrow = (scaled | sum) >> 31 == 0;
    const uint32_t y = sum == 0 ? 0 : narrow ? (uint32_t)scaled / (uint32_t)sum : (uint32_t)(scaled / sum);
    store(&step->y, i, (int32_t)y);
  }
}

void softmax(const struct softmax *step) {
  const struct share share = share_of(step->rows);
  for (uint32_t r = share.first; r < share.last; r++) {
    const uint32_t first = r * step->columns, last = first + step->columns;
    if (step->kind == SOFTMAX_POLYNOMIAL) polynomial_row(step, first, last);
    else powers_row(step, first, last);
  }
}

/** The largest integer whose square is not above `value`; value > 0. */
static int64_t root(int64_t value) {
  int64_t result = 0;
  for (int64_t bit = (int64_t)1 << 31; bit > 0; bit >>= 1) {
    const int64_t trial = result + bit;
    if (trial * trial <= value) result = trial;
  }
  return result;
}

void norm(const struct norm *step) {
  const uint32_t columns = step->columns;
  const struct share share = share_of(step->rows);
  for (uint32_t r = share.first; r < share.last; r++) {
    const uint32_t first = r * columns;
    int64_t sum = 0, squares = 0;
    for (uint32_t c = 0; step->centred && c < columns; c++) sum += load(&step->x, first + c);
    const int64_t mean = sum / columns;
    for (uint32_t c = 0; c < columns; c++) {
      const int64_t d = load(&step->x, first + c) - mean;
      squares += d * d;
    }
    const int64_t size = root(squares / columns + 1);
    for (uint32_t c = 0; c < columns; c++) {
      const int64_t scaled = (load(&step->x, first + c) - mean) * step->weight[c];
      const bool narrow = scaled == (int32_t)scaled && size == (int32_t)size;
      const int64_t quotient = narrow ? (int32_t)scaled / (int32_t)size : scaled / size;
      const int64_t shifted = quotient + (step->bias == NULL ? 0 : step->bias[c]);
      store(&step->y, first + c, clipped(floor_divided(shifted, step->div), step->least, step->most));
    }
  }
}
