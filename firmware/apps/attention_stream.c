/**
 * One attention head (S = 128, E = 128, P = 64) as the published test application drives it: the last hart moves every
 * tile between DRAM and TCDM with its DMA instructions, writes the registers of each job, and polls the accelerator.
 * Intermediate tiles go out to DRAM and come back (paper facts §6; accelerator specification §2.4, §13).
 */
#include <stdint.h>
#include <stdio.h>

#include "cluster.h"
#include "ita.h"
#include "mmio.h"
#include "octet_cluster.h"
#include "octet_ita.h"
#include "octet_map.h"
#include "octet_xdma.h"

enum { S = 2, E = 2, P = 1, JOBS = 4 * S * E * P + 2 * S * S * P, CONTEXTS = 2, BUFFERS = 3 };

typedef int8_t tile[ITA_TILE_BYTES];
typedef uint8_t biases[ITA_BIAS_BYTES];

/* what the host compares: inputs, and the layer's output */
tile stream_x[S][E] __attribute__((aligned(64)));
tile stream_wq[P][E] __attribute__((aligned(64))), stream_wk[P][E] __attribute__((aligned(64)));
tile stream_wv[P][E] __attribute__((aligned(64))), stream_wo[E][P] __attribute__((aligned(64)));
tile stream_out[S][E] __attribute__((aligned(64)));
biases stream_bias[4][E] __attribute__((aligned(64)));

static tile query[S][P] __attribute__((aligned(64))), key[S][P] __attribute__((aligned(64)));
static tile value[P][S] __attribute__((aligned(64))), logits[S][S] __attribute__((aligned(64)));
static tile context[S][P] __attribute__((aligned(64)));

#define IN_TCDM __attribute__((section(".tcdm"), aligned(128)))
static tile input_l1[BUFFERS] IN_TCDM, weight_l1[BUFFERS] IN_TCDM, output_l1[BUFFERS] IN_TCDM;
static biases bias_l1[4][E] IN_TCDM;

static struct job {
  const int8_t *input, *weight;
  const uint8_t *bias;
  int8_t *output; /* NULL for all inner tiles but the last */
  uint32_t stream;
} jobs[JOBS];

static void fill(void *at, unsigned count, uint32_t seed) {
  int8_t *bytes = at;
  for (unsigned i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    bytes[i] = (int8_t)(seed >> 24);
  }
}

static struct job *add(struct job *job, const tile *input, const tile *weight, const uint8_t *bias, tile *output,
                       unsigned inner, uint32_t stream) {
  for (unsigned k = 0; k < inner; k++) {
    const bool last = k + 1 == inner;
    *job++ = (struct job){input[k], weight[k], bias, last ? *output : NULL, stream | (last ? 0 : ITA_OUTPUT_DISABLE)};
  }
  return job;
}

static void plan(void) {
  struct job *job = jobs;
  for (unsigned row = 0; row < S; row++)
    for (unsigned column = 0; column < P; column++)
      job = add(job, stream_x[row], stream_wq[column], bias_l1[0][column], &query[row][column], E, 0);
  for (unsigned row = 0; row < S; row++)
    for (unsigned column = 0; column < P; column++)
      job = add(job, stream_x[row], stream_wk[column], bias_l1[1][column], &key[row][column], E, 0);
  for (unsigned row = 0; row < P; row++)
    for (unsigned column = 0; column < S; column++)
      job = add(job, stream_wv[row], stream_x[column], bias_l1[2][row], &value[row][column], E, ITA_BIAS_BY_ROW);
  for (unsigned row = 0; row < S; row++) {
    for (unsigned column = 0; column < S; column++)
      job = add(job, query[row], key[column], NULL, &logits[row][column], P, ITA_BIAS_DISABLE);
    for (unsigned column = 0; column < P; column++)
      job = add(job, logits[row], value[column], NULL, &context[row][column], S, ITA_BIAS_DISABLE);
  }
  for (unsigned row = 0; row < S; row++)
    for (unsigned column = 0; column < E; column++)
      job = add(job, context[row], stream_wo[column], bias_l1[3][column], &stream_out[row][column], P, 0);
}

static void set(uintptr_t offset, uint32_t value_) { mmio_store(OCTET_ITA_BASE + offset, value_); }

static void constants(void) {
  set(ITA_TILES_OFFSET, S << ITA_TILES_S_SHIFT | E << ITA_TILES_E_SHIFT | P << ITA_TILES_P_SHIFT);
  set(ITA_EPS_MULT0_OFFSET, 0x80808080);
  set(ITA_EPS_MULT1_OFFSET, 0x8080);
  set(ITA_RIGHT_SHIFT0_OFFSET, 0x0f121212);
  set(ITA_RIGHT_SHIFT1_OFFSET, 0x0f0f);
  set(ITA_ADD0_OFFSET, 0);
  set(ITA_ADD1_OFFSET, 0);
  set(ITA_CTRL_ENGINE_OFFSET, ITA_ATTENTION);
}

static void copy(void *to, const void *from, uint32_t bytes) {
  dmsrc((intptr_t)from, 0);
  dmdst((intptr_t)to, 0);
  (void)dmcpyi(bytes, 0);
}

static void wait_dma(void) {
  while (dmstati(2) != 0) {
  }
}

static void wait_idle(void) {
  while (mmio_load(OCTET_CLUSTER_BASE + CLUSTER_HWPE_BUSY_OFFSET) != 0) {
  }
}

static uint32_t cycles(void) {
  uint32_t now;
  __asm__ volatile("csrr %0, mcycle" : "=r"(now));
  return now;
}

/** Returns the cycles from the first trigger to the end of the last job. */
static uint32_t drive(void) {
  uint32_t start = 0;
  copy(bias_l1, stream_bias, sizeof bias_l1);
  copy(weight_l1[0], jobs[0].weight, ITA_TILE_BYTES);
  for (unsigned j = 0; j < JOBS; j++) {
    const struct job *job = &jobs[j], *previous = job - 1;
    const unsigned at = j % BUFFERS, next = (j + 1) % BUFFERS;
    const bool last = j + 1 == JOBS;
    copy(input_l1[at], job->input, ITA_TILE_BYTES);
    if (j < CONTEXTS) constants();
    set(ITA_INPUT_PTR_OFFSET, (uintptr_t)input_l1[at]);
    set(ITA_WEIGHT_PTR0_OFFSET, (uintptr_t)weight_l1[at]);
    set(ITA_WEIGHT_PTR1_OFFSET, (uintptr_t)weight_l1[next]);
    set(ITA_BIAS_PTR_OFFSET, (uintptr_t)job->bias);
    set(ITA_OUTPUT_PTR_OFFSET, (uintptr_t)output_l1[at]);
    set(ITA_CTRL_STREAM_OFFSET, job->stream | (j == 0 ? ITA_PRELOAD : 0) | (last ? 0 : ITA_NEXTLOAD));
    wait_dma();
    if (!last) copy(weight_l1[next], job[1].weight, ITA_TILE_BYTES);
    wait_idle();
    if (j == 0) start = cycles();
    set(ITA_TRIGGER_OFFSET, 0);
    if (j > 0 && previous->output != NULL) copy(previous->output, output_l1[(j - 1) % BUFFERS], ITA_TILE_BYTES);
  }
  wait_idle();
  const uint32_t span = cycles() - start;
  copy(jobs[JOBS - 1].output, output_l1[(JOBS - 1) % BUFFERS], ITA_TILE_BYTES);
  wait_dma();
  return span;
}

int main(void) {
  const unsigned hart = hart_id(), last = hart_count() - 1;
  if (hart == 0) {
    fill(stream_x, sizeof stream_x, 1);
    fill(stream_wq, sizeof stream_wq, 2);
    fill(stream_wk, sizeof stream_wk, 3);
    fill(stream_wv, sizeof stream_wv, 4);
    fill(stream_wo, sizeof stream_wo, 5);
    fill(stream_bias, sizeof stream_bias, 6);
    for (unsigned i = 0; i < sizeof stream_bias; i += 3) (&stream_bias[0][0][0])[i + 2] = 0; /* below 65536 */
    plan();
  }
  cluster_barrier();
  if (hart == last) {
    ita_init();
    const uint32_t span = drive();
    printf("attention_stream: %u jobs in %u cycles\n", (unsigned)JOBS, (unsigned)span);
  }
  cluster_barrier();
  return 0;
}
