/** Comparing stretches of memory, four bytes at a time. */

const words = ({ buffer, byteOffset, length }: Uint8Array): Int32Array =>
  new Int32Array(buffer, byteOffset, length >> 2);

/** Index of the first byte that differs, or the length. Both are equally long, word-aligned and whole words. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const [x, y] = [words(a), words(b)];
  for (let i = 0; i < x.length; i++) {
    if (x[i] === y[i]) continue;
    for (let at = 4 * i; ; at++) if (a[at] !== b[at]) return at;
  }
  return a.length;
}
