/** Mixed integer code: hashing, unpredictable branches, a small hash table, text scanning and searches. */
#include "workload.h"

#define SLOTS 256
#define TEXT 512

static uint32_t keys[SLOTS];
static uint32_t counts[SLOTS];
static uint16_t sorted[128];
static uint8_t text[TEXT];

/** Counts the key in an open-addressed table; the table is cleared when it is three quarters full. */
static uint32_t count_key(uint32_t key, uint32_t *used) {
  uint32_t slot = (key * 2654435761u) >> 24;
  while (keys[slot] != 0 && keys[slot] != key) slot = (slot + 1) % SLOTS;
  if (keys[slot] == 0) {
    keys[slot] = key;
    counts[slot] = 0;
    if (++*used > SLOTS * 3 / 4) {
      for (int i = 0; i < SLOTS; i++) keys[i] = 0;
      *used = 0;
    }
  }
  return ++counts[slot];
}

/** Scans words, numbers and brackets, as a tokeniser does. */
static uint32_t scan(void) {
  uint32_t words = 0, numbers = 0, depth = 0, deepest = 0, value = 0;
  for (int i = 0; i < TEXT;) {
    uint8_t c = text[i];
    if (c >= 'a' && c <= 'z') {
      while (i < TEXT && text[i] >= 'a' && text[i] <= 'z') value = value * 31 + text[i++];
      words++;
    } else if (c >= '0' && c <= '9') {
      uint32_t number = 0;
      while (i < TEXT && text[i] >= '0' && text[i] <= '9') number = number * 10 + (text[i++] - '0');
      numbers += number;
    } else {
      if (c == '(') {
        if (++depth > deepest) deepest = depth;
      } else if (c == ')' && depth > 0) {
        depth--;
      }
      i++;
    }
  }
  return value ^ words << 24 ^ deepest << 16 ^ numbers;
}

/** Position of the first entry that is not below `value`. */
static uint32_t search(uint32_t value) {
  uint32_t low = 0, high = 128;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One of eight operations, chosen by the data. */
static uint32_t operate(uint32_t x, uint32_t y) {
  switch (x & 7) {
    case 0: return x + y;
    case 1: return x - (y >> 3);
    case 2: return x * (y | 1);
    case 3: return (x << (y & 31)) | (x >> (-y & 31));
    case 4: return (int32_t)x < (int32_t)y ? x ^ y : y - x;
    case 5: {
      uint32_t bits = 0;
      for (uint32_t rest = x & 0xffff; rest; rest &= rest - 1) bits++;
      return y + bits;
    }
    case 6: return x / ((y & 0xff) + 1);
    default: return x > y ? x & ~y : x | (y << 1);
  }
}

uint32_t workload(uint32_t repeat, uint32_t hart) {
  static const char alphabet[] = "abcdefghij klmnopq(rstuv)wxyz 0123456789 ";
  uint32_t state = hart + 1, checksum = 2166136261u, used = 0;
  for (int i = 0; i < SLOTS; i++) keys[i] = 0;
  for (int i = 0; i < TEXT; i++) text[i] = (uint8_t)alphabet[next_random(&state) % 40];
  for (int i = 0; i < 128; i++) sorted[i] = (uint16_t)(i * 512);
  for (uint32_t round = 0; round < repeat; round++) {
    for (int i = 0; i < 256; i++) {
      uint32_t x = next_random(&state);
      checksum = operate(checksum, x);
      checksum += count_key((x >> 20) + 1, &used);
      checksum ^= search(x & 0xffff);
    }
    text[next_random(&state) % TEXT] = (uint8_t)alphabet[checksum % 40];
    checksum = mix(checksum, scan());
  }
  return checksum;
}
