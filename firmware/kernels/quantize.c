/** Between integers and real numbers: see quantize.h. Soft floating point where the harts have none. */
#include "quantize.h"

/** x * scale + zero in single precision, halves away from zero; beyond the levels of any type it is as good as infinite. */
static int32_t affine(float x, float scale, float zero, const struct levels *levels) {
  const float limit = 1 << 20, scaled = x * scale;
  const float sum = scaled + zero;
  const float shifted = sum + (sum >= 0 ? 0.5f : -0.5f);
  const float bounded = shifted < -limit ? -limit : shifted > limit ? limit : shifted;
  return clipped((int32_t)bounded, levels->least, levels->most);
}

void quantize(const struct quantize *step) {
  const struct channels *channels = &step->channels;
  const struct share share = share_of(step->count);
  for (uint32_t i = share.first; i < share.last; i++) {
    const uint32_t channel = channels->count == 1 ? 0 : i / channels->inner % channels->count;
    const float scale = channels->scale[channel];
    struct levels levels = step->levels;
    switch (step->kind) {
      case QUANTIZE_LINEAR:
        levels.zero = channels->zero[channel];
        store(&step->y, i, quantized(((const float *)step->x.data)[i] / scale, &levels));
        break;
      case QUANTIZE_PRODUCT: store(&step->y, i, quantized((float)load(&step->x, i) * scale, &levels)); break;
      case QUANTIZE_AFFINE:
        store(&step->y, i, affine(((const float *)step->x.data)[i], scale, (float)channels->zero[channel], &levels));
        break;
      case DEQUANTIZE:
        ((float *)step->y.data)[i] = (float)(load(&step->x, i) - channels->zero[channel]) * scale;
        break;
    }
  }
}

void real_pair(const struct real_pair *step) {
  const struct walk *walk = &step->walk;
  const struct share share = share_of(walk_count(walk));
  if (share.first == share.last) return;
  const uint32_t last = walk->rank - 1, a_step = (uint32_t)walk->step[1][last], b_step = (uint32_t)walk->step[2][last];
  struct position at;
  walk_seek(walk, share.first, &at);
  for (uint32_t left = share.last - share.first; left > 0;) {
    const uint32_t run = walk_run(walk, &at, left);
    uint32_t i = at.offset[0], a = at.offset[1], b = at.offset[2];
    for (uint32_t n = 0; n < run; n++, i++, a += a_step, b += b_step) {
      const float x = (float)(load(&step->a, a) - step->a_zero) * step->a_scale;
      const float y = (float)(load(&step->b, b) - step->b_zero) * step->b_scale;
      const float result = step->multiply ? x * y : x + y;
      store(&step->y, i, quantized(result / step->y_scale, &step->levels));
    }
    walk_advance(walk, run, &at);
    left -= run;
  }
}
