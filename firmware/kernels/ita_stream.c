/** The loop that works through a list of transfers and jobs: see ita_stream.h. */
#include "ita_stream.h"

#include <stddef.h>

#include "cluster.h"
#include "dma.h"
#include "perf.h"

enum { PAGE_BYTES = STREAM_PAGE_WORDS * sizeof(uintptr_t) };

static dma_txid start_transfer(const uintptr_t *words) {
  void *const destination = (void *)words[0];
  const void *const source = (const void *)words[1];
  const uint32_t shape = (uint32_t)words[2], source_pitch = shape >> 16;
  if (source_pitch == 0) return dma_copy(destination, source, shape);
  return dma_copy_2d(destination, source, ITA_TILE, (uint16_t)shape, source_pitch, ITA_TILE);
}

void ita_stream(const struct ita_stream *stream) {
  if (!drives()) return;
  const uintptr_t *list = stream->list; /* the page to be fetched next */
  uintptr_t *page = stream->l1, *other = stream->l1 + STREAM_PAGE_WORDS;
  dma_txid latest = dma_copy(page, list, PAGE_BYTES);
  dma_wait(latest);
  list += STREAM_PAGE_WORDS;
  latest = dma_copy(other, list, PAGE_BYTES);
  list += STREAM_PAGE_WORDS;

  const uintptr_t *at = page;
  uint32_t step = UINT32_MAX;
  for (;;) {
    const uint32_t head = (uint32_t)*at++;
    const uint32_t pending = head >> 16 & 0xff, flags = head >> 24;
    if (!(flags & STREAM_PAGE)) ita_wait(head >> 8 & 0xff);
    for (uint32_t n = head & 0xff; n > 0; n--) {
      latest = start_transfer(at);
      at += 3;
    }
    if (pending != STREAM_ANY) dma_wait(latest - pending);
    if (flags & STREAM_LAYER) {
      ita_put_layer(at);
      at += ITA_LAYER_WORDS;
    }
    if (flags & STREAM_MARK) {
      if (step != UINT32_MAX) mark_end(step);
      step = (uint32_t)*at++;
      mark_begin(step);
    }
    if (flags & STREAM_JOB) {
      ita_put_job(at);
      at += ITA_JOB_WORDS;
    } else if (flags & STREAM_PAGE) {
      uintptr_t *const read = page;
      page = other;
      other = read;
      at = page;
      latest = dma_copy(other, list, PAGE_BYTES);
      list += STREAM_PAGE_WORDS;
    } else {
      break;
    }
  }
  dma_wait(latest);
  if (step != UINT32_MAX) mark_end(step);
}
