/** Hart 1 starts a 2D transfer whose last row lies beyond the TCDM; the machine reports it at launch. */
#include "cluster.h"
#include "dma.h"
#include "octet_map.h"

enum { ROWS = 3, STRIDE = 0x10000 };

static uint8_t rows[ROWS][64];

int main(void) {
  if (hart_id() == 1) dma_wait(dma_copy_2d((void *)OCTET_TCDM_BASE, rows, 64, STRIDE, 64, ROWS));
  cluster_barrier();
  return 0;
}
