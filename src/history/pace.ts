/** How much is executed again at a stretch, so that others are heard every few milliseconds however fast the code is. */

/** Host milliseconds of a stretch. */
const MILLISECONDS = 4;
/** Moments of the first stretch of a way: what is watched may have changed, and with it the speed. */
const FIRST = 20_000;
/** Bounds of the others. */
const SHORTEST = 500;
const LONGEST = 50_000_000;

export class Pace {
  /** Most moments of the next piece. */
  moments = FIRST;
  #done = 0;
  #start = performance.now();

  /** Follows the speed of a piece that has been executed; true when it is time for others to be heard. */
  passed(moments: number): boolean {
    this.#done += moments;
    const elapsed = performance.now() - this.#start;
    if (this.#done < this.moments && elapsed < MILLISECONDS) return false;
    const fitting = (this.#done * MILLISECONDS) / Math.max(elapsed, 0.01);
    this.moments = Math.round(Math.min(Math.max(fitting, SHORTEST), this.moments * 2, LONGEST));
    this.heard();
    return elapsed >= MILLISECONDS;
  }

  /** A way begins. */
  start(): void {
    this.moments = FIRST;
    this.heard();
  }

  /** Others have been heard. */
  heard(): void {
    this.#done = 0;
    this.#start = performance.now();
  }
}
