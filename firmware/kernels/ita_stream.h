/**
 * The pipelined schedule: a list of all transfers and accelerator jobs of a run of steps, made by the compiler, that one
 * hart works through. Tiles stay in TCDM slots between jobs, tiles of coming jobs are fetched meanwhile, and the chain of
 * weight pre-fetches (accelerator specification §3.5) goes on from step to step.
 */
#ifndef OCTET_ITA_STREAM_H
#define OCTET_ITA_STREAM_H

#include <stdint.h>

#include "ita.h"

/** Words of a page of the list; two of them lie in TCDM. */
enum { STREAM_PAGE_WORDS = 256 };

/**
 * Entries follow one another and none crosses the end of a page: a head, its transfers, the registers of a layer where
 * STREAM_LAYER is set, the step's number where STREAM_MARK is, the job where STREAM_JOB is. The head says how many
 * transfers there are, how many jobs may be unfinished before them, and how many of the latest transfers may be
 * unfinished when the job is submitted, or when the list goes on in the next page; STREAM_ANY: nothing is waited for.
 */
enum { STREAM_ANY = 0xff };

#define STREAM_ENTRY(transfers, jobs, pending, flags) \
  ((uint32_t)(transfers) | (uint32_t)(jobs) << 8 | (uint32_t)(pending) << 16 | (uint32_t)(flags) << 24)

/** Flags of an entry. The list goes on in the next page behind STREAM_PAGE, and ends behind STREAM_END. */
enum { STREAM_JOB = 1, STREAM_LAYER = 2, STREAM_MARK = 4, STREAM_PAGE = 8, STREAM_END = 16 };

/** Copies `bytes` bytes, below 65536. */
#define STREAM_COPY(destination, source, bytes) (uintptr_t)(destination), (uintptr_t)(source), (bytes)

/** Copies the 64 rows of a tile that lie so many bytes apart, 64 to 65535. */
#define STREAM_ROWS(destination, destination_pitch, source, source_pitch) \
  (uintptr_t)(destination), (uintptr_t)(source), (uint32_t)(destination_pitch) | (uint32_t)(source_pitch) << 16

/** Input, weights, the next job's weights, biases, output, CTRL_STREAM: the order of the registers. */
#define STREAM_TILES(input, weight, next_weight, bias, output, stream) \
  (uintptr_t)(input), (uintptr_t)(weight), (uintptr_t)(next_weight), (uintptr_t)(bias), (uintptr_t)(output), (stream)

/** A list in DRAM, followed by one more page of any contents. `l1` holds two pages; tiles are addressed by the list itself. */
struct ita_stream {
  const uintptr_t *list;
  uintptr_t *l1;
};

/** Works through the list; called by every hart, done by the driving one. Others see the results after the next barrier. */
void ita_stream(const struct ita_stream *stream);

#endif
