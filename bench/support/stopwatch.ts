/**
 * Host time by device: wraps the actions that devices give to the machine's clock and the accesses that harts make to
 * them. What is left of a run is the harts' own: translated and interpreted code, translation, and the order of harts.
 */
import type { Clock } from '../../src/device/clock.ts';
import type { Bus } from '../../src/memory/bus.ts';

export class Stopwatch {
  /** Milliseconds by device name, each without those of devices it called. */
  readonly milliseconds = new Map<string, number>();
  #inner = 0;

  /** Takes the time of every timer that is made while `build` runs, by the timer's name. */
  timers<T>(clock: typeof Clock, build: () => T): T {
    const { prototype } = clock;
    // oxlint-disable-next-line typescript/unbound-method -- called with the clock as `this` below
    const original = prototype.timer;
    const watch = (name: string, action: () => void) => (): void => this.#take(name, action);
    prototype.timer = function (name, action) {
      return original.call(this, name, watch(name, action));
    };
    try {
      return build();
    } finally {
      prototype.timer = original;
    }
  }

  /** Takes the time of every access to a device on the bus. */
  devices(bus: Bus): void {
    for (const { device } of bus.mappings) {
      const load = device.load.bind(device);
      const store = device.store.bind(device);
      device.load = (...access) => this.#take(device.name, () => load(...access));
      device.store = (...access) => this.#take(device.name, () => store(...access));
    }
  }

  #take<T>(name: string, action: () => T): T {
    const outside = this.#inner;
    this.#inner = 0;
    const start = performance.now();
    try {
      return action();
    } finally {
      const whole = performance.now() - start;
      this.milliseconds.set(name, (this.milliseconds.get(name) ?? 0) + whole - this.#inner);
      this.#inner = outside + whole;
    }
  }
}
