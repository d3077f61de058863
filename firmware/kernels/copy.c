/** Moving elements: see copy.h. */
#include "copy.h"

#include "dma.h"

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

/**
 * Runs of elements that stay as they are: each hart has the DMA move its share of them, as many rows of the last but one
 * axis at a time as there are.
 */
static void move_runs(const struct copy *step) {
  const struct walk *walk = &step->walk;
  const uint32_t width = width_of(step->to.element), last = walk->rank - 1, bytes = walk->size[last] * width;
  struct walk rows = *walk; /* without the last axis */
  if (last == 0) rows.size[0] = 1;
  else rows.rank = last;
  const uint32_t axis = rows.rank - 1;
  const int32_t from_step = rows.step[0][axis] * (int32_t)width, to_step = rows.step[1][axis] * (int32_t)width;
  const struct share share = share_of(walk_count(&rows));
  if (share.first == share.last) return;
  dma_txid issued = 0;
  struct position at;
  walk_seek(&rows, share.first, &at);
  for (uint32_t left = share.last - share.first; left > 0;) {
    const uint32_t run = walk_run(&rows, &at, left);
    const uint8_t *from = (const uint8_t *)step->from.data + (step->first + at.offset[0]) * width;
    uint8_t *to = (uint8_t *)step->to.data + (step->start + at.offset[1]) * width;
    if (run == 1) issued = dma_copy(to, from, bytes);
    else issued = dma_copy_2d(to, from, bytes, (size_t)to_step, (size_t)from_step, run);
    walk_advance(&rows, run, &at);
    left -= run;
  }
  dma_wait(issued);
}

void copy(const struct copy *step) {
  const struct walk *walk = &step->walk;
  const int32_t from_step = walk->step[0][walk->rank - 1], to_step = walk->step[1][walk->rank - 1];
  if (from_step == 1 && to_step == 1 && step->from.element == step->to.element) {
    move_runs(step);
    return;
  }
  const struct share share = share_of(walk_count(walk));
  if (share.first == share.last) return;
  struct position at;
  walk_seek(walk, share.first, &at);
  for (uint32_t left = share.last - share.first; left > 0;) {
    const uint32_t run = walk_run(walk, &at, left);
    uint32_t from = step->first + at.offset[0], to = step->start + at.offset[1];
    for (uint32_t i = 0; i < run; i++, from += (uint32_t)from_step, to += (uint32_t)to_step) {
      convert(&step->from, from, &step->to, to);
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
  if (share.first == share.last || step->run_bytes == 0) return;
  dma_txid issued = 0;
  for (uint32_t i = share.first; i < share.last; i++) {
    const uint32_t outer = i / step->count;
    const int32_t index = load(&step->indices, i % step->count);
    const uint32_t row = outer * step->size + (uint32_t)(index < 0 ? index + (int32_t)step->size : index);
    issued = dma_copy((uint8_t *)step->to + i * step->run_bytes, (const uint8_t *)step->table + row * step->run_bytes,
                      step->run_bytes);
  }
  dma_wait(issued);
}
