/** A serial port: the ns16550a registers that polling drivers use (National Semiconductor PC16550D data sheet). */
import type { Device } from './device.ts';
import { type Behaviour, RegisterPort, registerMap } from './registers.ts';

export const uartRegisters = registerMap({
  name: 'UART',
  doc: 'Registers are bytes. The transmitter is always ready; there is no interrupt line.',
  size: 0x1000,
  registers: {
    DATA: {
      offset: 0,
      access: 'rw',
      bytes: 1,
      doc: 'Reading takes the next received byte, 0 if there is none; writing sends one. Divisor, low byte, while DLAB is 1.',
    },
    IER: {
      offset: 1,
      access: 'rw',
      bytes: 1,
      doc: 'Interrupt enable, stored. Divisor, high byte, while DLAB is 1.',
    },
    IIR_FCR: {
      offset: 2,
      access: 'rw',
      bytes: 1,
      doc: 'Reading: no interrupt pending, FIFOs as enabled. Writing: FIFO control.',
      fields: [
        { name: 'ENABLE', bits: [0, 0], doc: 'FIFOs on.' },
        { name: 'CLEAR_RX', bits: [1, 1], doc: 'Drops the bytes received and not read.' },
      ],
    },
    LCR: {
      offset: 3,
      access: 'rw',
      bytes: 1,
      doc: 'Line control, stored.',
      fields: [{ name: 'DLAB', bits: [7, 7], doc: 'DATA and IER are the divisor.' }],
    },
    MCR: { offset: 4, access: 'rw', bytes: 1, doc: 'Modem control, stored.' },
    LSR: {
      offset: 5,
      access: 'r',
      bytes: 1,
      doc: 'Line status.',
      fields: [
        { name: 'DATA_READY', bits: [0, 0], doc: 'A received byte waits in DATA.' },
        { name: 'TX_READY', bits: [5, 5], doc: 'DATA takes another byte: always 1.' },
        { name: 'TX_IDLE', bits: [6, 6], doc: 'All bytes are sent: always 1.' },
      ],
    },
    MSR: { offset: 6, access: 'r', bytes: 1, doc: 'Modem status: 0, no lines are connected.' },
    SCR: { offset: 7, access: 'rw', bytes: 1, doc: 'Scratch.' },
  },
});

interface State {
  readonly stored: Record<Stored, number>;
  readonly input: readonly number[];
}

type Stored = 'ier' | 'fcr' | 'lcr' | 'mcr' | 'scr' | 'divisorLow' | 'divisorHigh';

const powerOn = (): Record<Stored, number> => ({
  ier: 0,
  fcr: 0,
  lcr: 0,
  mcr: 0,
  scr: 0,
  divisorLow: 0,
  divisorHigh: 0,
});

export class Uart implements Device {
  readonly name = 'uart';
  readonly port;
  #stored = powerOn();
  #input: number[] = [];

  /** @param output takes each byte that firmware sends */
  constructor(output: (byte: number) => void) {
    const plain = (name: Stored): Behaviour => ({
      read: () => this.#stored[name],
      write: (value) => {
        this.#stored[name] = value & 0xff;
      },
    });
    this.port = new RegisterPort(uartRegisters, {
      DATA: {
        read: () => (this.#divisor ? this.#stored.divisorLow : (this.#input.shift() ?? 0)),
        peek: () => (this.#divisor ? this.#stored.divisorLow : (this.#input[0] ?? 0)),
        write: (value) => {
          if (this.#divisor) this.#stored.divisorLow = value & 0xff;
          else output(value & 0xff);
        },
      },
      IER: {
        read: () => (this.#divisor ? this.#stored.divisorHigh : this.#stored.ier),
        write: (value) => {
          this.#stored[this.#divisor ? 'divisorHigh' : 'ier'] = value & 0xff;
        },
      },
      IIR_FCR: {
        read: () => (this.#stored.fcr & 1 ? 0xc1 : 0x01),
        write: (value) => {
          this.#stored.fcr = value & 1;
          if (value & 2) this.#input = [];
        },
      },
      LCR: plain('lcr'),
      MCR: plain('mcr'),
      LSR: { read: () => 0x60 | (this.#input.length > 0 ? 1 : 0) },
      MSR: { read: () => 0 },
      SCR: plain('scr'),
    });
  }

  /** Bytes arriving on the line; they wait until firmware reads them. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#input.push(byte & 0xff);
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
    this.#stored = powerOn();
    this.#input = [];
  }

  snapshot(): unknown {
    const state: State = { stored: this.#stored, input: this.#input };
    return structuredClone(state);
  }

  restore(state: unknown): void {
    const { stored, input } = structuredClone(state as State);
    this.#stored = stored;
    this.#input = [...input];
  }

  get #divisor(): boolean {
    return (this.#stored.lcr & 0x80) !== 0;
  }
}
