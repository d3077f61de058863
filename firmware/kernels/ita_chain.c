/** Job chains for linear layers and attention heads (accelerator specification §2.2, §3.5, §13). */
#include "ita_chain.h"

#include <stddef.h>

#include "cluster.h"
#include "dma.h"

/** Jobs whose tiles are on their way ahead of the job being submitted. */
enum { LOOKAHEAD = 2, WINDOW = 4 };

/** An operand's tile: its slot in TCDM, and where in DRAM it is fetched from; pitch 0: it is in its slot already. */
struct tile {
  int8_t *l1;
  const int8_t *dram;
  uint32_t pitch;
};

/** One job, the tiles it reads, and where its output goes (`store` is NULL when it stays in TCDM). */
struct step {
  struct tile input, weight;
  const uint8_t *bias;
  int8_t *output, *store;
  uint32_t store_pitch;
  uint32_t stream; /* CTRL_STREAM without the pre-fetch flags, which the chain adds */
};

/** Describes the next job of a layer and advances `cursor`. */
typedef void next_step(void *cursor, struct step *step);

static dma_txid load_tile(const struct tile *tile) {
  if (tile->pitch == ITA_TILE) return dma_copy(tile->l1, tile->dram, ITA_TILE_BYTES);
  return dma_copy_2d(tile->l1, tile->dram, ITA_TILE, ITA_TILE, tile->pitch, ITA_TILE);
}

static dma_txid store_tile(const struct step *step) {
  if (step->store_pitch == ITA_TILE) return dma_copy(step->store, step->output, ITA_TILE_BYTES);
  return dma_copy_2d(step->store, step->output, ITA_TILE, step->store_pitch, ITA_TILE, ITA_TILE);
}

/** A chain of jobs on its way: jobs j - 2 (whose place job j + 2 takes), j - 1, j and j + 1. */
struct chain {
  next_step *next;
  void *cursor;
  uint32_t jobs, described;
  struct step *oldest, *running, *now, *following;
  dma_txid issued; /* the latest transfer */
};

/** Describes the next job, if there is one, and starts to load its tiles. */
static inline void fetch(struct chain *chain, struct step *step) {
  if (chain->described == chain->jobs) return;
  chain->next(chain->cursor, step);
  chain->described++;
  if (step->input.pitch != 0) chain->issued = load_tile(&step->input);
  if (step->weight.pitch != 0) chain->issued = load_tile(&step->weight);
}

static inline struct ita_job job_of(const struct chain *chain, uint32_t j) {
  const struct step *now = chain->now;
  const bool last = j + 1 == chain->jobs;
  return (struct ita_job){.input = now->input.l1,
                          .weight = now->weight.l1,
                          .next_weight = last ? NULL : chain->following->weight.l1,
                          .bias = now->bias,
                          .output = now->output,
                          .stream = now->stream | (j == 0 ? ITA_PRELOAD : 0) | (last ? 0 : ITA_NEXTLOAD)};
}

#ifdef OCTET_POLLED
/**
 * One job at a time, as the driver of revision A: the registers of job j are written while job j - 1 runs, whose end
 * is waited for by polling; behind the trigger its output is written back, and the tiles of job j + 2 are loaded.
 */
static inline void iterate(struct chain *chain, uint32_t j) {
  const dma_txid earlier = chain->issued;
  if (j < chain->jobs) {
    const struct ita_job job = job_of(chain, j);
    ita_program(&job);
    dma_wait(earlier);
  }
  ita_wait(0);
  if (j < chain->jobs) ita_trigger();
  if (j > 0 && chain->running->store != NULL) chain->issued = store_tile(chain->running);
  fetch(chain, chain->oldest);
}

enum { BEHIND = 1 };
#else
/**
 * One job runs and one is queued: iteration j waits until job j - 2 has finished, starts to write its output back,
 * starts to load the tiles of job j + 2, and submits job j.
 */
static inline void iterate(struct chain *chain, uint32_t j) {
  const dma_txid earlier = chain->issued;
  ita_wait(j <= chain->jobs ? 1 : 0);
  if (j >= LOOKAHEAD && chain->oldest->store != NULL) chain->issued = store_tile(chain->oldest);
  fetch(chain, chain->oldest);
  if (j < chain->jobs) {
    const struct ita_job job = job_of(chain, j);
    dma_wait(earlier);
    ita_submit(&job);
  }
}

enum { BEHIND = LOOKAHEAD };
#endif

/**
 * Runs `jobs` jobs, and `BEHIND` iterations more for the outputs of the last ones. A job starts only when everything
 * issued in earlier iterations has arrived: its own tiles, and the weight tile of the next job, whose first quarter it
 * pre-fetches. `issued`: the latest transfer started so far (for instance of the biases).
 */
static void run_chain(next_step *next, void *cursor, uint32_t jobs, dma_txid issued) {
  struct step window[WINDOW];
  struct chain chain = {.next = next,
                        .cursor = cursor,
                        .jobs = jobs,
                        .oldest = &window[0],
                        .running = &window[1],
                        .now = &window[2],
                        .following = &window[3],
                        .issued = issued};
  fetch(&chain, chain.now);
  fetch(&chain, chain.following);
  for (uint32_t j = 0; j < jobs + BEHIND; j++) {
    iterate(&chain, j);
    struct step *const latest = chain.oldest;
    chain.oldest = chain.running;
    chain.running = chain.now;
    chain.now = chain.following;
    chain.following = latest;
  }
  dma_wait(chain.issued);
}

static const int8_t *tile_at(const int8_t *matrix, const struct tile_view *view, uint32_t row, uint32_t column) {
  return matrix + row * view->down + column * view->right;
}

static uint32_t next_slot(uint32_t slot, uint32_t slots) { return slot + 1 == slots ? 0 : slot + 1; }

static int8_t *slot_at(int8_t *l1, uint32_t slot) { return l1 + slot * ITA_TILE_BYTES; }

/** Sends the tile in the sink's next slot to its place in DRAM once the job has finished. */
static void deliver(struct step *step, const struct tile_sink *sink, uint32_t *slot, uint32_t row, uint32_t column) {
  step->output = slot_at(sink->l1, *slot);
  step->store = sink->dram + row * sink->view.down + column * sink->view.right;
  step->store_pitch = sink->view.pitch;
  *slot = next_slot(*slot, sink->slots);
}

/** One operand of a linear layer on its way through the jobs: where its panel and tile lie in DRAM, and its ring. */
struct operand {
  const struct tile_stream *from;
  const int8_t *panel, *tile;
  int8_t *slot, *end; /* next slot, and the end of the ring */
};

struct matmul_cursor {
  const struct ita_matmul *layer;
  struct operand staying, passing;
  int8_t *panel_slot;        /* of the first tile of the panel that stays */
  bool load_staying, load_passing;
  uint32_t streamed;         /* panels that pass for each one that stays */
  uint32_t outer, inner, k;  /* panel that stays, panel that passes, tile along the inner dimension */
  uint32_t output_slot;
  uint32_t stream;
  const uint8_t *bias;
};

static struct operand operand(const struct tile_stream *from) {
  return (struct operand){from, from->dram, from->dram, from->l1, slot_at(from->l1, from->slots)};
}

/** Describes the operand's tile and advances to the next one of the panel. */
static inline void take(struct operand *operand, bool load, struct tile *tile) {
  const struct tile_stream *from = operand->from;
  tile->l1 = operand->slot;
  tile->dram = operand->tile;
  tile->pitch = load ? from->view.pitch : 0;
  operand->tile += from->view.right;
  operand->slot += ITA_TILE_BYTES;
  if (operand->slot == operand->end) operand->slot = from->l1;
}

static void next_matmul(void *cursor, struct step *step) {
  struct matmul_cursor *at = cursor;
  const struct ita_matmul *layer = at->layer;
  const bool rows_outer = layer->rows_outer;
  take(&at->staying, at->load_staying, rows_outer ? &step->input : &step->weight);
  take(&at->passing, at->load_passing, rows_outer ? &step->weight : &step->input);
  step->bias = at->bias;
  step->output = step->store = NULL;
  if (++at->k < layer->inner) {
    step->stream = at->stream | ITA_OUTPUT_DISABLE;
    return;
  }
  step->stream = at->stream;
  const uint32_t row = rows_outer ? at->outer : at->inner, column = rows_outer ? at->inner : at->outer;
  deliver(step, &layer->output, &at->output_slot, row, column);

  /* the next output tile */
  at->k = 0;
  if (++at->inner < at->streamed) {
    at->passing.panel += at->passing.from->view.down;
    at->load_staying = layer->both_stream;
    if (!layer->both_stream) at->staying.slot = at->panel_slot;
  } else {
    at->inner = 0;
    at->outer++;
    at->passing.panel = at->passing.from->dram;
    at->staying.panel += at->staying.from->view.down;
    at->load_staying = true;
    at->load_passing = at->passing.from->slots < at->streamed * layer->inner;
    at->panel_slot = at->staying.slot;
  }
  at->staying.tile = at->staying.panel;
  at->passing.tile = at->passing.panel;
  if (layer->bias != NULL) {
    at->bias = layer->bias_l1 + (layer->bias_by_row == rows_outer ? at->outer : at->inner) * ITA_BIAS_BYTES;
  }
}

/* Layers are copied to the stack, which is in TCDM: every job reads its layer. */
void ita_matmul(const struct ita_matmul *in_dram) {
  if (!drives()) return;
  const struct ita_matmul copied = *in_dram, *layer = &copied;
  const bool rows_outer = layer->rows_outer;
  const struct tile_stream *staying = rows_outer ? &layer->input : &layer->weight;
  const struct tile_stream *passing = rows_outer ? &layer->weight : &layer->input;
  struct matmul_cursor cursor = {
      .layer = layer,
      .staying = operand(staying),
      .passing = operand(passing),
      .panel_slot = staying->l1,
      .load_staying = true,
      .load_passing = true,
      .streamed = rows_outer ? layer->columns : layer->rows,
      .stream = layer->bias == NULL ? ITA_BIAS_DISABLE : layer->bias_by_row ? ITA_BIAS_BY_ROW : 0,
      .bias = layer->bias == NULL ? NULL : layer->bias_l1,
  };
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
  uint32_t across, k; /* output tile of the step, and tile along its inner dimension */
  uint32_t query_slot, weight_slot, output_slot;
};

static void next_head(void *cursor, struct step *step) {
  struct head_cursor *at = cursor;
  const struct ita_head *head = at->head;
  const uint32_t sequence = head->sequence, width = head->width;
  const struct tile_view *view = at->mixing ? &head->values_view : &head->keys_view;
  const bool load = at->row == 0 || head->weight_slots < 2 * sequence * width;
  step->weight = (struct tile){slot_at(head->weight_l1, at->weight_slot),
                               tile_at(at->mixing ? head->values : head->keys, view, at->across, at->k),
                               load ? view->pitch : 0};
  at->weight_slot = next_slot(at->weight_slot, head->weight_slots);
  step->bias = NULL;
  step->output = step->store = NULL;
  step->stream = ITA_BIAS_DISABLE;

  if (!at->mixing) {
    const struct tile_stream *queries = &head->queries;
    uint32_t slot = at->query_slot + at->k;
    if (slot >= queries->slots) slot -= queries->slots;
    step->input = (struct tile){slot_at(queries->l1, slot), tile_at(queries->dram, &queries->view, at->row, at->k),
                                at->across == 0 ? queries->view.pitch : 0};
    if (++at->k < width) {
      step->stream |= ITA_OUTPUT_DISABLE;
      return;
    }
    step->output = slot_at(head->logits_l1, at->across);
    at->k = 0;
    if (++at->across < sequence) return;
    at->across = 0;
    at->mixing = true;
    return;
  }

  step->input = (struct tile){slot_at(head->logits_l1, at->k), NULL, 0};
  if (++at->k < sequence) {
    step->stream |= ITA_OUTPUT_DISABLE;
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

void ita_head(const struct ita_head *in_dram) {
  if (!drives()) return;
  const struct ita_head copied = *in_dram, *head = &copied;
  struct head_cursor cursor = {.head = head};
  ita_configure(&head->config);
  run_chain(next_head, &cursor, 2 * head->sequence * head->sequence * head->width, 0);
}
