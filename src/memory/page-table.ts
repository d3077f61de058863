/** Something for each page of 4 KiB of the guest's address space, found in two array look-ups. */
export class PageTable<T> {
  readonly #groups: (T | undefined)[][] = [];

  /** @param number address divided by the page size, unsigned */
  get(number: number): T | undefined {
    return this.#groups[number >>> 10]?.[number & 1023];
  }

  set(number: number, value: T): void {
    for (let group = this.#groups.length; group <= number >>> 10; group++) this.#groups.push(EMPTY as T[]);
    if (this.#groups[number >>> 10] === EMPTY)
      this.#groups[number >>> 10] = Array<T | undefined>(1024).fill(undefined);
    this.#groups[number >>> 10][number & 1023] = value;
  }
}

/** Stands for every group without a page. */
const EMPTY: readonly unknown[] = Array<undefined>(1024).fill(undefined);
