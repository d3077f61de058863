/** The core-local interruptor: software and timer interrupts (RISC-V ACLINT specification; SiFive CLINT offsets). */
import { BusError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import type { Device, HartLines } from './device.ts';
import { RegisterPort, registerMap } from './registers.ts';

const MAX_HARTS = 16;

export const clintRegisters = registerMap({
  name: 'CLINT',
  doc: 'mtime advances by one per cycle. 64-bit registers are pairs of 32-bit words; accesses are 32 bits wide.',
  size: 0x1_0000,
  registers: {
    MSIP: {
      offset: 0x0000,
      access: 'rw',
      count: MAX_HARTS,
      doc: 'Bit 0 is the software interrupt of hart i.',
    },
    MTIMECMP: {
      offset: 0x4000,
      access: 'rw',
      count: MAX_HARTS,
      stride: 8,
      doc: 'Low word of the time from which on the timer interrupt of hart i is pending.',
    },
    MTIMECMP_HIGH: {
      offset: 0x4004,
      access: 'rw',
      count: MAX_HARTS,
      stride: 8,
      doc: 'High word of MTIMECMP of hart i.',
    },
    MTIME: { offset: 0xbff8, access: 'rw', doc: 'Low word of the time in cycles.' },
    MTIME_HIGH: { offset: 0xbffc, access: 'rw', doc: 'High word of the time.' },
  },
});

const MSIP = 1 << 3;
const MTIP = 1 << 7;
const NEVER = 2n ** 64n - 1n;

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const withLow = (value: bigint, word: number): bigint => (value & ~0xffff_ffffn) | BigInt(word >>> 0);
const withHigh = (value: bigint, word: number): bigint =>
  (value & 0xffff_ffffn) | (BigInt(word >>> 0) << 32n);

interface State {
  readonly software: readonly boolean[];
  readonly compare: readonly bigint[];
  readonly time: bigint;
}

export class Clint implements Device {
  readonly name = 'clint';
  readonly port;
  readonly #clock: Clock;
  readonly #lines: HartLines;
  readonly #timers: readonly Timer[];
  #software: boolean[] = [];
  #compare: bigint[] = [];
  /** mtime minus the clock. */
  #offset = 0n;

  constructor(clock: Clock, lines: HartLines) {
    this.#clock = clock;
    this.#lines = lines;
    this.#timers = Array.from({ length: lines.count }, (_, hart) =>
      clock.timer(`clint.mtimecmp${hart}`, () => this.#compareTime(hart)),
    );
    this.#powerOn();
    this.port = new RegisterPort(clintRegisters, {
      MSIP: {
        read: (hart) => Number(this.#software[this.#existing(hart, 4 * hart)]),
        write: (value, hart) => this.setSoftware(this.#existing(hart, 4 * hart), (value & 1) === 1),
      },
      MTIMECMP: {
        read: (hart) => low(this.#compare[this.#existing(hart, 0x4000 + 8 * hart)]),
        write: (value, hart) =>
          this.#setCompare(hart, withLow(this.#compare[this.#existing(hart, 0x4000 + 8 * hart)], value)),
      },
      MTIMECMP_HIGH: {
        read: (hart) => high(this.#compare[this.#existing(hart, 0x4004 + 8 * hart)]),
        write: (value, hart) =>
          this.#setCompare(hart, withHigh(this.#compare[this.#existing(hart, 0x4004 + 8 * hart)], value)),
      },
      MTIME: { read: () => low(this.time), write: (value) => this.#setTime(withLow(this.time, value)) },
      MTIME_HIGH: {
        read: () => high(this.time),
        write: (value) => this.#setTime(withHigh(this.time, value)),
      },
    });
  }

  /** mtime in cycles, also what the `time` CSR reads. */
  get time(): bigint {
    return BigInt.asUintN(64, BigInt(this.#clock.now) + this.#offset);
  }

  /** Sets or clears the software interrupt of a hart. */
  setSoftware(hart: number, level: boolean): void {
    this.#software[hart] = level;
    this.#lines.setPending(hart, MSIP, level);
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
    this.#drive();
  }

  snapshot(): unknown {
    const state: State = { software: this.#software, compare: this.#compare, time: this.time };
    return structuredClone(state);
  }

  restore(state: unknown): void {
    const { software, compare, time } = state as State;
    this.#software = [...software];
    this.#compare = [...compare];
    this.#offset = time - BigInt(this.#clock.now);
    this.#drive();
  }

  #powerOn(): void {
    this.#software = this.#timers.map(() => false);
    this.#compare = this.#timers.map(() => NEVER);
    this.#offset = -BigInt(this.#clock.now);
  }

  #existing(hart: number, offset: number): number {
    if (hart < this.#lines.count) return hart;
    throw new BusError(
      offset,
      `CLINT: there is no hart ${hart}; the harts are 0 to ${this.#lines.count - 1}`,
    );
  }

  #setCompare(hart: number, value: bigint): void {
    this.#compare[hart] = value;
    this.#compareTime(hart);
  }

  #setTime(value: bigint): void {
    this.#offset = value - BigInt(this.#clock.now);
    for (let hart = 0; hart < this.#lines.count; hart++) this.#compareTime(hart);
  }

  #drive(): void {
    for (let hart = 0; hart < this.#lines.count; hart++) {
      this.#lines.setPending(hart, MSIP, this.#software[hart]);
      this.#compareTime(hart);
    }
  }

  #compareTime(hart: number): void {
    const wait = this.#compare[hart] - this.time;
    this.#lines.setPending(hart, MTIP, wait <= 0n);
    if (wait <= 0n || wait > BigInt(Number.MAX_SAFE_INTEGER - this.#clock.now)) this.#timers[hart].cancel();
    else this.#timers[hart].after(Number(wait));
  }
}
