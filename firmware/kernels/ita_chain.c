/** Job chains for linear layers and attention heads (accelerator specification §2.2, §3.5, §13). */
#include "ita_chain.h"

#include <stddef.h>

#include "cluster.h"
#include "dma.h"

/** Jobs whose tiles are on their way ahead of the job being submitted. */
enum { LOOKAHEAD = 2, WINDOW = 4 };

/** A tile to fetch; `l1` is NULL when the tile is in TCDM already. */
struct tile_load {
  int8_t *l1;
  const int8_t *dram;
  uint32_t pitch;
};

/** One job, the tiles it needs first, and where its output goes (`store` is NULL when it stays in TCDM). */
struct step {
  struct tile_load input, weight;
  struct ita_job job; /* without the pre-fetch flags and next_weight, which the chain adds */
  int8_t *store;
  uint32_t store_pitch;
};

/** Describes the next job of a layer and advances `cursor`. */
typedef void next_step(void *cursor, struct step *step);

static uint32_t next_slot(uint32_t slot, uint32_t slots) { return slot + 1 == slots ? 0 : slot + 1; }

static dma_txid load_tile(const struct tile_load *load) {
  if (load->pitch == ITA_TILE) return dma_copy(load->l1, load->dram, ITA_TILE_BYTES);
  return dma_copy_2d(load->l1, load->dram, ITA_TILE, ITA_TILE, load->pitch, ITA_TILE);
}

static dma_txid store_tile(const struct step *step) {
  if (step->store_pitch == ITA_TILE) return dma_copy(step->store, step->job.output, ITA_TILE_BYTES);
  return dma_copy_2d(step->store, step->job.output, ITA_TILE, step->store_pitch, ITA_TILE, ITA_TILE);
}

/**
 * Runs `jobs` jobs. Iteration j waits until job j - 2 has finished, starts to write its output back, starts to load
 * the tiles of job j + 2, and submits job j, so that one job is always running or queued meanwhile. A job is
 * submitted only when everything issued in earlier iterations has arrived: its own tiles, and the weight tile of
 * the next job, whose first quarter it pre-fetches.
 * `issued`: the latest transfer started so far (for instance of the biases).
 */
static void run_chain(next_step *next, void *cursor, uint32_t jobs, dma_txid issued) {
  struct step window[WINDOW];
  for (uint32_t j = 0; j < jobs + LOOKAHEAD; j++) {
    const dma_txid earlier = issued;
    if (j >= jobs) {
      ita_wait(jobs + 1 - j);
    } else {
      ita_wait(1);
    }
    if (j >= LOOKAHEAD) {
      const struct step *done = &window[(j - LOOKAHEAD) % WINDOW];
      if (done->store != NULL) issued = store_tile(done);
    }
    for (uint32_t t = j == 0 ? 0 : j + LOOKAHEAD; t <= j + LOOKAHEAD && t < jobs; t++) {
      struct step *ahead = &window[t % WINDOW];
      next(cursor, ahead);
      if (ahead->input.l1 != NULL) issued = load_tile(&ahead->input);
      if (ahead->weight.l1 != NULL) issued = load_tile(&ahead->weight);
    }
    if (j < jobs) {
      struct step *now = &window[j % WINDOW];
      if (j == 0) now->job.stream |= ITA_PRELOAD;
      if (j + 1 < jobs) {
        now->job.stream |= ITA_NEXTLOAD;
        now->job.next_weight = window[(j + 1) % WINDOW].job.weight;
      }
      dma_wait(j == 0 ? issued : earlier);
      ita_submit(&now->job);
    }
  }
  dma_wait(issued);
}

static const int8_t *tile_at(const int8_t *matrix, const struct tile_view *view, uint32_t row, uint32_t column) {
  return matrix + row * view->down + column * view->right;
}

static int8_t *slot_at(int8_t *l1, uint32_t slot) { return l1 + slot * ITA_TILE_BYTES; }

/** Sends the tile in the sink's next slot to its place in DRAM once the job has finished. */
static void deliver(struct step *step, const struct tile_sink *sink, uint32_t *slot, uint32_t row, uint32_t column) {
  step->job.output = slot_at(sink->l1, *slot);
  step->store = sink->dram + row * sink->view.down + column * sink->view.right;
  step->store_pitch = sink->view.pitch;
  *slot = next_slot(*slot, sink->slots);
}

struct matmul_cursor {
  const struct ita_matmul *layer;
  uint32_t outer, inner, k;               /* panel that stays, panel that streams, tile along the inner dimension */
  uint32_t panel_slot, stream_slot, output_slot; /* where the panel starts, and the next tiles go */
};

static void next_matmul(void *cursor, struct step *step) {
  struct matmul_cursor *at = cursor;
  const struct ita_matmul *layer = at->layer;
  const bool rows_outer = layer->rows_outer;
  const struct tile_stream *panel = rows_outer ? &layer->input : &layer->weight;
  const struct tile_stream *stream = rows_outer ? &layer->weight : &layer->input;
  const uint32_t streamed = rows_outer ? layer->columns : layer->rows;
  const uint32_t row = rows_outer ? at->outer : at->inner, column = rows_outer ? at->inner : at->outer;

  uint32_t slot = at->panel_slot + (layer->both_stream ? 0 : at->k);
  if (slot >= panel->slots) slot -= panel->slots;
  const struct tile_load staying = {slot_at(panel->l1, slot), tile_at(panel->dram, &panel->view, at->outer, at->k),
                                    panel->view.pitch};
  const struct tile_load passing = {slot_at(stream->l1, at->stream_slot),
                                    tile_at(stream->dram, &stream->view, at->inner, at->k), stream->view.pitch};
  const bool first_use = at->inner == 0 || layer->both_stream;
  const bool resident = at->outer > 0 && stream->slots == streamed * layer->inner;
  const struct tile_load present = {NULL, NULL, 0};
  const struct tile_load load_staying = first_use ? staying : present, load_passing = resident ? present : passing;

  *step = (struct step){
      .input = rows_outer ? load_staying : load_passing,
      .weight = rows_outer ? load_passing : load_staying,
      .job = {.input = rows_outer ? staying.l1 : passing.l1, .weight = rows_outer ? passing.l1 : staying.l1},
  };
  if (layer->bias != NULL) {
    step->job.bias = layer->bias_l1 + (layer->bias_by_row ? row : column) * ITA_BIAS_BYTES;
    step->job.stream = layer->bias_by_row ? ITA_BIAS_BY_ROW : 0;
  } else {
    step->job.stream = ITA_BIAS_DISABLE;
  }
  at->stream_slot = next_slot(at->stream_slot, stream->slots);
  if (layer->both_stream) at->panel_slot = next_slot(at->panel_slot, panel->slots);
  if (++at->k < layer->inner) {
    step->job.stream |= ITA_OUTPUT_DISABLE;
    return;
  }
  deliver(step, &layer->output, &at->output_slot, row, column);
  at->k = 0;
  if (++at->inner < streamed) return;
  at->inner = 0;
  at->outer++;
  if (layer->both_stream) return;
  at->panel_slot += layer->inner;
  if (at->panel_slot >= panel->slots) at->panel_slot -= panel->slots;
}

void ita_matmul(const struct ita_matmul *layer) {
  if (hart_id() != 0) return;
  struct matmul_cursor cursor = {.layer = layer};
  dma_txid biases = 0;
  if (layer->bias != NULL) {
    biases = dma_copy(layer->bias_l1, layer->bias,
                      (layer->bias_by_row ? layer->rows : layer->columns) * ITA_BIAS_BYTES);
  }
  ita_configure(&layer->config);
  run_chain(next_matmul, &cursor, layer->rows * layer->columns * layer->inner, biases);
}

struct head_cursor {
  const struct ita_head *head;
  uint32_t row;
  bool mixing; /* false: logits of the row; true: probabilities times values */
  uint32_t across, k;  /* output tile of the step, and tile along its inner dimension */
  uint32_t query_slot, weight_slot, output_slot;
};

static void next_head(void *cursor, struct step *step) {
  struct head_cursor *at = cursor;
  const struct ita_head *head = at->head;
  const uint32_t sequence = head->sequence, width = head->width;
  int8_t *weight = slot_at(head->weight_l1, at->weight_slot);
  *step = (struct step){.job = {.weight = weight, .stream = ITA_BIAS_DISABLE}};
  if (at->row == 0 || head->weight_slots < 2 * sequence * width) {
    const struct tile_view *view = at->mixing ? &head->values_view : &head->keys_view;
    const int8_t *matrix = at->mixing ? head->values : head->keys;
    step->weight = (struct tile_load){weight, tile_at(matrix, view, at->across, at->k), view->pitch};
  }
  at->weight_slot = next_slot(at->weight_slot, head->weight_slots);

  if (!at->mixing) {
    const struct tile_stream *queries = &head->queries;
    uint32_t slot = at->query_slot + at->k;
    if (slot >= queries->slots) slot -= queries->slots;
    int8_t *query = slot_at(queries->l1, slot);
    step->job.input = query;
    if (at->across == 0) {
      step->input = (struct tile_load){query, tile_at(queries->dram, &queries->view, at->row, at->k), queries->view.pitch};
    }
    if (++at->k < width) {
      step->job.stream |= ITA_OUTPUT_DISABLE;
      return;
    }
    step->job.output = slot_at(head->logits_l1, at->across);
    at->k = 0;
    if (++at->across < sequence) return;
    at->across = 0;
    at->mixing = true;
    return;
  }

  step->job.input = slot_at(head->logits_l1, at->k);
  if (++at->k < sequence) {
    step->job.stream |= ITA_OUTPUT_DISABLE;
    return;
  }
  deliver(step, &head->output, &at->output_slot, at->row, at->across);
  at->k = 0;
  if (++at->across < width) return;
  at->across = 0;
  at->mixing = false;
  at->row++;
  at->query_slot += width;
  if (at->query_slot >= head->queries.slots) at->query_slot -= head->queries.slots;
}

void ita_head(const struct ita_head *head) {
  if (hart_id() != 0) return;
  struct head_cursor cursor = {.head = head};
  ita_configure(&head->config);
  run_chain(next_head, &cursor, 2 * head->sequence * head->sequence * head->width, 0);
}
