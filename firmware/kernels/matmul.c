/** Products of int8 matrices, tile by tile: see matmul.h. Compiled once in plain C and once with OCTET_XPULP. */
#include "matmul.h"

#include <stddef.h>

#include "clamp.h"
#include "matmul_tile.h"

#ifdef OCTET_XPULP
#define VERSION(name) name##_xpulp
#else
#define VERSION(name) name##_plain
#endif

/** Where the sums of a product go: words as they are, or bytes behind a scaling. */
struct destination {
  int32_t *words;
  int8_t *bytes;
  const struct sum_scaling *scaling; /* NULL: words */
};

/** Stores sums of `rows` by `columns` elements from element (row, column) on; the row length of `sums` is `columns`. */
static inline __attribute__((always_inline)) void put(const struct destination *to, const int32_t *sums, uint32_t rows,
                                                      uint32_t columns, uint32_t row, uint32_t column, uint32_t pitch) {
  const uint32_t start = row * pitch + column;
  if (to->scaling == NULL) {
    int32_t *out = to->words + start;
#pragma GCC unroll 4
    for (uint32_t r = 0; r < rows; r++, out += pitch) {
#pragma GCC unroll 4
      for (uint32_t c = 0; c < columns; c++) out[c] = sums[r * columns + c];
    }
    return;
  }
  const struct sum_scaling scaling = *to->scaling;
  const int32_t *scales = scaling.scale + (scaling.per_column ? column : 0);
  const int32_t *offsets = scaling.offset + (scaling.per_column ? column : 0);
  int32_t scale[TILE_COLUMNS], offset[TILE_COLUMNS];
#pragma GCC unroll 4
  for (uint32_t c = 0; c < columns; c++) {
    scale[c] = scales[scaling.per_column ? c : 0];
    offset[c] = offsets[scaling.per_column ? c : 0];
  }
  int8_t *out = to->bytes + start;
#pragma GCC unroll 4
  for (uint32_t r = 0; r < rows; r++, out += pitch) {
#pragma GCC unroll 4
    for (uint32_t c = 0; c < columns; c++) {
      out[c] = (int8_t)clamp((sums[r * columns + c] * scale[c] + offset[c]) >> scaling.shift);
    }
  }
}

/** The rows of a hart's share; inlined, so that each destination has code of its own. */
static inline __attribute__((always_inline)) void multiply(const struct matmul_s8 *product, uint32_t hart,
                                                           uint32_t harts, const struct destination *to) {
  const uint32_t rows = product->rows, columns = product->columns, inner = product->inner;
  const uint32_t strips = (rows + TILE_ROWS - 1) / TILE_ROWS, share_end = strips * (hart + 1) / harts * TILE_ROWS;
  const uint32_t end = share_end < rows ? share_end : rows;
  const int8_t *const first = product->b;
  for (uint32_t row = strips * hart / harts * TILE_ROWS; row < end; row += TILE_ROWS) {
    const uint32_t height = end - row < TILE_ROWS ? end - row : TILE_ROWS;
    const int8_t *const a = product->a + row * inner, *b = first;
    uint32_t column = 0;
    for (; height == TILE_ROWS && column + TILE_COLUMNS <= columns; column += TILE_COLUMNS, b += TILE_COLUMNS * inner) {
      int32_t sums[TILE_ROWS][TILE_COLUMNS] = {0};
      tile_sums(a, b, inner, false, sums);
      put(to, sums[0], TILE_ROWS, TILE_COLUMNS, row, column, columns);
    }
    for (; column < columns; column++, b += inner) {
      for (uint32_t r = 0; r < height; r++) {
        const int32_t sum = sum_of(a + r * inner, b, inner);
        put(to, &sum, 1, 1, row + r, column, columns);
      }
    }
  }
}

void VERSION(matmul_s8)(const struct matmul_s8 *product, int32_t *out, uint32_t hart, uint32_t harts) {
  multiply(product, hart, harts, &(struct destination){.words = out});
}

void VERSION(matmul_s8_requantized)(const struct matmul_s8 *product, const struct sum_scaling *scaling, int8_t *out,
                                    uint32_t hart, uint32_t harts) {
  multiply(product, hart, harts, &(struct destination){.bytes = out, .scaling = scaling});
}
