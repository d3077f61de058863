/** Element by element: see pairwise.h. */
#include "pairwise.h"

/** num / den, halves away from zero; den > 0. */
static int32_t nearest(int64_t num, int64_t den) {
  const int64_t half = den / 2;
  return (int32_t)((num < 0 ? num - half : num > 0 ? num + half : 0) / den);
}

ALWAYS_INLINE int32_t combined(const struct pairwise *step, enum pair_kind kind, int32_t x, int32_t y) {
  switch (kind) {
    case PAIR_ADD: return (int32_t)((uint32_t)x + (uint32_t)y);
    case PAIR_SUB: return (int32_t)((uint32_t)x - (uint32_t)y);
    case PAIR_MUL: return (int32_t)((uint32_t)x * (uint32_t)y);
    case PAIR_DIV: return y == 0 ? 0 : (int32_t)((int64_t)x / y);
    case PAIR_MAX: return x > y ? x : y;
    case PAIR_MIN: return x < y ? x : y;
    default: return nearest(x * step->factor, y * step->eta + step->eps);
  }
}

/** One run along the last axis; inlined once for each operation. */
ALWAYS_INLINE void run_of(const struct pairwise *step, enum pair_kind kind, const struct position *at, uint32_t run) {
  const uint32_t last = step->walk.rank - 1;
  const uint32_t a_step = (uint32_t)step->walk.step[1][last], b_step = (uint32_t)step->walk.step[2][last];
  uint32_t y = at->offset[0], a = at->offset[1], b = at->offset[2];
  for (uint32_t n = 0; n < run; n++, y++, a += a_step, b += b_step) {
    store(&step->y, y, combined(step, kind, load(&step->a, a), load(&step->b, b)));
  }
}

void pairwise(const struct pairwise *step) {
  const struct walk *walk = &step->walk;
  const struct share share = share_of(walk_count(walk));
  if (share.first == share.last) return;
  struct position at;
  walk_seek(walk, share.first, &at);
  for (uint32_t left = share.last - share.first; left > 0;) {
    const uint32_t run = walk_run(walk, &at, left);
    switch (step->kind) {
      case PAIR_ADD: run_of(step, PAIR_ADD, &at, run); break;
      case PAIR_SUB: run_of(step, PAIR_SUB, &at, run); break;
      case PAIR_MUL: run_of(step, PAIR_MUL, &at, run); break;
      case PAIR_DIV: run_of(step, PAIR_DIV, &at, run); break;
      case PAIR_MAX: run_of(step, PAIR_MAX, &at, run); break;
      case PAIR_MIN: run_of(step, PAIR_MIN, &at, run); break;
      case PAIR_SCALED: run_of(step, PAIR_SCALED, &at, run); break;
    }
    walk_advance(walk, run, &at);
    left -= run;
  }
}

static int32_t gelu(int32_t x, int32_t b, int32_t one) {
  const int64_t size = x < 0 ? -(int64_t)x : x, t = (size < -(int64_t)b ? size : -(int64_t)b) + b;
  const int64_t rest = one - t * t, erf = x < 0 ? -rest : x > 0 ? rest : 0;
  return (int32_t)(x * ((one + erf) >> 1));
}

void activation(const struct activation *step) {
  const struct share share = share_of(step->count);
  const int32_t *p = step->p;
  for (uint32_t i = share.first; i < share.last; i++) {
    const int32_t x = load(&step->x, i);
    int32_t y = 0;
    switch (step->kind) {
      case ACTIVATION_CLIP: y = clipped(x, p[0], p[1]); break;
      case ACTIVATION_SCALE: y = (int32_t)((uint32_t)x * (uint32_t)p[0]); break;
      case ACTIVATION_ABS: y = x < 0 ? (int32_t)-(uint32_t)x : x; break;
      case ACTIVATION_GELU: y = gelu(x, p[0], p[1]); break;
      case ACTIVATION_HARDSWISH:
        y = (int32_t)((int64_t)x * clipped((int64_t)x + p[0], 0, p[1]) * p[2]);
        break;
    }
    store(&step->y, i, y);
  }
}
