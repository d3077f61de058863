/** Sums over tensors in DRAM: the double-buffered block loop around sum_block. */
#include "cluster.h"
#include "dma.h"
#include "sum.h"

static uint32_t rows_of(const struct sum_rows *sum, uint32_t block) {
  const uint32_t first = block * sum->block_rows;
  return sum->rows - first < sum->block_rows ? sum->rows - first : sum->block_rows;
}

/** The half of the double buffers that a block uses: bytes from their start. */
static uint32_t half(const struct sum_rows *sum, uint32_t block) {
  return block % 2 * sum->block_rows * sum->columns;
}

static int8_t *term_l1(const struct sum_rows *sum, uint32_t term, uint32_t block) {
  return sum->terms_l1 + 2 * term * sum->block_rows * sum->columns + half(sum, block);
}

static dma_txid copy_rows(int8_t *dst, const int8_t *src, uint32_t columns, uint32_t dst_pitch, uint32_t src_pitch,
                          uint32_t rows) {
  if (dst_pitch == columns && src_pitch == columns) return dma_copy(dst, src, rows * columns);
  return dma_copy_2d(dst, src, columns, dst_pitch, src_pitch, rows);
}

static dma_txid load_block(const struct sum_rows *sum, uint32_t block) {
  dma_txid id = 0;
  for (uint32_t t = 0; t < sum->count; t++) {
    const struct sum_term *term = &sum->terms[t];
    id = copy_rows(term_l1(sum, t, block), term->dram + block * sum->block_rows * term->pitch, sum->columns,
                   sum->columns, term->pitch, rows_of(sum, block));
  }
  return id;
}

static dma_txid store_block(const struct sum_rows *sum, uint32_t block) {
  return copy_rows(sum->out + block * sum->block_rows * sum->out_pitch, sum->out_l1 + half(sum, block), sum->columns,
                   sum->out_pitch, sum->columns, rows_of(sum, block));
}

void sum_rows(const struct sum_rows *sum) {
  const uint32_t blocks = (sum->rows + sum->block_rows - 1) / sum->block_rows;
  struct sum_scaling scaling = sum->scaling;
  dma_txid issued = 0;
  if (scaling.per_column) {
    scaling.scale = sum->scale_l1;
    scaling.offset = sum->offset_l1;
    if (drives()) {
      dma_copy(sum->scale_l1, sum->scaling.scale, sum->columns * sizeof(int32_t));
      dma_copy(sum->offset_l1, sum->scaling.offset, sum->columns * sizeof(int32_t));
    }
  }
  if (drives()) issued = load_block(sum, 0);

  for (uint32_t n = 0; n < blocks; n++) {
    /* Behind this barrier block n has arrived, block n - 2 has left, and all harts are done with block n - 1. */
    if (drives()) dma_wait(issued);
    cluster_barrier();
    if (drives()) {
      if (n > 0) issued = store_block(sum, n - 1);
      if (n + 1 < blocks) issued = load_block(sum, n + 1);
    }
    struct sum_block block = {.count = sum->count, .out = sum->out_l1 + half(sum, n), .rows = rows_of(sum, n),
                              .columns = sum->columns};
    for (uint32_t t = 0; t < sum->count; t++) block.terms[t] = term_l1(sum, t, n);
    if (works()) sum_block(&block, &scaling, hart_id(), worker_count());
  }
  cluster_barrier();
  if (drives()) dma_wait(store_block(sum, blocks - 1));
}
