/** Steps between integers and real numbers, in single precision as ONNX Runtime and the PULP dialect define them. */
#ifndef OCTET_QUANTIZE_H
#define OCTET_QUANTIZE_H

#include <stdbool.h>

#include "walk.h"

/** The integers a result may have, after its zero point has been added; of at most 17 bits. */
struct levels {
  int32_t zero, least, most;
};

/** The nearest integer, halves to the even one, plus the zero point, clipped. */
static inline int32_t quantized(float value, const struct levels *levels) {
  const float limit = 1 << 20, shift = 12582912.0f; /* 1.5 * 2^23: adding it leaves no fraction bits */
  const float bounded = value < -limit ? -limit : value > limit ? limit : value;
  const float sum = bounded + shift;
  return clipped((int32_t)(sum - shift) + levels->zero, levels->least, levels->most);
}

/** Scale and zero point of channel i / inner % count. */
struct channels {
  const float *scale;
  const int32_t *zero; /* one for each channel */
  uint32_t count, inner;
};

enum quantize_kind {
  QUANTIZE_LINEAR,    /* y = clip(even(x / scale) + zero), x float */
  QUANTIZE_PRODUCT,   /* y = clip(even(x * scale) + levels.zero), x integers: QLinearMatMul, QLinearConv, QGemm */
  QUANTIZE_AFFINE,    /* y = clip(x * scale + zero, halves away from zero), x float: Quant */
  DEQUANTIZE,         /* y = (x - zero) * scale, y float: Dequant, DequantizeLinear, QGemm without a scale */
};

/** y[i] = f(x[i]), dense tensors of `count` elements. */
struct quantize {
  struct source x;
  struct result y;
  uint32_t count;
  enum quantize_kind kind;
  struct channels channels;
  struct levels levels;
};

void quantize(const struct quantize *step);

/** y = clip(even((a_real op b_real) / y_scale) + zero), broadcast: QLinearAdd, QLinearMul; walk: strides of y, a and b. */
struct real_pair {
  struct source a, b;
  struct result y;
  struct walk walk;
  bool multiply;
  int32_t a_zero, b_zero;
  float a_scale, b_scale, y_scale;
  struct levels levels;
};

void real_pair(const struct real_pair *step);

#endif
