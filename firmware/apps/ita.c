/** Two linear layers of 1x3 by 3x2 tiles on the accelerator, compared with plain loops. Ends with 0 when all elements agree. */
#include "ita.h"

#include <stdio.h>

#include "cluster.h"

enum { INNER = 3, COLUMNS = 2, JOBS = COLUMNS * INNER, LAYERS = 2 };

/* requantisation of each layer, so that constants left over from the first would show in the second */
static const struct ita_layer_config layers[LAYERS] = {
    {.layer = ITA_LINEAR, .tiles_s = 1, .tiles_e = INNER, .tiles_p = COLUMNS, .mult = {187}, .shift = {15}, .add = {-3}},
    {.layer = ITA_LINEAR, .tiles_s = 1, .tiles_e = INNER, .tiles_p = COLUMNS, .mult = {141}, .shift = {16}, .add = {20}},
};

typedef int8_t tile[ITA_TILE][ITA_TILE];

static tile input[INNER] __attribute__((section(".tcdm"), aligned(64)));
static tile weight[COLUMNS][INNER] __attribute__((section(".tcdm"), aligned(64)));
static tile output[LAYERS][COLUMNS] __attribute__((section(".tcdm"), aligned(64)));
static uint8_t bias[COLUMNS][ITA_BIAS_BYTES] __attribute__((section(".tcdm"), aligned(64)));

static int32_t bias_of(int column) { return 1000 * (column % 7) - 3000; }

static void fill(int8_t *bytes, int count, uint32_t seed) {
  for (int i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    bytes[i] = (int8_t)(seed >> 24);
  }
}

static void prepare(void) {
  fill(&input[0][0][0], sizeof input, 1);
  fill(&weight[0][0][0][0], sizeof weight, 2);
  for (int column = 0; column < COLUMNS * ITA_TILE; column++) {
    uint8_t *packed = &bias[column / ITA_TILE][column % ITA_TILE * 3];
    for (int byte = 0; byte < 3; byte++) packed[byte] = (uint8_t)((uint32_t)bias_of(column) >> (8 * byte));
  }
}

static void run(int layer) {
  ita_configure(&layers[layer]);
  for (int job = 0; job < JOBS; job++) {
    int column = job / INNER, inner = job % INNER, next = (job + 1) % JOBS;
    ita_submit(&(struct ita_job){
        .input = &input[inner][0][0],
        .weight = &weight[column][inner][0][0],
        .next_weight = &weight[next / INNER][next % INNER][0][0],
        .bias = bias[column],
        .output = &output[layer][column][0][0],
        .stream = (job == 0 ? ITA_PRELOAD : 0) | (job + 1 < JOBS ? ITA_NEXTLOAD : 0) |
                  (inner + 1 < INNER ? ITA_OUTPUT_DISABLE : 0),
    });
  }
  ita_wait(0);
}

static int32_t product(int row, int column) {
  int32_t sum = bias_of(column);
  for (int inner = 0; inner < INNER; inner++) {
    const int8_t *x = input[inner][row], *w = weight[column / ITA_TILE][inner][column % ITA_TILE];
    for (int k = 0; k < ITA_TILE; k++) sum += x[k] * w[k];
  }
  return sum;
}

static int requantize(int32_t sum, const struct ita_layer_config *config) {
  int64_t scaled = (int64_t)sum * config->mult[0];
  int64_t y = ((scaled + (INT64_C(1) << (config->shift[0] - 1))) >> config->shift[0]) + config->add[0];
  return y < -128 ? -128 : y > 127 ? 127 : (int)y;
}

static unsigned mismatches;

int main(void) {
  unsigned hart = hart_id(), harts = hart_count();
  if (hart == 0) {
    prepare();
    ita_init();
    for (int layer = 0; layer < LAYERS; layer++) run(layer);
  }
  cluster_barrier();

  unsigned wrong = 0;
  for (int row = (int)hart; row < ITA_TILE; row += (int)harts) {
    for (int column = 0; column < COLUMNS * ITA_TILE; column++) {
      int32_t sum = product(row, column);
      for (int layer = 0; layer < LAYERS; layer++) {
        wrong += output[layer][column / ITA_TILE][row][column % ITA_TILE] != requantize(sum, &layers[layer]);
      }
    }
  }
  __atomic_fetch_add(&mismatches, wrong, __ATOMIC_RELAXED);
  cluster_barrier();
  if (hart != 0) return 0;
  printf("ita: %u of %u elements differ\n", mismatches, (unsigned)sizeof output);
  return mismatches != 0;
}
