/** The integer transformer accelerator: one job multiplies a 64x64 int8 tile by another (see octet_ita.h for the registers). */
#ifndef OCTET_ITA_H
#define OCTET_ITA_H

#include <stdbool.h>
#include <stdint.h>

enum { ITA_TILE = 64, ITA_TILE_BYTES = 4096, ITA_BIAS_BYTES = 192 };

enum ita_layer { ITA_ATTENTION = 0, ITA_FEEDFORWARD = 1, ITA_LINEAR = 2, ITA_SINGLE_ATTENTION = 3 };
enum ita_activation { ITA_IDENTITY = 0, ITA_GELU = 1, ITA_RELU = 2 };

/** Values of CTRL_STREAM. */
enum {
  ITA_PRELOAD = 1,        /* fetch the whole weight tile in this job */
  ITA_NEXTLOAD = 2,       /* fetch the first quarter of the next job's weight tile too */
  ITA_BIAS_DISABLE = 4,
  ITA_BIAS_BY_ROW = 8,    /* one bias per output row: the transposed V */
  ITA_OUTPUT_DISABLE = 16 /* set for every inner tile but the last */
};

/** What stays the same over the jobs of one layer: the requantisation of step i is (mult[i], shift[i], add[i]). */
struct ita_layer_config {
  uint8_t layer, activation;
  uint8_t tiles_s, tiles_e, tiles_p, tiles_f; /* 1..15 each */
  uint8_t mult[8], shift[8];
  int8_t add[8];
  int16_t gelu_b, gelu_c;
  uint8_t act_mult, act_shift;
  int8_t act_add;
};

/** One job: TCDM addresses of 64x64 tiles (packed 24-bit biases for `bias`). */
struct ita_job {
  const int8_t *input, *weight, *next_weight;
  const uint8_t *bias;
  int8_t *output;
  uint32_t stream; /* ITA_PRELOAD | ... */
};

/** Clears the job queue; call once before the first job. */
void ita_init(void);

/** Loads a layer's constants into every context; the accelerator must be idle. */
void ita_configure(const struct ita_layer_config *config);

/** Writes the registers of a job into the next context, which must be free; nothing runs yet. */
void ita_program(const struct ita_job *job);

/** Queues the job that was programmed. */
void ita_trigger(void);

/** What a compiler states word by word: a layer's registers TILES to ADD1, CTRL_ENGINE and ACT_REQUANT, a job's in the order of struct ita_job. */
enum { ITA_LAYER_WORDS = 9, ITA_JOB_WORDS = 6 };

/** Writes a layer's registers for the next job alone: contexts keep theirs, so the first jobs of a layer need them, one each. */
void ita_put_layer(const uintptr_t words[ITA_LAYER_WORDS]);

/** Queues a job; a context must be free. */
void ita_put_job(const uintptr_t words[ITA_JOB_WORDS]);

/** Queues a job, waiting while all contexts are taken. */
void ita_submit(const struct ita_job *job);

/**
 * Returns when at most `pending` submitted jobs are unfinished (0: all done); sleeps meanwhile. With OCTET_POLLED it
 * returns when the accelerator is idle, and polls.
 */
void ita_wait(unsigned pending);

#endif
