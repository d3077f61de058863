/**
 * The accelerator on the host: the same integers in plain C, a job at a time (accelerator specification §2, §6 to §8).
 * It has the layers that deployed networks use: linear, and attention of a single head. ITA_SOFTMAX_SHIFT is 0 or 5.
 */
#include "ita.h"

#include <stdio.h>
#include <stdlib.h>

enum { SOFTMAX_GROUP = 16 };

/** Where a layer stands between jobs: which product, its inner tile, its output tile, and the row of tiles. */
static struct {
  struct ita_layer_config config;
  bool mixing; /* attention: probabilities times values; before, logits */
  unsigned inner, outer, row;
  int32_t sums[ITA_TILE][ITA_TILE];
  struct {
    int32_t max;
    uint32_t sum, inverse;
  } softmax[ITA_TILE]; /* of each row of the row of tiles */
} ita;

void ita_init(void) { ita.mixing = false, ita.inner = ita.outer = ita.row = 0; }

void ita_configure(const struct ita_layer_config *config) {
  if (config->layer != ITA_LINEAR && config->layer != ITA_SINGLE_ATTENTION) {
    fprintf(stderr, "the host's accelerator has no layer of kind %d\n", config->layer);
    exit(3);
  }
  ita.config = *config;
  ita_init();
}

/** acc * mult / 2^shift rounded half up, plus add, saturated to int8 (§6). */
static int8_t requantized(int64_t acc, uint32_t mult, uint32_t shift, int32_t add) {
  const int64_t half = shift > 0 ? (int64_t)1 << (shift - 1) : 0, y = ((acc * mult + half) >> shift) + add;
  return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

/** The activation unit (§7.2 to §7.4). */
static int8_t activated(int8_t q) {
  const struct ita_layer_config *config = &ita.config;
  int32_t raw = q > 0 ? q : 0;
  if (config->activation == ITA_IDENTITY) return q;
  if (config->activation == ITA_GELU) {
    const int32_t size = q < 0 ? -q : q, t = (size < -config->gelu_b ? size : -config->gelu_b) + config->gelu_b;
    const int32_t rest = t * t + config->gelu_c;
    raw = q * ((q < 0 ? -rest : rest) + config->gelu_c);
  }
  return requantized(raw, config->act_mult, config->act_shift, config->act_add);
}

/** Octaves between the maximum of a row and a logit (§8). */
static uint32_t octaves(int32_t difference) {
  return ITA_SOFTMAX_SHIFT == 0 ? (uint32_t)difference : (((uint32_t)difference >> 4) + 1) >> 1;
}

static uint32_t attenuated(uint32_t value, uint32_t times) { return times > 31 ? 0 : value >> times; }

/** Takes the logits of one more tile into the statistics of its rows, 16 at a time. */
static void gather_statistics(const int8_t *logits, bool first) {
  for (unsigned r = 0; r < ITA_TILE; r++) {
    if (first) ita.softmax[r].max = -128, ita.softmax[r].sum = 0;
    for (unsigned group = 0; group < ITA_TILE; group += SOFTMAX_GROUP) {
      const int8_t *x = logits + r * ITA_TILE + group;
      int32_t max = ita.softmax[r].max;
      for (unsigned i = 0; i < SOFTMAX_GROUP; i++) max = x[i] > max ? x[i] : max;
      uint32_t sum = attenuated(ita.softmax[r].sum, octaves(max - ita.softmax[r].max));
      for (unsigned i = 0; i < SOFTMAX_GROUP; i++) sum += attenuated(256, octaves(max - x[i]));
      ita.softmax[r].max = max;
      ita.softmax[r].sum = sum;
    }
    ita.softmax[r].inverse = 65280 / ita.softmax[r].sum;
  }
}

/** The left operand of a product: an int8, or the probability of a logit. */
static int32_t left(const int8_t *input, unsigned r, unsigned k) {
  const int32_t x = input[r * ITA_TILE + k];
  if (!ita.mixing) return x;
  return (int32_t)attenuated(ita.softmax[r].inverse, octaves(ita.softmax[r].max - x));
}

static int32_t bias_at(const struct ita_job *job, unsigned r, unsigned c) {
  if (job->stream & ITA_BIAS_DISABLE) return 0;
  const uint8_t *b = job->bias + 3 * (job->stream & ITA_BIAS_BY_ROW ? r : c);
  return (int32_t)((uint32_t)b[0] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 24) >> 8;
}

/** The tiles along the inner dimension and across the output of the product at work. */
static void sizes(unsigned *inner, unsigned *outer) {
  const struct ita_layer_config *config = &ita.config;
  if (config->layer == ITA_LINEAR) *inner = config->tiles_e, *outer = config->tiles_s * config->tiles_p;
  else if (!ita.mixing) *inner = config->tiles_p, *outer = config->tiles_s;
  else *inner = config->tiles_s, *outer = config->tiles_p;
}

/** On to the next tile, product and row of tiles. */
static void advance(unsigned inner, unsigned outer) {
  if (++ita.inner < inner) return;
  ita.inner = 0;
  if (++ita.outer < outer) return;
  ita.outer = 0;
  if (ita.config.layer == ITA_LINEAR) return;
  if (ita.mixing) ita.row++;
  ita.mixing = !ita.mixing;
}

void ita_submit(const struct ita_job *job) {
  unsigned inner, outer;
  sizes(&inner, &outer);
  for (unsigned r = 0; r < ITA_TILE; r++) {
    int32_t row[ITA_TILE];
    for (unsigned k = 0; k < ITA_TILE; k++) row[k] = left(job->input, r, k);
    for (unsigned c = 0; c < ITA_TILE; c++) {
      const int8_t *weight = job->weight + c * ITA_TILE;
      int32_t sum = ita.inner == 0 ? 0 : ita.sums[r][c];
      for (unsigned k = 0; k < ITA_TILE; k++) sum += row[k] * weight[k];
      ita.sums[r][c] = sum;
    }
  }
  if (ita.inner + 1 == inner) {
    const unsigned index = ita.config.layer == ITA_LINEAR ? 0 : ita.mixing ? 4 : 3;
    const struct ita_layer_config *config = &ita.config;
    for (unsigned r = 0; r < ITA_TILE; r++) {
      for (unsigned c = 0; c < ITA_TILE; c++) {
        job->output[r * ITA_TILE + c] = requantized(ita.sums[r][c] + bias_at(job, r, c), config->mult[index],
                                                    config->shift[index], config->add[index]);
      }
    }
    if (index == 3) gather_statistics(job->output, ita.outer == 0);
    for (unsigned i = 0; i < ITA_TILE_BYTES; i++) job->output[i] = activated(job->output[i]);
  }
  advance(inner, outer);
}

static void unpack(uint8_t *bytes, uintptr_t low, uintptr_t high) {
  for (unsigned i = 0; i < 4; i++) bytes[i] = (uint8_t)(low >> 8 * i), bytes[4 + i] = (uint8_t)(high >> 8 * i);
}

/* Every layer ends with its last job, so that its registers may be written for some of its jobs only. */
void ita_put_layer(const uintptr_t words[ITA_LAYER_WORDS]) {
  struct ita_layer_config *config = &ita.config;
  config->tiles_s = words[0] & 15, config->tiles_e = words[0] >> 4 & 15;
  config->tiles_p = words[0] >> 8 & 15, config->tiles_f = words[0] >> 12 & 15;
  unpack(config->mult, words[1], words[2]);
  unpack(config->shift, words[3], words[4]);
  unpack((uint8_t *)config->add, words[5], words[6]);
  config->layer = words[7] & 3;
  config->activation = words[7] >> 2 & 3;
  config->act_mult = words[8] & 0xff;
  config->act_shift = words[8] >> 8 & 0xff;
  config->act_add = (int8_t)(words[8] >> 16 & 0xff);
}

void ita_put_job(const uintptr_t words[ITA_JOB_WORDS]) {
  const struct ita_job job = {.input = (const int8_t *)words[0],
                              .weight = (const int8_t *)words[1],
                              .next_weight = (const int8_t *)words[2],
                              .bias = (const uint8_t *)words[3],
                              .output = (int8_t *)words[4],
                              .stream = (uint32_t)words[5]};
  ita_submit(&job);
}

void ita_wait(unsigned pending) { (void)pending; }
