/** The DMA on the host: transfers are done when they are started. */
#include "dma.h"

#include <string.h>

dma_txid dma_copy(void *dst, const void *src, size_t bytes) { return dma_copy_2d(dst, src, bytes, 0, 0, 1); }

dma_txid dma_copy_2d(void *dst, const void *src, size_t bytes, size_t dst_stride, size_t src_stride, size_t rows) {
  for (size_t r = 0; r < rows; r++) memcpy((char *)dst + r * dst_stride, (const char *)src + r * src_stride, bytes);
  return 0;
}

void dma_wait(dma_txid id) { (void)id; }
