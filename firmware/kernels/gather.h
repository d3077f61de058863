/** Table lookups: embeddings, and their rows joined with those of neighbouring positions. */
#ifndef OCTET_GATHER_H
#define OCTET_GATHER_H

#include <stdint.h>

enum { GATHER_MAX_PARTS = 8 };

/**
 * out[s] = table[ids[s + offset[0]]] ‖ table[ids[s + offset[1]]] ‖ …; zeros where s + offset is outside 0..rows-1.
 *
 * table: int8 [.., row_bytes]    ids: int32 [rows]    out: int8 [rows, parts * row_bytes], all in DRAM
 * row_bytes, out and out_pitch are multiples of 4. The indices are trusted: they are below the table's height.
 */
struct gather_rows {
  const int8_t *table;
  const int32_t *ids;
  int8_t *out;
  uint32_t out_pitch, row_bytes, rows, parts;
  int32_t offset[GATHER_MAX_PARTS];
};

/** Called by every hart; each has the DMA copy the rows of its share. Visible to others after the next barrier. */
void gather_rows(const struct gather_rows *gather);

#endif
