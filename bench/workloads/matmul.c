/** int8 matrix product with requantisation, as a layer of a network: 64 x 64 x 64, each result the next input. */
#include "workload.h"

#define N 64

static int8_t a[N][N];
static int8_t weights[N][N];
static int8_t result[N][N];

/** result[i][j] = clamp(sum over k of a[i][k] * weights[j][k], scaled by 2^-9). */
static void multiply(void) {
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      int32_t sum = 256;
      for (int k = 0; k < N; k++) sum += a[i][k] * weights[j][k];
      sum >>= 9;
      result[i][j] = sum > 127 ? 127 : sum < -128 ? -128 : (int8_t)sum;
    }
  }
}

uint32_t workload(uint32_t repeat, uint32_t hart) {
  (void)hart;
  uint32_t state = 1, checksum = 2166136261u;
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      a[i][j] = (int8_t)next_random(&state);
      weights[i][j] = (int8_t)next_random(&state);
    }
  }
  for (uint32_t round = 0; round < repeat; round++) {
    multiply();
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        checksum = mix(checksum, (uint32_t)result[i][j]);
        a[i][j] = (int8_t)(result[i][j] + (int8_t)next_random(&state));
      }
    }
  }
  return checksum;
}
