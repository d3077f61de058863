/** The double-buffered loop over blocks: see blocks.h. */
#include "blocks.h"

#include <stddef.h>

#include "cluster.h"

/** Units first <= i < first + count of a window; `before` more were cut off in front. */
struct run {
  uint32_t first, count, before;
};

static struct run run_of(const struct block_window *window, const uint32_t *index) {
  const uint32_t start = index[window->loop] * window->step;
  const uint32_t before = start < window->before ? window->before - start : 0;
  const uint32_t first = start + before - window->before, end = start + window->length - window->before;
  const uint32_t last = (int32_t)end < 0 ? 0 : end < window->extent ? end : window->extent;
  return (struct run){first, first < last ? last - first : 0, before};
}

static struct block_view view_of(const struct block_stream *stream, const uint32_t *index, void *data) {
  const struct run rows = run_of(&stream->rows, index), bytes = run_of(&stream->bytes, index);
  return (struct block_view){data, rows.count, bytes.count, rows.before, bytes.before};
}

/** Starts to move the part of `index` between DRAM and `l1`. Returns the id of the latest transfer. */
static dma_txid transfer(const struct blocks *blocks, const struct block_stream *stream, const uint32_t *index, uint8_t *l1,
                         dma_txid issued) {
  const struct run rows = run_of(&stream->rows, index), bytes = run_of(&stream->bytes, index);
  uint8_t *dram = (uint8_t *)stream->dram + rows.first * stream->pitch + bytes.first;
  for (uint32_t l = 0; l < blocks->loops; l++) dram += index[l] * stream->batch[l];
  if (rows.count == 0 || bytes.count == 0) return issued;
  const bool load = stream->direction == BLOCK_LOAD;
  uint8_t *const to = load ? l1 : dram, *const from = load ? dram : l1;
  if (rows.count == 1 || stream->pitch == bytes.count) return dma_copy(to, from, rows.count * bytes.count);
  return dma_copy_2d(to, from, bytes.count, load ? bytes.count : stream->pitch, load ? stream->pitch : bytes.count,
                     rows.count);
}

/** Loops whose index differs from one block to the next, as a mask; `next` gets the next block's. 0: there is none. */
static uint32_t advance(const struct blocks *blocks, const uint32_t *index, uint32_t *next) {
  uint32_t changed = 0;
  bool carry = true;
  for (uint32_t l = blocks->loops; l-- > 0;) {
    next[l] = index[l];
    if (!carry || blocks->count[l] == 1) continue;
    changed |= 1u << l;
    carry = ++next[l] == blocks->count[l];
    if (carry) next[l] = 0;
  }
  return carry ? 0 : changed;
}

/** Whether a stream's part depends on one of the loops of the mask. */
static bool moves(const struct block_stream *stream, uint32_t changed) {
  if (stream->slot_bytes == 0) return false;
  if (stream->rows.step > 0 && changed >> stream->rows.loop & 1) return true;
  if (stream->bytes.step > 0 && changed >> stream->bytes.loop & 1) return true;
  for (uint32_t l = 0; l < BLOCK_MAX_LOOPS; l++) {
    if (stream->batch[l] > 0 && changed >> l & 1) return true;
  }
  return false;
}

static uint8_t *other_slot(const struct block_stream *stream, const void *data) {
  return data == stream->l1 ? stream->l1 + stream->slot_bytes : stream->l1;
}

/** The driver moves every part in one direction that `changed` concerns: of this block, or into the other slots of `index`. */
static void transfers(const struct blocks *blocks, struct block *at, enum block_direction direction, uint32_t changed,
                      const uint32_t *index) {
  for (uint32_t s = 0; s < blocks->streams; s++) {
    const struct block_stream *stream = &blocks->stream[s];
    if (stream->direction != direction || !(changed == UINT32_MAX || moves(stream, changed))) continue;
    uint8_t *const data = at->view[s].data;
    const bool ahead = direction == BLOCK_LOAD && changed != UINT32_MAX;
    at->issued = transfer(blocks, stream, index, ahead ? other_slot(stream, data) : data, at->issued);
  }
}

/* Behind the barrier the block's parts have arrived, the other slots' results have left, and no hart works on them. */
bool block_next(const struct blocks *blocks, struct block *at) {
  const bool leader = drives();
  uint32_t next[BLOCK_MAX_LOOPS] = {0}, changed = UINT32_MAX;
  if (!at->begun) {
    for (uint32_t s = 0; s < blocks->streams; s++) {
      at->view[s] = view_of(&blocks->stream[s], next, blocks->stream[s].l1);
    }
    if (leader) transfers(blocks, at, BLOCK_LOAD, UINT32_MAX, next);
  } else {
    changed = advance(blocks, at->index, next);
  }
  if (leader) dma_wait(at->issued);
  cluster_barrier();
  if (changed == 0) {
    if (leader) {
      transfers(blocks, at, BLOCK_STORE, UINT32_MAX, at->index);
      dma_wait(at->issued);
    }
    return false;
  }
  if (at->begun) {
    if (leader) transfers(blocks, at, BLOCK_STORE, changed, at->index);
    for (uint32_t s = 0; s < blocks->streams; s++) {
      const struct block_stream *stream = &blocks->stream[s];
      if (moves(stream, changed)) at->view[s] = view_of(stream, next, other_slot(stream, at->view[s].data));
    }
    for (uint32_t l = 0; l < blocks->loops; l++) at->index[l] = next[l];
  }
  at->begun = true;
  if (leader) {
    changed = advance(blocks, at->index, next);
    if (changed != 0) transfers(blocks, at, BLOCK_LOAD, changed, next);
  }
  return true;
}
