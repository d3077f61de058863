/** Table lookups by DMA: see gather.h. */
#include "gather.h"

#include "cluster.h"
#include "dma.h"

static void clear_words(int8_t *at, uint32_t bytes) {
  uint32_t *word = (uint32_t *)at;
  for (uint32_t i = 0; i < bytes / 4; i++) word[i] = 0;
}

void gather_rows(const struct gather_rows *gather) {
  const uint32_t hart = hart_id(), harts = hart_count();
  const uint32_t first = gather->rows * hart / harts, last = gather->rows * (hart + 1) / harts;
  dma_txid issued = 0;
  for (uint32_t s = first; s < last; s++) {
    int8_t *out = gather->out + s * gather->out_pitch;
    for (uint32_t part = 0; part < gather->parts; part++, out += gather->row_bytes) {
      const uint32_t position = s + (uint32_t)gather->offset[part]; /* wraps to a large value below 0 */
      if (position < gather->rows) {
        issued = dma_copy(out, gather->table + (uint32_t)gather->ids[position] * gather->row_bytes, gather->row_bytes);
      } else {
        clear_words(out, gather->row_bytes);
      }
    }
  }
  dma_wait(issued);
}
