/**
 * The accelerator's job queue. Job registers exist once per context and keep their values, and writes reach only
 * the context that the next job will use; so a layer's constants go out with its first jobs, one context each,
 * and later jobs write their pointers alone.
 */
#include "ita.h"

#include "event.h"
#include "mmio.h"
#include "octet_cluster.h"
#include "octet_ita.h"
#include "octet_map.h"

/** Contexts of the largest accelerator; writing the constants of a smaller one more often does no harm. */
enum { CONTEXTS = 4 };

/** What ACQUIRE returns instead of a job id. */
#define NO_FREE_CONTEXT 0xffffffffu
#define LOCKED 0xfffffffeu

static _Thread_local struct {
  uint32_t tiles, mult[2], shift[2], add[2], engine, gelu, act;
  unsigned stale; /* contexts that still hold the constants of an earlier layer */
} layer; /* with the stack, in TCDM: every job reads it */

static void set(uintptr_t offset, uint32_t value) { mmio_store(OCTET_ITA_BASE + offset, value); }

static uint32_t get(uintptr_t offset) { return mmio_load(OCTET_ITA_BASE + offset); }

static uint32_t pack(const void *bytes) {
  const uint8_t *b = bytes;
  return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

void ita_init(void) {
  set(ITA_SOFT_CLEAR_OFFSET, 0);
  for (int i = 0; i < 10; i++) (void)get(ITA_STATUS_OFFSET); /* the clear is applied some cycles later */
  event_clear(EVENT_ITA);
  layer.stale = 0;
}

void ita_configure(const struct ita_layer_config *config) {
  layer.tiles = (uint32_t)config->tiles_s << ITA_TILES_S_SHIFT | (uint32_t)config->tiles_e << ITA_TILES_E_SHIFT |
                (uint32_t)config->tiles_p << ITA_TILES_P_SHIFT | (uint32_t)config->tiles_f << ITA_TILES_F_SHIFT;
  for (int half = 0; half < 2; half++) {
    layer.mult[half] = pack(config->mult + 4 * half);
    layer.shift[half] = pack(config->shift + 4 * half);
    layer.add[half] = pack(config->add + 4 * half);
  }
  layer.engine = (uint32_t)config->layer << ITA_CTRL_ENGINE_LAYER_SHIFT |
                 (uint32_t)config->activation << ITA_CTRL_ENGINE_ACTIVATION_SHIFT;
  layer.gelu = (uint32_t)(uint16_t)config->gelu_b << ITA_GELU_B_C_B_SHIFT |
               (uint32_t)(uint16_t)config->gelu_c << ITA_GELU_B_C_C_SHIFT;
  layer.act = (uint32_t)config->act_mult << ITA_ACT_REQUANT_MULT_SHIFT |
              (uint32_t)config->act_shift << ITA_ACT_REQUANT_SHIFT_SHIFT |
              (uint32_t)(uint8_t)config->act_add << ITA_ACT_REQUANT_ADD_SHIFT;
  layer.stale = CONTEXTS;
}

static void write_constants(void) {
  set(ITA_TILES_OFFSET, layer.tiles);
  set(ITA_EPS_MULT0_OFFSET, layer.mult[0]);
  set(ITA_EPS_MULT1_OFFSET, layer.mult[1]);
  set(ITA_RIGHT_SHIFT0_OFFSET, layer.shift[0]);
  set(ITA_RIGHT_SHIFT1_OFFSET, layer.shift[1]);
  set(ITA_ADD0_OFFSET, layer.add[0]);
  set(ITA_ADD1_OFFSET, layer.add[1]);
  set(ITA_CTRL_ENGINE_OFFSET, layer.engine);
  set(ITA_GELU_B_C_OFFSET, layer.gelu);
  set(ITA_ACT_REQUANT_OFFSET, layer.act);
}

/** Takes the programming lock, which the write to TRIGGER releases. */
static void acquire(void) {
  for (;;) {
    uint32_t id = get(ITA_ACQUIRE_OFFSET);
    if (id == NO_FREE_CONTEXT) event_wait(EVENT_ITA);
    else if (id != LOCKED) return;
  }
}

void ita_program(const struct ita_job *job) {
  if (layer.stale > 0) {
    write_constants();
    layer.stale--;
  }
  set(ITA_INPUT_PTR_OFFSET, (uintptr_t)job->input);
  set(ITA_WEIGHT_PTR0_OFFSET, (uintptr_t)job->weight);
  set(ITA_WEIGHT_PTR1_OFFSET, (uintptr_t)job->next_weight);
  set(ITA_BIAS_PTR_OFFSET, (uintptr_t)job->bias);
  set(ITA_OUTPUT_PTR_OFFSET, (uintptr_t)job->output);
  set(ITA_CTRL_STREAM_OFFSET, job->stream);
}

void ita_trigger(void) {
  memory_fence();
  set(ITA_TRIGGER_OFFSET, 0);
}

void ita_submit(const struct ita_job *job) {
  acquire();
  ita_program(job);
  ita_trigger();
}

void ita_put_layer(const uintptr_t words[ITA_LAYER_WORDS]) {
  set(ITA_TILES_OFFSET, words[0]);
  set(ITA_EPS_MULT0_OFFSET, words[1]);
  set(ITA_EPS_MULT1_OFFSET, words[2]);
  set(ITA_RIGHT_SHIFT0_OFFSET, words[3]);
  set(ITA_RIGHT_SHIFT1_OFFSET, words[4]);
  set(ITA_ADD0_OFFSET, words[5]);
  set(ITA_ADD1_OFFSET, words[6]);
  set(ITA_CTRL_ENGINE_OFFSET, words[7]);
  set(ITA_ACT_REQUANT_OFFSET, words[8]);
}

void ita_put_job(const uintptr_t words[ITA_JOB_WORDS]) {
  set(ITA_INPUT_PTR_OFFSET, words[0]);
  set(ITA_WEIGHT_PTR0_OFFSET, words[1]);
  set(ITA_WEIGHT_PTR1_OFFSET, words[2]);
  set(ITA_BIAS_PTR_OFFSET, words[3]);
  set(ITA_OUTPUT_PTR_OFFSET, words[4]);
  set(ITA_CTRL_STREAM_OFFSET, words[5]);
  ita_trigger();
}

#ifdef OCTET_POLLED
void ita_wait(unsigned pending) {
  (void)pending;
  while (mmio_load(OCTET_CLUSTER_BASE + CLUSTER_HWPE_BUSY_OFFSET) != 0) {
  }
  memory_fence();
}
#else
/** STATUS has a byte per context that is 1 from trigger to completion: their sum is the number of unfinished jobs. */
static unsigned unfinished(void) { return get(ITA_STATUS_OFFSET) * 0x01010101u >> 24; }

void ita_wait(unsigned pending) {
  while (unfinished() > pending) event_wait(EVENT_ITA);
  memory_fence();
}
#endif
