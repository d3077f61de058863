/**
 * The inner loop of sum_block.c with Xpulp. A row of four columns is one word of each term; a dot product with a unit
 * vector picks a column and adds the terms up, so that a column takes terms + 3 instructions.
 */
#ifndef OCTET_SUM_COLUMNS_XPULP_H
#define OCTET_SUM_COLUMNS_XPULP_H

#include "octet_xcv.h"
#include "sum_columns.h"

/* Registers of a row: the words of the terms in t3 to t6, two columns in t0 and t1, the result in t2. */
#define LOAD(term, word) CV_LW_RR_POST(word, "%[term" term "]", "%[pitch]") "\n"
#define LOADS_1 LOAD("0", "t3")
#define LOADS_2 LOADS_1 LOAD("1", "t4")
#define LOADS_3 LOADS_2 LOAD("2", "t5")
#define LOADS_4 LOADS_3 LOAD("3", "t6")

#define ADD(word, c, x) CV_SDOTSP_B(x, word, "%[unit" c "]") "\n"
#define SUM_1(c, x) CV_DOTSP_B(x, "t3", "%[unit" c "]") "\n"
#define SUM_2(c, x) SUM_1(c, x) ADD("t4", c, x)
#define SUM_3(c, x) SUM_2(c, x) ADD("t5", c, x)
#define SUM_4(c, x) SUM_3(c, x) ADD("t6", c, x)

#define COLUMN(terms, c, x)                           \
  SUM_##terms(c, x)                                   \
  "mul " x ", " x ", %[scale" c "]\n"                 \
  CV_ADDNR(x, "%[offset" c "]", "%[shift]") "\n"      \
  CV_CLIP(x, x, "8") "\n"

#define ROW(terms)                                                                                    \
  LOADS_##terms                                                                                       \
  COLUMN(terms, "0", "t0") COLUMN(terms, "1", "t1") CV_PACKLO_B("t2", "t1", "t0") "\n"                \
  COLUMN(terms, "2", "t0") COLUMN(terms, "3", "t1") CV_PACKHI_B("t2", "t1", "t0") "\n"                \
  CV_SW_RR_POST("t2", "%[out]", "%[pitch]")

#define TERMS_1 [term0] "+r"(terms[0])
#define TERMS_2 TERMS_1, [term1] "+r"(terms[1])
#define TERMS_3 TERMS_2, [term2] "+r"(terms[2])
#define TERMS_4 TERMS_3, [term3] "+r"(terms[3])

/* Loads, four columns, two packs, a store: 5 * terms + 15 instructions. */
#define ROWS(terms)                                                                                                \
  __asm__ volatile(CV_LOOP(0, "%[rows]", 5 * terms + 15, ROW(terms))                                               \
                   : TERMS_##terms, [out] "+r"(out)                                                                \
                   : [pitch] "r"(columns->pitch), [rows] "r"(columns->rows), [shift] "r"(columns->shift),          \
                     [unit0] "r"(1), [unit1] "r"(1 << 8), [unit2] "r"(1 << 16), [unit3] "r"(1 << 24),              \
                     [scale0] "r"(scale[0]), [scale1] "r"(scale[1]), [scale2] "r"(scale[2]), [scale3] "r"(scale[3]), \
                     [offset0] "r"(offset[0]), [offset1] "r"(offset[1]), [offset2] "r"(offset[2]),                 \
                     [offset3] "r"(offset[3])                                                                      \
                   : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory")

/** As sum_columns. */
static inline __attribute__((always_inline)) void sum_columns_xpulp(const struct columns *columns, uint32_t count) {
  const int32_t *scale = columns->scale, *offset = columns->offset;
  uint8_t *out = columns->out;
  const int8_t *terms[COLUMNS_MAX_TERMS];
#pragma GCC unroll 4
  for (uint32_t t = 0; t < count; t++) terms[t] = columns->terms[t];
  switch (count) {
    case 1: ROWS(1); break;
    case 2: ROWS(2); break;
    case 3: ROWS(3); break;
    case 4: ROWS(4); break;
  }
}

#endif
