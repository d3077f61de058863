/** The cluster's DMA engine: asynchronous 1D and 2D transfers between any two memories. */
#ifndef OCTET_DMA_H
#define OCTET_DMA_H

#include <stddef.h>
#include <stdint.h>

/** Identifies a transfer; ids of one hart complete in order. */
typedef uint32_t dma_txid;

/** Starts copying `bytes` bytes; returns at once (it waits only while the queue is full). */
dma_txid dma_copy(void *dst, const void *src, size_t bytes);

/** Starts copying `rows` rows of `bytes` bytes; consecutive rows lie `dst_stride` and `src_stride` bytes apart. */
dma_txid dma_copy_2d(void *dst, const void *src, size_t bytes, size_t dst_stride, size_t src_stride, size_t rows);

/** Returns when the transfer and all earlier ones of this hart have completed; sleeps meanwhile. */
void dma_wait(dma_txid id);

#endif
