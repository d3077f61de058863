/**
 * The front end through which Xdma instructions drive the DMA engine (Snitch cluster documentation; ids and status
 * words as in the iDMA front end `inst64`). Each hart has its own parameters, ids and queue.
 */
import type { DmaOperation } from '../isa/insn.ts';
import { type HartLines, STALL } from './device.ts';
import { type Dma, QUEUE_FULL } from './dma.ts';

/** Parameters of the transfers to come; addresses and rows unsigned, strides signed bytes. */
interface Parameters {
  src: number;
  dst: number;
  srcStride: number;
  dstStride: number;
  rows: number;
  /** A launch found the queue full: the hart waits for a transfer to finish. */
  waiting: boolean;
}

const powerOn = (): Parameters => ({
  src: 0,
  dst: 0,
  srcStride: 0,
  dstStride: 0,
  rows: 0,
  waiting: false,
});

/** Bit 1 of a copy's configuration. Bit 0 (decoupled sides) and the channel in bits 4:2 change nothing here. */
const TWO_DIMENSIONAL = 2;

export class Xdma {
  readonly #dma: Dma;
  readonly #lines: HartLines;
  #harts: Parameters[];

  constructor(dma: Dma, lines: HartLines) {
    this.#dma = dma;
    this.#lines = lines;
    this.#harts = Array.from({ length: lines.count }, powerOn);
  }

  /**
   * Performs `operation` for `hart`; what a, b and the result mean is said at DmaOperation.
   * @throws STALL while a launch finds the queue full; `finished` wakes the hart
   * @throws MachineError when a row of a launched transfer lies outside memory
   */
  execute(hart: number, operation: DmaOperation, a: number, b: number): number {
    const own = this.#harts[hart];
    switch (operation) {
      case 'source':
        own.src = a >>> 0;
        return 0;
      case 'destination':
        own.dst = a >>> 0;
        return 0;
      case 'strides':
        own.srcStride = a | 0;
        own.dstStride = b | 0;
        return 0;
      case 'rows':
        own.rows = a >>> 0;
        return 0;
      case 'user':
        return 0; // the sideband of the write channel: this interconnect has none
      case 'copy':
        return this.#launch(hart, { bytes: a >>> 0, rows: b & TWO_DIMENSIONAL ? own.rows : 1 });
      case 'fill':
        own.src = [0, 0xff, own.src, own.src][b & 3]; // the value travels in the source register
        return this.#launch(hart, { bytes: a >>> 0, rows: 1, fill: own.src & 0xff });
      default:
        return this.#status(hart, a & 3);
    }
  }

  /** To be called when a transfer of `hart` has finished. */
  finished(hart: number): void {
    if (!this.#harts[hart].waiting) return;
    this.#harts[hart].waiting = false;
    this.#lines.wake(hart);
  }

  reset(): void {
    this.#harts = this.#harts.map(powerOn);
  }

  snapshot(): unknown {
    return structuredClone(this.#harts);
  }

  restore(state: unknown): void {
    this.#harts = structuredClone(state as Parameters[]);
  }

  #launch(hart: number, shape: { bytes: number; rows: number; fill?: number }): number {
    const own = this.#harts[hart];
    const { src, dst, srcStride, dstStride } = own;
    const id = this.#dma.launch({ src, dst, srcStride, dstStride, ...shape }, hart);
    own.waiting = id === QUEUE_FULL;
    if (own.waiting) throw STALL;
    return id;
  }

  #status(hart: number, selector: number): number {
    switch (selector) {
      case 0:
        return this.#dma.doneId(hart);
      case 1:
        return this.#dma.nextId(hart);
      case 2:
        return Number(this.#dma.pending(hart) > 0);
      default:
        return Number(this.#dma.full(hart));
    }
  }
}
