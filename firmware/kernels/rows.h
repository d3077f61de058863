/** Integer softmaxes and normalisations of rows, as the PULP dialect defines them. */
#ifndef OCTET_ROWS_H
#define OCTET_ROWS_H

#include <stdbool.h>

#include "element.h"

enum softmax_kind {
  SOFTMAX_POLYNOMIAL, /* I-BERT's: p = ((r + b)^2 + c) >> z, z = (max - x) / log2, r = x - max + z * log2: iSoftmax */
  SOFTMAX_OCTAVES,    /* powers of two, the maximum of the whole row: ITAMax */
  SOFTMAX_STREAMED,   /* powers of two, a running maximum by groups: ITAPartialMax */
};

/**
 * y[r] = softmax(x[r]) for each row.
 *
 * x: integers [rows, columns]    y: int8 or uint8, same shape
 * SOFTMAX_POLYNOMIAL: y = p * top / Σ p, top = levels - 1
 * others: h(d) = d >> shift, rounded half up; y = (top / sum) >> h(max - x), sum of 256 >> h(max - x)
 * SOFTMAX_STREAMED: for each group of `width`, sum = (sum >> h(new - max)) + Σ (256 >> h(new - x))
 */
struct softmax {
  struct source x;
  struct result y;
  uint32_t rows, columns;
  enum softmax_kind kind;
  int32_t b, c, log2;
  uint32_t width, shift;
  int32_t top;
};

void softmax(const struct softmax *step);

/**
 * y = clip(floor((trunc((x - m) * weight / s) + bias) / div)), for each row of n elements: iLayerNorm with its mean
 * m = trunc(Σ x / n), iRMSNorm without (m = 0); s = floor(√(floor(Σ (x - m)² / n) + 1)).
 *
 * x: integers [rows, columns]    weight, bias: int32 [columns], bias NULL for none    y: int8, same shape
 */
struct norm {
  struct source x;
  struct result y;
  uint32_t rows, columns;
  bool centred;
  const int32_t *weight, *bias;
  int64_t div;
  int32_t least, most;
};

void norm(const struct norm *step);

#endif
