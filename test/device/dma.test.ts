import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/device/clock.ts';
import { Dma, QUEUE_FULL, type Transport, dmaRegisters } from '../../src/device/dma.ts';
import { BusError, MachineError } from '../../src/errors.ts';

const BASE = 0x8000_0000;
const SIZE = 0x1000;
/** Bytes behind the RAM that can only be read. */
const ROM = 0x100;
const at = Object.fromEntries(
  Object.entries(dmaRegisters.registers).map(([name, { offset }]) => [name, offset]),
);

/** A DMA of two harts over 4 KiB of RAM and a little ROM behind it, whose byte i holds i mod 251. */
function machine() {
  const clock = new Clock();
  const ram = Uint8Array.from({ length: SIZE + ROM }, (_, i) => i % 251);
  const finished: { hart: number; cycle: number }[] = [];
  const transport: Transport = {
    reachable: (address, bytes) => address >= BASE && address + bytes <= BASE + SIZE + ROM,
    writable: (address, bytes) => address >= BASE && address + bytes <= BASE + SIZE,
    copy: ({ src, dst, bytes, srcStride, dstStride, rows }) => {
      for (let row = 0; row < rows; row++) {
        const from = src + row * srcStride - BASE;
        ram.set(ram.slice(from, from + bytes), dst + row * dstStride - BASE);
      }
    },
    fill: (destination, value, bytes) => {
      ram.fill(value, destination - BASE, destination - BASE + bytes);
    },
  };
  const onDone = (hart: number): void => {
    finished.push({ hart, cycle: clock.now });
  };
  const beats: [address: number, bytes: number, cycle: number][] = [];
  const onBeats = (address: number, bytes: number, cycle: number): void =>
    void beats.push([address, bytes, cycle]);
  // A row comes from memory and goes to memory: 2 + 2 cycles; so many rows are under way that latency hides.
  const times = { startCycles: 6, memoryCycles: 2, clusterCycles: 1, outstanding: 4 };
  const options = { clock, harts: 2, transport, onDone, onBeats, ...times, queueDepth: 2 };
  const dma = new Dma(options);
  const set = (hart: number, values: Record<string, number>): void => {
    for (const [name, value] of Object.entries(values)) dma.store(at[name], 4, value | 0, hart);
  };
  const get = (hart: number, name: string): number => dma.load(at[name], 4, hart) >>> 0;
  return { clock, ram, finished, beats, dma, set, get };
}

describe('a 1D transfer', () => {
  test('moves its bytes and reports its id only when start-up, one beat per 64 bytes and the latencies have passed', () => {
    const { clock, ram, finished, set, get } = machine();
    set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 100, ROWS: 7 });
    const id = get(0, 'LAUNCH_1D');
    expect(get(0, 'DONE_ID')).toBe(id - 1);
    clock.advance(11);
    expect([ram[0x801], get(0, 'BUSY'), get(0, 'PENDING')]).toEqual([0x801 % 251, 1, 1]);
    clock.advance(12);
    expect(ram.slice(0x800, 0x864)).toEqual(ram.slice(0, 100));
    expect(ram[0x864]).toBe(0x864 % 251);
    expect([get(0, 'DONE_ID'), get(0, 'BUSY'), get(0, 'PENDING')]).toEqual([id, 0, 0]);
    expect(finished).toEqual([{ hart: 0, cycle: 12 }]);
  });

  test('samples its parameters at launch', () => {
    const { clock, ram, set, get } = machine();
    set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 4 });
    get(0, 'LAUNCH_1D');
    set(0, { SRC: BASE + 64, DST: BASE + 0x900 });
    clock.advance(100);
    expect(Array.from(ram.subarray(0x800, 0x804))).toEqual([0, 1, 2, 3]);
    expect(ram[0x900]).toBe(0x900 % 251);
  });

  test('of no bytes finishes after the start-up time and touches nothing', () => {
    const { clock, dma, set, get } = machine();
    set(0, { SRC: 0, DST: 0, BYTES: 0 });
    const id = get(0, 'LAUNCH_1D');
    clock.advance(10);
    expect(get(0, 'DONE_ID')).toBe(id);
    expect(dma.statistics).toEqual({ transfers: 1, bytes: 0, busyCycles: 8, beats: 0 });
  });
});

describe('a 2D transfer', () => {
  test('walks both sides with their own signed strides', () => {
    const { clock, ram, dma, set, get } = machine();
    set(1, { SRC: BASE + 64, DST: BASE + 0x800, BYTES: 3, SRC_STRIDE: -32, DST_STRIDE: 8, ROWS: 3 });
    get(1, 'LAUNCH_2D');
    clock.advance(13);
    const rows = [0, 8, 16].map((row) => Array.from(ram.subarray(0x800 + row, 0x803 + row)));
    expect(rows).toEqual([
      [64, 65, 66],
      [32, 33, 34],
      [0, 1, 2],
    ]);
    expect(ram[0x803]).toBe(0x803 % 251);
    expect(dma.statistics).toEqual({ transfers: 1, bytes: 9, busyCycles: 13, beats: 3 });
  });
});

describe('the queue', () => {
  test('keeps harts apart: each has its own registers, ids and completions', () => {
    const { clock, ram, finished, set, get } = machine();
    set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 1 });
    set(1, { SRC: BASE + 5, DST: BASE + 0x900, BYTES: 1 });
    const ids = [get(0, 'LAUNCH_1D'), get(1, 'LAUNCH_1D')];
    expect(ids[0]).toBe(ids[1]);
    clock.advance(11);
    expect([get(0, 'DONE_ID'), get(1, 'DONE_ID')]).toEqual([ids[0], ids[1] - 1]);
    clock.advance(12);
    expect([ram[0x800], ram[0x900]]).toEqual([0, 5]);
    expect(finished).toEqual([
      { hart: 0, cycle: 11 },
      { hart: 1, cycle: 12 },
    ]);
  });

  test('sends the requests of a transfer behind those of the one before, whose data is still on its way', () => {
    const { clock, finished, beats, dma, set, get } = machine();
    set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 256 });
    get(0, 'LAUNCH_1D');
    get(0, 'LAUNCH_1D');
    clock.advance(100);
    expect(beats).toEqual([
      [BASE, 256, 6],
      [BASE + 0x800, 256, 8],
      [BASE, 256, 10],
      [BASE + 0x800, 256, 12],
    ]);
    expect(finished.map(({ cycle }) => cycle)).toEqual([6 + 4 + 4, 6 + 8 + 4]);
    expect(dma.statistics).toMatchObject({ busyCycles: 18, beats: 8 });
  });

  test('takes a beat more for a row that does not begin at a beat', () => {
    const { clock, finished, set, get } = machine();
    set(0, { SRC: BASE + 32, DST: BASE + 0x800, BYTES: 64 });
    get(0, 'LAUNCH_1D');
    clock.advance(100);
    expect(finished).toEqual([{ hart: 0, cycle: 6 + 2 + 4 }]);
  });

  test('has as many rows under way as requests are allowed, and waits for the memory beyond', () => {
    const { clock, finished, dma, set, get } = machine();
    set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 4, SRC_STRIDE: 8, DST_STRIDE: 8, ROWS: 33 });
    get(0, 'LAUNCH_2D');
    clock.advance(100);
    expect(finished).toEqual([{ hart: 0, cycle: 6 + 33 + 4 }]);
    expect(dma.statistics.beats).toBe(33);
  });

  test('refuses a transfer beyond its depth without disturbing the other hart, and takes it later', () => {
    const { clock, set, get } = machine();
    set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 1 });
    const first = get(0, 'LAUNCH_1D');
    expect(get(0, 'LAUNCH_1D')).toBe(first + 1);
    expect(get(0, 'LAUNCH_1D')).toBe(QUEUE_FULL);
    set(1, { SRC: BASE, DST: BASE + 0x800, BYTES: 1 });
    expect(get(1, 'LAUNCH_1D')).not.toBe(QUEUE_FULL);
    clock.advance(11);
    expect(get(0, 'LAUNCH_1D')).toBe(first + 2);
  });

  test('is not started by a debugger reading the launch register', () => {
    const { dma } = machine();
    expect(dma.peek(at['LAUNCH_1D'], 4, 0)).toBe(dma.nextId(0));
    expect(dma.busy).toBe(false);
  });

  test('continues from a snapshot as if nothing had happened', () => {
    const original = machine();
    original.set(0, { SRC: BASE, DST: BASE + 0x800, BYTES: 64 });
    original.get(0, 'LAUNCH_1D');
    original.get(0, 'LAUNCH_1D');
    original.clock.advance(5);
    const copy = machine();
    copy.clock.restore(1000, original.clock.snapshot());
    copy.dma.restore(original.dma.snapshot());
    copy.clock.advance(2000);
    expect(copy.finished.map(({ cycle }) => cycle - 1000)).toEqual([6, 7]);
    expect(copy.get(0, 'SRC')).toBe(BASE);
  });
});

describe('a transfer that leaves memory', () => {
  test('is a machine error at launch with hart, fields and the first bad address', () => {
    const { set, get } = machine();
    set(1, { SRC: BASE, DST: BASE + 0xff0, BYTES: 32 });
    expect(() => get(1, 'LAUNCH_1D')).toThrow(
      new MachineError(
        'DMA transfer of hart 1 (source 0x80000000, destination 0x80000ff0, 32 bytes): ' +
          'the destination of row 0 leaves writable memory at 0x80001000; expected RAM throughout',
      ),
    );
  });

  test('names the row of a 2D transfer', () => {
    const { set, get } = machine();
    set(0, { SRC: BASE, DST: BASE, BYTES: 16, SRC_STRIDE: 0x440, DST_STRIDE: 0, ROWS: 5 });
    expect(() => get(0, 'LAUNCH_2D')).toThrow(/the source of row 4 leaves memory at 0x80001100/);
  });

  test('may read memory that cannot be written, and is refused there as a destination', () => {
    const { clock, ram, dma, set, get } = machine();
    set(0, { SRC: BASE + SIZE, DST: BASE, BYTES: 4 });
    get(0, 'LAUNCH_1D');
    clock.advance(100);
    expect(ram.slice(0, 4)).toEqual(ram.slice(SIZE, SIZE + 4));
    set(0, { SRC: BASE, DST: BASE + SIZE, BYTES: 4 });
    expect(() => get(0, 'LAUNCH_1D')).toThrow(
      /the destination of row 0 leaves writable memory at 0x80001000; expected RAM/,
    );
    expect(dma.busy).toBe(false);
  });

  test('is refused when it has more rows than the engine takes', () => {
    const { set, get } = machine();
    set(0, { SRC: BASE, DST: BASE, BYTES: 1, ROWS: -1 });
    expect(() => get(0, 'LAUNCH_2D')).toThrow(/4294967295 rows, the engine takes at most 1048576/);
  });
});

test('a store to a read-only register is a bus error that names it', () => {
  const { dma } = machine();
  expect(() => dma.store(at['DONE_ID'], 4, 1, 0)).toThrow(BusError);
  expect(() => dma.store(at['DONE_ID'], 4, 1, 0)).toThrow('register DONE_ID is read-only');
});
