/**
 * Chains of accelerator jobs over matrices in DRAM: one hart keeps the accelerator fed while the DMA brings the tiles
 * of the next jobs into TCDM and takes finished ones back.
 */
#ifndef OCTET_ITA_CHAIN_H
#define OCTET_ITA_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "ita.h"

/** Where the 64x64 tiles of an int8 matrix lie in DRAM: tile (r, c) starts at r * down + c * right. */
struct tile_view {
  uint32_t pitch; /* bytes from one row of a tile to the next; ITA_TILE: the tile is contiguous */
  uint32_t down, right;
};

/** A matrix in DRAM and the ring of tile slots in TCDM its tiles pass through. */
struct tile_stream {
  const int8_t *dram;
  struct tile_view view;
  int8_t *l1;
  uint32_t slots;
};

/** Where finished tiles go: through a ring in TCDM to their places in DRAM. */
struct tile_sink {
  int8_t *dram;
  struct tile_view view;
  int8_t *l1;
  uint32_t slots;
};

/**
 * output = activation(requant(input · weightᵀ + bias)); `config` carries requantisation 0 and tiles (1, inner, 1).
 *
 * input: rows x inner tiles    weight: columns x inner tiles    output: rows x columns tiles
 * The operand of the outer loop stays: each of its tiles is read once and used for all panels of the other, which
 * streams by (once, if its ring holds all of it). Where TCDM is short, `both_stream`, and nothing stays.
 * Rings: a tile that stays must live until 4 jobs before its slot's next tile is needed; a ring that tiles stream
 * through holds all tiles or at least 4; the output's holds 3 / inner tiles, rounded up.
 */
struct ita_matmul {
  struct tile_stream input, weight;
  struct tile_sink output;
  const uint8_t *bias; /* packed in DRAM, ITA_BIAS_BYTES per tile; NULL: none */
  uint8_t *bias_l1;
  uint32_t rows, columns, inner;
  bool rows_outer;  /* row panels of the input stay, weights stream; false: the other way round */
  bool both_stream; /* the outer operand's tiles are read again for each panel of the other */
  bool bias_by_row; /* the output is a transposed layer: one bias per row */
  struct ita_layer_config config;
};

/**
 * output = requant4(softmax(requant3(queries · keysᵀ)) · valuesᵀ), one head; `config` carries requantisations 3 and 4
 * and tiles (sequence, -, width).
 *
 * queries, keys, output: sequence x width tiles    values: width x sequence tiles (given transposed)
 * logits: `sequence` tiles in TCDM    weights: ring for the keys' tiles followed by the values'
 */
struct ita_head {
  struct tile_stream queries;
  const int8_t *keys, *values;
  struct tile_view keys_view, values_view;
  int8_t *weight_l1;
  uint32_t weight_slots;
  int8_t *logits_l1;
  struct tile_sink output;
  uint32_t sequence, width;
  struct ita_layer_config config;
};

/** Runs a linear layer; called by every hart, done by the one that drives. Others see the result after the next barrier. */
void ita_matmul(const struct ita_matmul *layer);

/** Runs one attention head; called by every hart, done by the one that drives. Others see the result after the next barrier. */
void ita_head(const struct ita_head *head);

#endif
