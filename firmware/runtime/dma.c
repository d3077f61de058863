/** Transfers through the memory-mapped DMA; every hart has its own copy of the registers and its own queue. */
#include "dma.h"

#include "event.h"
#include "mmio.h"
#include "octet_dma.h"
#include "octet_map.h"

/** Takes an id from a LAUNCH register; sleeps while the hart's queue is full, which a finished transfer ends. */
static dma_txid launch(uintptr_t offset) {
  memory_fence();
  for (;;) {
    dma_txid id = mmio_load(OCTET_DMA_BASE + offset);
    if (id != DMA_QUEUE_FULL) return id;
    event_wait(EVENT_DMA);
  }
}

static void set(uintptr_t offset, uint32_t value) { mmio_store(OCTET_DMA_BASE + offset, value); }

dma_txid dma_copy(void *dst, const void *src, size_t bytes) {
  set(DMA_SRC_OFFSET, (uintptr_t)src);
  set(DMA_DST_OFFSET, (uintptr_t)dst);
  set(DMA_BYTES_OFFSET, bytes);
  return launch(DMA_LAUNCH_1D_OFFSET);
}

dma_txid dma_copy_2d(void *dst, const void *src, size_t bytes, size_t dst_stride, size_t src_stride, size_t rows) {
  set(DMA_SRC_OFFSET, (uintptr_t)src);
  set(DMA_DST_OFFSET, (uintptr_t)dst);
  set(DMA_BYTES_OFFSET, bytes);
  set(DMA_SRC_STRIDE_OFFSET, src_stride);
  set(DMA_DST_STRIDE_OFFSET, dst_stride);
  set(DMA_ROWS_OFFSET, rows);
  return launch(DMA_LAUNCH_2D_OFFSET);
}

void dma_wait(dma_txid id) {
  /* the difference is signed, so that ids may wrap */
  while ((int32_t)(mmio_load(OCTET_DMA_BASE + DMA_DONE_ID_OFFSET) - id) < 0) event_wait(EVENT_DMA);
  memory_fence();
}
