/** 64-bit arithmetic on a 32-bit machine: products, shifts, divisions and remainders, which the compiler's library does. */
#include "workload.h"

static uint64_t random64(uint32_t *state) {
  uint64_t high = next_random(state);
  return high << 32 | next_random(state);
}

static uint64_t power(uint64_t base, uint32_t exponent, uint64_t modulus) {
  uint64_t result = 1;
  base %= modulus;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

static uint64_t greatest_divisor(uint64_t a, uint64_t b) {
  while (b) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/** Newton's method. */
static uint64_t square_root(uint64_t x) {
  if (x < 2) return x;
  uint64_t guess = x, better = x / 2 + 1;
  while (better < guess) {
    guess = better;
    better = (guess + x / guess) / 2;
  }
  return guess;
}

/** Fixed point: a polynomial in Q32.32 with signed products and shifts. */
static int64_t polynomial(int64_t x) {
  int64_t y = 0x100000000LL;
  for (int i = 1; i < 12; i++) y = ((y >> 16) * (x >> 16)) / i + (y ^ (y >> 5));
  return y;
}

uint32_t workload(uint32_t repeat, uint32_t hart) {
  (void)hart;
  uint32_t state = 1;
  uint64_t sum = 0;
  for (uint32_t round = 0; round < repeat; round++) {
    uint64_t a = random64(&state), b = random64(&state);
    sum += power(a, (uint32_t)b & 0xffff, (b >> 34) | 1);
    sum ^= greatest_divisor(a, b);
    sum += square_root(a) * 3;
    sum ^= (uint64_t)polynomial((int64_t)(a >> 30));
    for (int i = 0; i < 64; i++) {
      a = a * 6364136223846793005u + 1442695040888963407u;
      sum += (a >> 17) ^ (a << 9) ^ (uint64_t)((int64_t)a < (int64_t)sum);
    }
  }
  return (uint32_t)(sum ^ sum >> 32);
}
