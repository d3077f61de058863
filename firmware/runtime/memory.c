/** memcpy and memset a word at a time, in place of the C library's, which go byte by byte; the compiler calls both. */
#include <stddef.h>
#include <stdint.h>

/* Otherwise the compiler recognises the loops and calls the functions themselves. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

/** A word that may hold objects of any type. */
typedef uint32_t __attribute__((may_alias)) word;

enum { WORD = sizeof(word) };

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  uint8_t *d = to;
  const uint8_t *s = from;
  if ((((uintptr_t)d | (uintptr_t)s) % WORD) == 0) {
    for (; bytes >= 4 * WORD; bytes -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
      const word a = ((const word *)s)[0], b = ((const word *)s)[1], c = ((const word *)s)[2], e = ((const word *)s)[3];
      ((word *)d)[0] = a, ((word *)d)[1] = b, ((word *)d)[2] = c, ((word *)d)[3] = e;
    }
    for (; bytes >= WORD; bytes -= WORD, d += WORD, s += WORD) *(word *)d = *(const word *)s;
  }
  for (; bytes > 0; bytes--) *d++ = *s++;
  return to;
}

void *memset(void *at, int value, size_t bytes) {
  uint8_t *d = at;
  const word fill = (uint8_t)value * 0x01010101u;
  for (; bytes > 0 && (uintptr_t)d % WORD != 0; bytes--) *d++ = (uint8_t)value;
  for (; bytes >= 4 * WORD; bytes -= 4 * WORD, d += 4 * WORD) {
    ((word *)d)[0] = fill, ((word *)d)[1] = fill, ((word *)d)[2] = fill, ((word *)d)[3] = fill;
  }
  for (; bytes >= WORD; bytes -= WORD, d += WORD) *(word *)d = fill;
  for (; bytes > 0; bytes--) *d++ = (uint8_t)value;
  return at;
}
