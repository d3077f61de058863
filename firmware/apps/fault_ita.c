/** The first job claims that its weights were fetched by a job before; hardware would never finish, the machine says why. */
#include "cluster.h"
#include "ita.h"

static int8_t tiles[3][ITA_TILE_BYTES] __attribute__((section(".tcdm"), aligned(64)));

int main(void) {
  if (hart_id() == 0) {
    ita_init();
    ita_configure(&(struct ita_layer_config){.layer = ITA_LINEAR, .tiles_s = 1, .tiles_e = 1, .tiles_p = 1});
    ita_submit(&(struct ita_job){.input = tiles[0], .weight = tiles[1], .output = tiles[2], .stream = ITA_BIAS_DISABLE});
    ita_wait(0);
  }
  cluster_barrier();
  return 0;
}
