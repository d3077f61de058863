/** 1D and 2D transfers between DRAM and TCDM by all harts at once, checked byte by byte. Ends with 0 when all are right. */
#include "dma.h"

#include <stdbool.h>
#include <stdio.h>

#include "cluster.h"

enum { HARTS = 16, WIDTH = 40, ROWS = 24, TILE = 16, COPIES = 12 };

static uint8_t source[HARTS][ROWS][WIDTH];
static uint8_t result[HARTS][ROWS][WIDTH];
static uint8_t tile[HARTS][ROWS][TILE] __attribute__((section(".tcdm")));

enum { LINEAR = 1, GATHER = 2, SCATTER = 4 };

/** Which of the transfers above went wrong on any hart. */
static unsigned failures;

static void check(bool right, unsigned what) {
  if (!right) __atomic_fetch_or(&failures, what, __ATOMIC_RELAXED);
}

int main(void) {
  unsigned hart = hart_id();
  uint8_t(*in)[WIDTH] = source[hart], (*out)[WIDTH] = result[hart], (*local)[TILE] = tile[hart];
  for (unsigned row = 0; row < ROWS; row++) {
    for (unsigned column = 0; column < WIDTH; column++) in[row][column] = (uint8_t)(row * 7 + column * 3 + hart);
  }

  /* more transfers than the queue holds, the last one waited for */
  dma_txid last = 0;
  for (unsigned i = 0; i < COPIES; i++) last = dma_copy(&out[i * 2], &in[i * 2], 2 * WIDTH);
  dma_wait(last);
  bool same = true;
  for (unsigned i = 0; i < ROWS * WIDTH; i++) same &= out[0][i] == in[0][i];
  check(same, LINEAR);

  /* a tile of columns 8..23 into TCDM and from there to columns 20..35 */
  dma_wait(dma_copy_2d(local, &in[0][8], TILE, TILE, WIDTH, ROWS));
  same = true;
  for (unsigned row = 0; row < ROWS; row++) {
    for (unsigned column = 0; column < TILE; column++) same &= local[row][column] == in[row][8 + column];
  }
  check(same, GATHER);
  dma_wait(dma_copy_2d(&out[0][20], local, TILE, WIDTH, TILE, ROWS));
  same = true;
  for (unsigned row = 0; row < ROWS; row++) {
    for (unsigned column = 0; column < WIDTH; column++) {
      bool inside = column >= 20 && column < 20 + TILE;
      same &= out[row][column] == in[row][inside ? column - 12 : column];
    }
  }
  check(same, SCATTER);

  cluster_barrier();
  if (hart != 0) return 0;
  printf("dma: %u harts;%s%s%s\n", hart_count(), failures & LINEAR ? " the 1D copy is wrong" : " the 1D copy is right",
         failures & GATHER ? ", the gathered tile is wrong" : ", the gathered tile is right",
         failures & SCATTER ? ", the scattered tile is wrong" : ", the scattered tile is right");
  return failures != 0;
}
