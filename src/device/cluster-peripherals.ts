/**
 * The cluster's own registers: performance counters, cluster-local software interrupts, the hardware barrier
 * and the accelerator's status lines (design §1.2; offsets of the Snitch cluster in arXiv 2408.02473).
 */
import { BusError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import { type Device, type HartLines, STALL } from './device.ts';
import { eventOfCode, type PerformanceEvent, performanceEvents } from './performance-events.ts';
import { RegisterPort, registerMap } from './registers.ts';

const COUNTERS = 16;

export const clusterRegisters = registerMap({
  name: 'CLUSTER',
  doc: 'Registers lie 8 bytes apart and are accessed as 32-bit words.',
  size: 0x1000,
  registers: {
    PERF_ENABLE: {
      offset: 0x000,
      access: 'rw',
      count: COUNTERS,
      stride: 8,
      doc: 'What counter i counts: CLUSTER_PERF_*, 0 for nothing.',
    },
    PERF_HART: {
      offset: 0x080,
      access: 'rw',
      count: COUNTERS,
      stride: 8,
      doc: 'Hart whose events counter i counts; without effect on cluster-wide events.',
    },
    PERF_COUNTER: {
      offset: 0x100,
      access: 'rw',
      count: COUNTERS,
      stride: 8,
      doc: 'Low word of counter i; writing sets the whole counter to the value.',
    },
    PERF_COUNTER_HIGH: {
      offset: 0x104,
      access: 'r',
      count: COUNTERS,
      stride: 8,
      doc: 'High word of counter i.',
    },
    CLINT_SET: {
      offset: 0x180,
      access: 'w',
      doc: 'Raises the software interrupt of the harts in the written mask.',
    },
    CLINT_CLEAR: {
      offset: 0x188,
      access: 'w',
      doc: 'Clears the software interrupt of the harts in the written mask.',
    },
    BARRIER: { offset: 0x190, access: 'r', doc: 'Reading sleeps until every hart has read it; returns 0.' },
    HWPE_EVT: {
      offset: 0x1a0,
      access: 'r',
      doc: 'Bit 2i is 1 in the cycle in which a job of hart i finishes. Not latched: wait for the event unit instead.',
    },
    HWPE_BUSY: { offset: 0x1a8, access: 'r', doc: '1 while the accelerator runs a job.' },
    HART_COUNT: { offset: 0x1b0, access: 'r', doc: 'Harts of this cluster.' },
    TCDM_BYTES: { offset: 0x1b8, access: 'r', doc: 'Size of the TCDM in bytes.' },
    MARK: {
      offset: 0x1c0,
      access: 'w',
      doc: 'Marks the beginning or the end of a step for timelines; without effect on the machine.',
      fields: [
        { name: 'END', bits: [31, 31], doc: '1 where the step ends, 0 where it begins.' },
        { name: 'ID', bits: [30, 0], doc: 'Number of the step, as the firmware counts.' },
      ],
    },
  },
});

export interface ClusterOptions {
  readonly clock: Clock;
  readonly lines: HartLines;
  readonly tcdmBytes: number;
  /** The running total of an event since reset (of the hart, where the event belongs to one). */
  count(event: PerformanceEvent, hart: number): number;
  /** Sets or clears the software interrupt of a hart: the CLINT's msip, which owns the line. */
  setSoftware(hart: number, level: boolean): void;
  /**
   * Cycles from the last arrival at the barrier to its release, whoever that was by time; absent, the hart that completes
   * it goes on at once and so do the others.
   */
  readonly barrierCycles?: number | undefined;
  /** Whether the accelerator runs a job now. */
  accelerator(): boolean;
  /** Told that a hart marks the beginning or the end of a step. */
  mark?(hart: number, id: number, end: boolean): void;
}

interface Counter {
  event: PerformanceEvent | undefined;
  hart: number;
  /** Value when counting of the present event began, and the event's total at that time. */
  value: number;
  origin: number;
}

interface State {
  readonly counters: readonly Counter[];
  readonly arrived: number;
  readonly released: number;
  /** Cycles since the latest arrival at a barrier that takes time, while somebody waits there. */
  readonly sinceArrival?: number;
  /** Cycles since the last finished job of each hart. */
  readonly sinceJob: readonly number[];
}

export class ClusterPeripherals implements Device {
  readonly name = 'cluster';
  readonly port;
  readonly #options: ClusterOptions;
  #counters: Counter[] = [];
  /** Harts that wait in the barrier, and harts whose wait is over but who have not yet repeated their read. */
  #arrived = 0;
  #released = 0;
  /** Releases the barrier, where that takes time; the latest arrival, and -Infinity while nobody waits. */
  readonly #release: Timer | undefined;
  #latest = -Infinity;
  /** Cycle in which the last job of each hart finished. */
  #jobEnd: number[] = [];

  constructor(options: ClusterOptions) {
    this.#options = options;
    if (options.barrierCycles !== undefined) {
      this.#release = options.clock.timer('cluster.barrier', () => this.#releaseAll());
    }
    this.reset();
    this.port = new RegisterPort(clusterRegisters, {
      PERF_ENABLE: {
        read: (index) => this.#code(index),
        write: (value, index) => this.#select(index, value >>> 0, this.#counters[index].hart),
      },
      PERF_HART: {
        read: (index) => this.#counters[index].hart,
        write: (value, index) => this.#select(index, this.#code(index), value >>> 0),
      },
      PERF_COUNTER: {
        read: (index) => this.#value(index) % 2 ** 32,
        write: (value, index) => {
          const counter = this.#counters[index];
          counter.value = value >>> 0;
          counter.origin = this.#total(counter);
        },
      },
      PERF_COUNTER_HIGH: { read: (index) => Math.floor(this.#value(index) / 2 ** 32) },
      CLINT_SET: { write: (harts) => this.#software(harts, true) },
      CLINT_CLEAR: { write: (harts) => this.#software(harts, false) },
      BARRIER: { read: (_, hart) => this.#barrier(hart), peek: () => this.#arrived },
      HWPE_EVT: { read: () => this.#jobEvents() },
      HWPE_BUSY: { read: () => Number(options.accelerator()) },
      HART_COUNT: { read: () => options.lines.count },
      TCDM_BYTES: { read: () => options.tcdmBytes },
      MARK: { write: (value, _, hart) => options.mark?.(hart, value & 0x7fff_ffff, value >>> 31 === 1) },
    });
  }

  /** The pulse of the accelerator towards the hart whose job has finished now. */
  jobFinished(hart: number): void {
    this.#jobEnd[hart] = this.#options.clock.now;
  }

  /** Harts that sleep in the hardware barrier, one bit each: for deadlock reports. */
  get waiting(): number {
    return this.#arrived;
  }

  load(offset: number, bytes: number, hart: number): number {
    return this.port.load(offset, bytes, hart);
  }

  store(offset: number, bytes: number, value: number, hart: number): void {
    this.port.store(offset, bytes, value, hart);
  }

  peek(offset: number, _bytes: number, hart: number): number {
    return this.port.peek(offset, hart);
  }

  reset(): void {
    this.#counters = Array.from({ length: COUNTERS }, () => ({
      event: undefined,
      hart: 0,
      value: 0,
      origin: 0,
    }));
    this.#arrived = 0;
    this.#released = 0;
    this.#latest = -Infinity;
    this.#release?.cancel();
    this.#jobEnd = Array.from({ length: this.#options.lines.count }, () => -Infinity);
  }

  snapshot(): unknown {
    const state: State = {
      counters: this.#counters,
      arrived: this.#arrived,
      released: this.#released,
      ...(this.#latest === -Infinity ? {} : { sinceArrival: this.#options.clock.now - this.#latest }),
      sinceJob: this.#jobEnd.map((end) => this.#options.clock.now - end),
    };
    return structuredClone(state);
  }

  restore(state: unknown): void {
    const {
      counters,
      arrived,
      released,
      sinceArrival = Infinity,
      sinceJob,
    } = structuredClone(state as State);
    this.#counters = [...counters];
    this.#arrived = arrived;
    this.#released = released;
    this.#latest = this.#options.clock.now - sinceArrival;
    this.#jobEnd = sinceJob.map((cycles) => this.#options.clock.now - cycles);
  }

  #code(index: number): number {
    const { event } = this.#counters[index];
    return event === undefined ? 0 : performanceEvents[event].code;
  }

  #total({ event, hart }: Counter): number {
    return event === undefined ? 0 : this.#options.count(event, hart);
  }

  #value(index: number): number {
    const counter = this.#counters[index];
    return counter.value + this.#total(counter) - counter.origin;
  }

  /** Lets a counter count something else from now on; it keeps its value. */
  #select(index: number, code: number, hart: number): void {
    const event = eventOfCode.get(code);
    if (code !== 0 && event === undefined) {
      const known = [...eventOfCode.keys()].join(', ');
      throw new BusError(
        8 * index,
        `CLUSTER.PERF_ENABLE[${index}]: there is no event ${code}; expected 0, ${known}`,
      );
    }
    const { count } = this.#options.lines;
    if (hart >= count) {
      throw new BusError(
        0x80 + 8 * index,
        `CLUSTER.PERF_HART[${index}]: there is no hart ${hart} among ${count}`,
      );
    }
    const counter: Counter = { event, hart, value: this.#value(index), origin: 0 };
    counter.origin = this.#total(counter);
    this.#counters[index] = counter;
  }

  #software(harts: number, level: boolean): void {
    for (let hart = 0; hart < this.#options.lines.count; hart++) {
      if ((harts >> hart) & 1) this.#options.setSoftware(hart, level);
    }
  }

  #barrier(hart: number): number {
    const { lines } = this.#options;
    const self = 1 << hart;
    if (this.#released & self) {
      this.#released &= ~self;
      return 0;
    }
    const all = 2 ** lines.count - 1;
    if (this.#release) {
      if (!(this.#arrived & self)) this.#latest = Math.max(this.#latest, this.#options.clock.now);
      this.#arrived |= self;
      if (this.#arrived === all) this.#release.at(this.#latest + (this.#options.barrierCycles ?? 0));
      throw STALL;
    }
    this.#arrived |= self;
    if (this.#arrived !== all) throw STALL;
    this.#arrived = 0;
    this.#released = all & ~self;
    for (let other = 0; other < lines.count; other++) {
      if (other !== hart) lines.wake(other);
    }
    return 0;
  }

  /** Where the release takes time, the hart that was the last to arrive waits for it too. */
  #releaseAll(): void {
    const { lines } = this.#options;
    this.#released = this.#arrived;
    this.#arrived = 0;
    this.#latest = -Infinity;
    for (let hart = 0; hart < lines.count; hart++) lines.wake(hart);
  }

  #jobEvents(): number {
    return this.#jobEnd.reduce(
      (bits, end, hart) => (end === this.#options.clock.now ? bits | (1 << (2 * hart)) : bits),
      0,
    );
  }
}
