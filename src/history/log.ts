/** A list that grows at its end, can be cut there, and forgets its beginning; entries keep their numbers. */
export class Log<T> {
  /** Number of the first entry still there. */
  #first = 0;
  #entries: T[] = [];

  /** The number that the next entry gets. */
  get end(): number {
    return this.#first + this.#entries.length;
  }

  /** Undefined beyond the end. */
  get(number: number): T | undefined {
    return this.#entries[number - this.#first];
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  /** Forgets the entries from this number on. */
  cut(number: number): void {
    this.#entries.length = number - this.#first;
  }

  /** Forgets the entries before this number. */
  forget(number: number): void {
    if (number <= this.#first) return;
    this.#entries.splice(0, number - this.#first);
    this.#first = number;
  }
}
