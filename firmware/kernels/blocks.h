/**
 * Kernels on tensors in DRAM, block by block through TCDM: while all harts compute one block, the DMA loads the parts of
 * the next one and takes the results of the one before back.
 *
 *     struct block at = {0};
 *     while (block_next(&blocks, &at)) kernel(on at.view[…]);
 */
#ifndef OCTET_BLOCKS_H
#define OCTET_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "dma.h"

enum { BLOCK_MAX_LOOPS = 5, BLOCK_MAX_STREAMS = 8 };

/** What a block takes along one direction: `length` units from index * step - before on, those of 0 .. extent - 1. */
struct block_window {
  uint32_t loop; /* whose index counts */
  uint32_t step, before, length, extent;
};

enum block_direction {
  BLOCK_LOAD,  /* brought into TCDM */
  BLOCK_STORE, /* taken back from there, when the last block that writes the part is done */
  BLOCK_STAY,  /* lives in TCDM only */
};

/** A tensor whose parts pass through TCDM, as a matrix of `rows.extent` rows of `bytes.extent` bytes for each batch. */
struct block_stream {
  enum block_direction direction;
  void *dram;
  uint8_t *l1;
  uint32_t slot_bytes;             /* from one of its two slots in TCDM to the other; 0: there is one, for a part that never changes */
  uint32_t pitch;                  /* bytes of DRAM from one row to the next */
  uint32_t batch[BLOCK_MAX_LOOPS]; /* bytes of DRAM from one index of a loop to the next, beside the windows */
  struct block_window rows, bytes;
};

/** Loops over blocks, the last one innermost, and the tensors the blocks are parts of. */
struct blocks {
  uint32_t loops, streams;
  uint32_t count[BLOCK_MAX_LOOPS];
  const struct block_stream *stream;
};

/** A stream's part of a block in TCDM: rows of `bytes` bytes, dense; `before` rows and bytes of its windows were cut off. */
struct block_view {
  void *data;
  uint32_t rows, bytes;
  uint32_t rows_before, bytes_before;
};

/** The block at work; starts as {0}. */
struct block {
  uint32_t index[BLOCK_MAX_LOOPS];
  struct block_view view[BLOCK_MAX_STREAMS];
  bool begun;
  dma_txid issued; /* latest transfer; of the hart that drives() */
};

/**
 * Goes on to the next block, the first one to begin with; every hart calls it, the one that drives() moves the data.
 * Returns false when all blocks are done and that hart has seen their results arrive in DRAM; others see them after the
 * next barrier.
 */
bool block_next(const struct blocks *blocks, struct block *at);

#endif
