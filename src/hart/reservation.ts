/** The reservation of lr.w and sc.w (RISC-V manual, volume I, "A" extension): one naturally aligned word. */
import type { Bus } from '../memory/bus.ts';

/**
 * While its hart runs, the hart itself is the only one to store. Between slices others may, so then the word is
 * watched, and a store to it ends the reservation.
 */
export class Reservation {
  readonly #bus: Bus;
  #address: number | undefined;
  #unwatch: (() => void) | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** The reserved word, if there is one. */
  get address(): number | undefined {
    return this.#address;
  }

  set(address: number): void {
    this.#address = address;
  }

  holds(address: number): boolean {
    return this.#address === address;
  }

  /** Gives the reservation up; whether it was for `address`. */
  take(address: number): boolean {
    const held = this.#address === address;
    this.#address = undefined;
    return held;
  }

  /** Puts a reservation (or none) in place of the present one, while the hart does not run. */
  restore(address: number | undefined): void {
    this.unwatch();
    this.#address = address;
    this.watch();
  }

  /** The hart stops running: from here on, stores are by others. */
  watch(): void {
    if (this.#address === undefined) return;
    this.#unwatch = this.#bus.watchStores(this.#address, 4, () => {
      this.#address = undefined;
    });
  }

  /** The hart runs again. */
  unwatch(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }
}
