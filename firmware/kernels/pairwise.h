/** Integers combined pair by pair with broadcasting, and activations element by element. */
#ifndef OCTET_PAIRWISE_H
#define OCTET_PAIRWISE_H

#include "walk.h"

enum pair_kind {
  PAIR_ADD,
  PAIR_SUB,
  PAIR_MUL,
  PAIR_DIV,    /* towards zero */
  PAIR_MAX,
  PAIR_MIN,
  PAIR_SCALED, /* a * factor / (b * eta + eps), halves away from zero: IntegerDiv */
};

/** y = a op b modulo 2^32. a, b, y: integers, y dense    walk: the shape of y, with the strides of y, a and b */
struct pairwise {
  struct source a, b;
  struct result y;
  struct walk walk;
  enum pair_kind kind;
  int64_t factor, eta, eps;
};

void pairwise(const struct pairwise *step);

enum activation_kind {
  ACTIVATION_CLIP,      /* clip(x, p[0], p[1]): Relu, Clip */
  ACTIVATION_SCALE,     /* x * p[0]: TrueIntegerDiv, Neg */
  ACTIVATION_ABS,
  ACTIVATION_GELU,      /* x * floor((one + sign(x) * (one - (min(|x|, -b) + b)^2)) / 2), b = p[0], one = p[1] */
  ACTIVATION_HARDSWISH, /* x * clip(x + p[0], 0, p[1]) * p[2] */
};

/** y[i] = f(x[i]) modulo 2^32, dense tensors of `count` elements. */
struct activation {
  struct source x;
  struct result y;
  uint32_t count;
  enum activation_kind kind;
  int32_t p[3];
};

void activation(const struct activation *step);

#endif
