/** Saturation to int8, by one instruction where the harts have Xpulp. */
#ifndef OCTET_CLAMP_H
#define OCTET_CLAMP_H

#include <stdint.h>

#ifdef OCTET_XPULP
#include "octet_xcv.h"
#endif

/** The low byte of `value` saturated to -128..127. */
static inline __attribute__((always_inline)) uint8_t clamp(int32_t value) {
#ifdef OCTET_XPULP
  return (uint8_t)cv_clip(value, 8);
#else
  if ((uint32_t)(value + 128) > 255) return value < 0 ? 0x80 : 0x7f;
  return (uint8_t)value;
#endif
}

#endif
