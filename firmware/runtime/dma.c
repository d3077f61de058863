/**
 * Transfers through the memory-mapped DMA; every hart has its own copy of the registers and its own queue. With
 * OCTET_XDMA the hart that drives the DMA uses its instructions, and polls instead of sleeping.
 */
#include "dma.h"

#include "cluster.h"
#include "event.h"
#include "mmio.h"
#include "octet_dma.h"
#include "octet_map.h"
#ifdef OCTET_XDMA
#include "octet_xdma.h"
#endif

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
#ifdef OCTET_XDMA
  if (drives()) {
    memory_fence();
    dmsrc((intptr_t)src, 0);
    dmdst((intptr_t)dst, 0);
    return dmcpyi(bytes, 0);
  }
#endif
  set(DMA_SRC_OFFSET, (uintptr_t)src);
  set(DMA_DST_OFFSET, (uintptr_t)dst);
  set(DMA_BYTES_OFFSET, bytes);
  return launch(DMA_LAUNCH_1D_OFFSET);
}

dma_txid dma_copy_2d(void *dst, const void *src, size_t bytes, size_t dst_stride, size_t src_stride, size_t rows) {
#ifdef OCTET_XDMA
  if (drives()) {
    memory_fence();
    dmsrc((intptr_t)src, 0);
    dmdst((intptr_t)dst, 0);
    dmstr(src_stride, dst_stride);
    dmrep(rows);
    return dmcpyi(bytes, 2);
  }
#endif
  set(DMA_SRC_OFFSET, (uintptr_t)src);
  set(DMA_DST_OFFSET, (uintptr_t)dst);
  set(DMA_BYTES_OFFSET, bytes);
  set(DMA_SRC_STRIDE_OFFSET, src_stride);
  set(DMA_DST_STRIDE_OFFSET, dst_stride);
  set(DMA_ROWS_OFFSET, rows);
  return launch(DMA_LAUNCH_2D_OFFSET);
}

void dma_wait(dma_txid id) {
  /* the differences are signed, so that ids may wrap */
#ifdef OCTET_XDMA
  if (drives()) {
    while ((int32_t)(dmstati(0) - id) < 0) {
    }
    memory_fence();
    return;
  }
#endif
  while ((int32_t)(mmio_load(OCTET_DMA_BASE + DMA_DONE_ID_OFFSET) - id) < 0) event_wait(EVENT_DMA);
  memory_fence();
}
