/**
 * Counter-based random numbers that are the same on every host: splitmix64 (Steele, Lea, Flood, "Fast splittable
 * pseudorandom number generators", 2014), computed in 32-bit halves.
 */

/** A 64-bit word as two unsigned halves. */
interface Word {
  readonly hi: number;
  readonly lo: number;
}

const GAMMA: Word = { hi: 0x9e37_79b9, lo: 0x7f4a_7c15 };

/** High 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aHi = a >>> 16;
  const aLo = a & 0xffff;
  const bHi = b >>> 16;
  const bLo = b & 0xffff;
  const low = Math.imul(aLo, bLo) >>> 0;
  const middle = aHi * bLo + (low >>> 16);
  const cross = aLo * bHi + (middle % 0x1_0000);
  return (aHi * bHi + Math.floor(middle / 0x1_0000) + Math.floor(cross / 0x1_0000)) >>> 0;
}

/** The `index`-th number of the stream named by `seed` and `name`, in parts that draw from it without allocating. */
export class Stream {
  readonly #seed: Word;
  #hi = 0;
  #lo = 0;

  constructor(seed: number, name: string) {
    // The name is absorbed character by character; the mixing function spreads each over all 64 bits.
    this.#mix(Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0);
    for (const character of name) this.#mix(this.#hi, this.#lo ^ (character.codePointAt(0) ?? 0));
    this.#seed = { hi: this.#hi, lo: this.#lo };
  }

  /** Uniform in [0, bound), bound ≤ 2^32. */
  below(index: number, bound: number): number {
    this.#at(index);
    return Math.floor((this.#hi / 2 ** 32) * bound);
  }

  /** Nearly normal with mean 0 and σ 1: the sum of the eight bytes of one number, less its mean. */
  normal(index: number): number {
    this.#at(index);
    return (byteSum(this.#hi) + byteSum(this.#lo) - 1020) / BYTE_SUM_SIGMA;
  }

  #at(index: number): void {
    // seed + (index + 1) · γ modulo 2^64, for index < 2^32 - 1
    const n = (index + 1) >>> 0;
    const lo = Math.imul(n, GAMMA.lo) >>> 0;
    const hi = (multiplyHigh(n, GAMMA.lo) + Math.imul(n, GAMMA.hi)) >>> 0;
    const sum = this.#seed.lo + lo;
    this.#mix((this.#seed.hi + hi + (sum > 0xffff_ffff ? 1 : 0)) >>> 0, sum >>> 0);
  }

  /** The finaliser of splitmix64. */
  #mix(hi: number, lo: number): void {
    this.#hi = hi >>> 0;
    this.#lo = lo >>> 0;
    this.#xorShift(30);
    this.#times(0xbf58_476d, 0x1ce4_e5b9);
    this.#xorShift(27);
    this.#times(0x94d0_49bb, 0x1331_11eb);
    this.#xorShift(31);
  }

  #xorShift(by: number): void {
    this.#lo = (this.#lo ^ ((this.#lo >>> by) | (this.#hi << (32 - by)))) >>> 0;
    this.#hi = (this.#hi ^ (this.#hi >>> by)) >>> 0;
  }

  #times(hi: number, lo: number): void {
    const high = multiplyHigh(this.#lo, lo) + Math.imul(this.#lo, hi) + Math.imul(this.#hi, lo);
    this.#lo = Math.imul(this.#lo, lo) >>> 0;
    this.#hi = high >>> 0;
  }

  /** The number at `index` as 64-bit hexadecimal, for comparison with published sequences. */
  hex(index: number): string {
    this.#at(index);
    return [this.#hi, this.#lo].map((half) => half.toString(16).padStart(8, '0')).join('');
  }
}

/** Standard deviation of the sum of eight independent bytes: √(8 · (256² − 1) / 12). */
const BYTE_SUM_SIGMA = Math.sqrt((8 * (256 * 256 - 1)) / 12);

const byteSum = (word: number): number =>
  (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
