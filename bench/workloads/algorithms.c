/** Three textbook algorithms in turn: CRC-32 of a buffer, quicksort with insertion sort, and the sieve of Eratosthenes. */
#include "workload.h"

#define BUFFER 4096
#define ITEMS 2048
#define LIMIT 16384

static uint32_t table[256];
static uint8_t buffer[BUFFER];
static int32_t items[ITEMS];
static uint8_t composite[LIMIT];

static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
}

static uint32_t crc32(const uint8_t *data, int bytes) {
  uint32_t crc = ~0u;
  for (int i = 0; i < bytes; i++) crc = table[(crc ^ data[i]) & 0xff] ^ (crc >> 8);
  return ~crc;
}

static void insertion_sort(int32_t *v, int count) {
  for (int i = 1; i < count; i++) {
    int32_t value = v[i];
    int j = i;
    for (; j > 0 && v[j - 1] > value; j--) v[j] = v[j - 1];
    v[j] = value;
  }
}

static void sort(int32_t *v, int count) {
  while (count > 16) {
    int32_t pivot = v[count / 2];
    int low = 0, high = count - 1;
    for (;;) {
      while (v[low] < pivot) low++;
      while (v[high] > pivot) high--;
      if (low >= high) break;
      int32_t value = v[low];
      v[low++] = v[high];
      v[high--] = value;
    }
    sort(v, high + 1);
    v += high + 1;
    count -= high + 1;
  }
  insertion_sort(v, count);
}

static uint32_t count_primes(void) {
  uint32_t primes = 0;
  for (int i = 0; i < LIMIT; i++) composite[i] = 0;
  for (int i = 2; i < LIMIT; i++) {
    if (composite[i]) continue;
    primes++;
    for (int j = 2 * i; j < LIMIT; j += i) composite[j] = 1;
  }
  return primes;
}

uint32_t workload(uint32_t repeat, uint32_t hart) {
  (void)hart;
  uint32_t state = 1, checksum = 2166136261u;
  make_table();
  for (int i = 0; i < BUFFER; i++) buffer[i] = (uint8_t)next_random(&state);
  for (uint32_t round = 0; round < repeat; round++) {
    for (int pass = 0; pass < 8; pass++) {
      uint32_t crc = crc32(buffer, BUFFER);
      buffer[crc % BUFFER] ^= (uint8_t)(crc >> 16);
      checksum = mix(checksum, crc);
    }
    for (int i = 0; i < ITEMS; i++) items[i] = (int32_t)next_random(&state);
    sort(items, ITEMS);
    for (int i = 1; i < ITEMS; i++) checksum += (uint32_t)(items[i - 1] <= items[i]);
    checksum = mix(checksum, (uint32_t)items[ITEMS / 2]);
    checksum = mix(checksum, count_primes());
  }
  return checksum;
}
