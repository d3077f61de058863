/**
 * The event unit: latched events per hart, sleep until one arrives, and barriers (design §3; the model is the
 * event unit of the PULP clusters, cut down to what `wfi`, `cv.elw` and the drivers need).
 */
import { MachineError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import { type Device, type HartLines, STALL } from './device.ts';
import { RegisterPort, registerMap } from './registers.ts';

/** Bit numbers of EVENT_MASK, IRQ_MASK, BUFFER; 0 to 7 are the software events. */
export const EVENT = { SOFTWARE: 0, DMA: 8, ITA: 9, BARRIER: 10 } as const;

const SOFTWARE_EVENTS = 8;
const BARRIERS = 4;

const eventFields = [
  { name: 'SOFTWARE', bits: [EVENT.DMA - 1, EVENT.SOFTWARE], doc: 'Software events 0 to 7.' },
  { name: 'DMA', bits: [EVENT.DMA, EVENT.DMA], doc: 'A DMA transfer of this hart has finished.' },
  { name: 'ITA', bits: [EVENT.ITA, EVENT.ITA], doc: 'The accelerator has finished a job.' },
  { name: 'BARRIER', bits: [EVENT.BARRIER, EVENT.BARRIER], doc: 'A barrier of this unit is complete.' },
] as const;

export const eventRegisters = registerMap({
  name: 'EVENT',
  doc: 'EVENT_MASK to WAIT exist once per hart: the hart that makes the access selects the copy.',
  size: 0x1000,
  registers: {
    EVENT_MASK: {
      offset: 0x00,
      access: 'rw',
      doc: 'Events that end a sleep (wfi or WAIT).',
      fields: eventFields,
    },
    IRQ_MASK: {
      offset: 0x04,
      access: 'rw',
      doc: 'Events that raise the machine external interrupt while in BUFFER.',
    },
    BUFFER: {
      offset: 0x08,
      access: 'r',
      doc: 'Events that have arrived and not been cleared, masked or not.',
    },
    CLEAR: { offset: 0x0c, access: 'w', doc: 'Bits written as 1 are removed from BUFFER.' },
    WAIT: {
      offset: 0x10,
      access: 'r',
      doc: 'Reading sleeps until BUFFER & EVENT_MASK is not 0, then returns that value and removes it from BUFFER.',
    },
    SW_EVENT: {
      offset: 0x40,
      access: 'w',
      count: SOFTWARE_EVENTS,
      doc: 'Writing raises software event i on the harts whose bits are set in the value.',
    },
    BARRIER_MASK: {
      offset: 0x80,
      access: 'rw',
      count: BARRIERS,
      doc: 'Harts that take part in barrier i, one bit each; all harts after reset.',
    },
    BARRIER_ARRIVE: {
      offset: 0xa0,
      access: 'w',
      count: BARRIERS,
      doc: 'Writing any value: this hart has reached barrier i. The last arrival raises the barrier event on all participants.',
    },
    BARRIER_STATUS: {
      offset: 0xc0,
      access: 'r',
      count: BARRIERS,
      doc: 'Harts that have reached barrier i and wait.',
    },
  },
});

const KNOWN_EVENTS = 0x7ff;
const MEIP = 1 << 11;

interface HartEvents {
  eventMask: number;
  irqMask: number;
  buffer: number;
}

interface Barrier {
  mask: number;
  arrived: number;
  /** Time of the latest arrival among those that wait; only where barriers take time, and relative to now in a snapshot. */
  latest?: number | undefined;
}

/** Makes barriers take time. */
export interface BarrierTiming {
  readonly clock: Clock;
  /** Cycles from the last arrival, by time, to the event. */
  readonly cycles: number;
}

interface State {
  readonly harts: readonly HartEvents[];
  readonly barriers: readonly Barrier[];
}

/** An event stays in BUFFER until it is cleared, so one that arrives before the sleep is not lost. */
export class EventUnit implements Device {
  readonly name = 'event';
  readonly port;
  readonly #lines: HartLines;
  readonly #timing: BarrierTiming | undefined;
  /** One for each barrier that takes time. */
  readonly #releases: readonly Timer[];
  readonly #allHarts: number;
  #harts: HartEvents[] = [];
  #barriers: Barrier[] = [];

  /** @param timing absent, a barrier's event comes with the arrival that completes it */
  constructor(lines: HartLines, timing?: BarrierTiming) {
    this.#lines = lines;
    this.#timing = timing;
    this.#releases = Array.from({ length: timing ? BARRIERS : 0 }, (_, i) =>
      timing!.clock.timer(`event.barrier${i}`, () => this.raise(EVENT.BARRIER, this.#barriers[i].mask)),
    );
    this.#allHarts = 2 ** lines.count - 1;
    this.#powerOn();
    this.port = new RegisterPort(eventRegisters, {
      EVENT_MASK: {
        read: (_, hart) => this.#harts[hart].eventMask,
        write: (value, _, hart) => {
          this.#harts[hart].eventMask = value & KNOWN_EVENTS;
        },
      },
      IRQ_MASK: {
        read: (_, hart) => this.#harts[hart].irqMask,
        write: (value, _, hart) => {
          this.#harts[hart].irqMask = value & KNOWN_EVENTS;
          this.#interrupt(hart);
        },
      },
      BUFFER: { read: (_, hart) => this.#harts[hart].buffer },
      CLEAR: { write: (value, _, hart) => this.#clear(hart, value) },
      WAIT: { read: (_, hart) => this.wait(hart), peek: (_, hart) => this.#enabled(hart) },
      SW_EVENT: { write: (value, index) => this.raise(EVENT.SOFTWARE + index, value) },
      BARRIER_MASK: {
        read: (index) => this.#barriers[index].mask,
        write: (value, index) => {
          this.#barriers[index].mask = value & this.#allHarts;
        },
      },
      BARRIER_ARRIVE: { write: (_, index, hart) => this.#arrive(index, hart) },
      BARRIER_STATUS: { read: (index) => this.#barriers[index].arrived },
    });
  }

  /** Latches event number `event` on every hart of the mask `harts`, or on all harts; wakes those that enabled it. */
  raise(event: number, harts: number = this.#allHarts): void {
    for (let hart = 0; hart < this.#lines.count; hart++) {
      if (!((harts >> hart) & 1)) continue;
      const state = this.#harts[hart];
      state.buffer |= 1 << event;
      if ((state.eventMask >> event) & 1) this.#lines.wake(hart);
      this.#interrupt(hart);
    }
  }

  /** Whether an enabled event waits for the hart: its `wfi` then returns at once. */
  pending(hart: number): boolean {
    return this.#enabled(hart) !== 0;
  }

  /** Takes the enabled events of the hart; throws STALL while there are none (WAIT and `cv.elw`). */
  wait(hart: number): number {
    const events = this.#enabled(hart);
    if (events === 0) throw STALL;
    this.#clear(hart, events);
    return events;
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
    this.#powerOn();
    for (const release of this.#releases) release.cancel();
    for (let hart = 0; hart < this.#lines.count; hart++) this.#interrupt(hart);
  }

  snapshot(): unknown {
    return structuredClone({
      harts: this.#harts,
      barriers: this.#shifted(this.#barriers, -1),
    } satisfies State);
  }

  restore(state: unknown): void {
    const { harts, barriers } = structuredClone(state as State);
    this.#harts = [...harts];
    this.#barriers = this.#shifted(barriers, 1);
    for (let hart = 0; hart < this.#lines.count; hart++) this.#interrupt(hart);
  }

  #powerOn(): void {
    this.#harts = Array.from({ length: this.#lines.count }, () => ({ eventMask: 0, irqMask: 0, buffer: 0 }));
    this.#barriers = Array.from({ length: BARRIERS }, () => ({ mask: this.#allHarts, arrived: 0 }));
  }

  #enabled(hart: number): number {
    return this.#harts[hart].buffer & this.#harts[hart].eventMask;
  }

  #clear(hart: number, events: number): void {
    this.#harts[hart].buffer &= ~events;
    this.#interrupt(hart);
  }

  #interrupt(hart: number): void {
    this.#lines.setPending(hart, MEIP, (this.#harts[hart].buffer & this.#harts[hart].irqMask) !== 0);
  }

  #arrive(index: number, hart: number): void {
    const barrier = this.#barriers[index];
    if (!((barrier.mask >> hart) & 1)) {
      throw new MachineError(
        `hart ${hart} arrived at barrier ${index} of the event unit, whose participants are 0x${barrier.mask.toString(16)}; ` +
          `set bit ${hart} of EVENT_BARRIER_MASK(${index}) first`,
      );
    }
    barrier.arrived |= 1 << hart;
    if (this.#timing) barrier.latest = Math.max(barrier.latest ?? 0, this.#timing.clock.now);
    if (barrier.arrived !== barrier.mask) return;
    barrier.arrived = 0;
    if (this.#timing) this.#releases[index].at(barrier.latest! + this.#timing.cycles);
    else this.raise(EVENT.BARRIER, barrier.mask);
    delete barrier.latest;
  }

  /** Barriers with their times counted from now (direction -1), or from now to time (1). */
  #shifted(barriers: readonly Barrier[], direction: number): Barrier[] {
    const now = this.#timing?.clock.now ?? 0;
    return barriers.map((b) => (b.latest === undefined ? b : { ...b, latest: b.latest + direction * now }));
  }
}
