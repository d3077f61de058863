/** Moving elements: see copy.h. */
#include "copy.h"

static void move_bytes(uint8_t *to, const uint8_t *from, uint32_t bytes) {
  if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0) {
    for (; bytes >= 4; bytes -= 4, to += 4, from += 4) *(uint32_t *)to = *(const uint32_t *)from;
  }
  for (; bytes > 0; bytes--) *to++ = *from++;
}

static uint32_t width_of(enum element element) {
  return element == ELEMENT_INT8 || element == ELEMENT_UINT8 ? 1 : element == ELEMENT_INT16 ? 2 : 4;
}

/** One element from one type to another; floats are copied as words where both are floats. */
static void convert(const struct source *from, uint32_t i, const struct result *to, uint32_t k) {
  if (from->element == to->element) {
    store(to, k, load(from, i));
  } else if (to->element == ELEMENT_FLOAT32) {
    ((float *)to->data)[k] = (float)load(from, i);
  } else if (from->element == ELEMENT_FLOAT32) {
    store(to, k, (int32_t)((const float *)from->data)[i]);
  } else {
    store(to, k, load(from, i));
  }
}

void copy(const struct copy *step) {
  const struct walk *walk = &step->walk;
  const struct share share = share_of(walk_count(walk));
  if (share.first == share.last) return;
  const int32_t from_step = walk->step[0][walk->rank - 1], to_step = walk->step[1][walk->rank - 1];
  const uint32_t width = width_of(step->to.element);
  const int whole = from_step == 1 && to_step == 1 && step->from.element == step->to.element;
  struct position at;
  walk_seek(walk, share.first, &at);
  for (uint32_t left = share.last - share.first; left > 0;) {
    const uint32_t run = walk_run(walk, &at, left);
    uint32_t from = step->first + at.offset[0], to = step->start + at.offset[1];
    if (whole) {
      move_bytes((uint8_t *)step->to.data + to * width, (const uint8_t *)step->from.data + from * width, run * width);
    } else {
      for (uint32_t i = 0; i < run; i++, from += (uint32_t)from_step, to += (uint32_t)to_step) {
        convert(&step->from, from, &step->to, to);
      }
    }
    walk_advance(walk, run, &at);
    left -= run;
  }
}

void fill(const struct fill *step) {
  const struct share share = share_of(step->count);
  for (uint32_t i = share.first; i < share.last; i++) store(&step->to, i, step->value);
}

void take(const struct take *step) {
  const struct share share = share_of(step->outer * step->count);
  for (uint32_t i = share.first; i < share.last; i++) {
    const uint32_t outer = i / step->count;
    const int32_t index = load(&step->indices, i % step->count);
    const uint32_t row = outer * step->size + (uint32_t)(index < 0 ? index + (int32_t)step->size : index);
    move_bytes((uint8_t *)step->to + i * step->run_bytes, (const uint8_t *)step->table + row * step->run_bytes,
               step->run_bytes);
  }
}
