/** What a machine tells whoever records when its parts were at work (design §1.4: `cycle` is the only clock). */

/** Called as things end, with times in machine cycles, when it is set as `Machine.activity`. */
export interface ActivityListener {
  /** A job of the accelerator has ended; its statistics tell how long it took. */
  jobDone(cycle: number): void;
  /** A transfer of the DMA has ended; its statistics tell how long it took. */
  transferDone(cycle: number): void;
  /** The hart slept in [from, to) and is awake now. */
  slept(hart: number, from: number, to: number): void;
  /** Firmware marked that a hart begins or ends step `id`. */
  mark(hart: number, id: number, end: boolean, cycle: number): void;
}
