import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/device/clock.ts';
import { MachineError } from '../../src/errors.ts';
import { CaptureConsole } from '../../src/host/console.ts';
import { Htif, LOW_WORD_CYCLES } from '../../src/host/htif.ts';
import { NOWHERE, Ram, RAM } from './ram.ts';

/** A guest that stores words to `tohost`, and the host that serves it. */
function setUp() {
  const ram = new Ram();
  const tohost = ram.words(0, 0);
  const fromhost = ram.words(0, 0);
  const clock = new Clock();
  const console = new CaptureConsole();
  const exits: number[] = [];
  const htif = new Htif({
    tohost,
    fromhost,
    memory: ram,
    clock,
    console,
    onExit: (code) => exits.push(code),
  });
  const store = (address: number, value: number): void => {
    ram.setWord(address, value);
    htif.stored(address, 4);
  };
  return {
    ram,
    clock,
    console,
    exits,
    htif,
    tohost,
    fromhost,
    low: (value: number) => store(tohost, value),
    high: (value: number) => store(tohost + 4, value),
  };
}

/** A system call block of 64-bit words. */
const block = (ram: Ram, ...values: readonly number[]): number =>
  ram.words(...Array.from({ length: 8 }, (_, i) => [values[i] ?? 0, 0]).flat());

describe('exit', () => {
  test.each([0, 1, 42, 255, -1])('with code %i happens at the store to the high word', (code) => {
    const { low, high, exits, ram, tohost } = setUp();
    low((code << 1) | 1);
    expect(exits).toEqual([]);
    high(0);
    expect(exits).toEqual([code]);
    expect([ram.word(tohost), ram.word(tohost + 4)]).toEqual([0, 0]);
  });

  test('in the loop of riscv-tests happens once per round', () => {
    const { low, high, exits } = setUp();
    for (let round = 0; round < 2; round++) {
      low(7);
      high(0);
    }
    expect(exits).toEqual([3, 3]);
  });

  test('by a single store of 64 bits happens at once', () => {
    const { ram, htif, tohost, exits } = setUp();
    ram.setWord(tohost, 11);
    htif.stored(tohost, 8);
    expect(exits).toEqual([5]);
  });

  test('by the low word alone happens after the delay, not before', () => {
    const { low, clock, exits } = setUp();
    clock.advance(500);
    low(3);
    clock.advance(500 + LOW_WORD_CYCLES - 1);
    expect(exits).toEqual([]);
    clock.advance(500 + LOW_WORD_CYCLES);
    expect(exits).toEqual([1]);
    expect(clock.next).toBe(Infinity);
  });

  test('by the low word, stored again and again, is not put off', () => {
    const { low, clock, exits } = setUp();
    for (let cycle = 0; cycle <= LOW_WORD_CYCLES; cycle += 10) {
      clock.advance(cycle);
      if (exits.length === 0) low(9);
    }
    expect(exits).toEqual([4]);
  });

  test('stored high word first happens after the delay', () => {
    const { low, high, clock, exits } = setUp();
    high(0);
    low(1);
    expect(exits).toEqual([]);
    clock.advance(LOW_WORD_CYCLES);
    expect(exits).toEqual([0]);
  });
});

describe('console output', () => {
  test('prints every character once, odd codes included, and clears tohost', () => {
    const { ram, tohost, low, high, console, exits, clock } = setUp();
    for (const byte of new TextEncoder().encode('aé½\n')) {
      low(byte);
      high(0x0101_0000);
      expect([ram.word(tohost), ram.word(tohost + 4)]).toEqual([0, 0]);
    }
    clock.advance(10 * LOW_WORD_CYCLES);
    expect(console.text()).toBe('aé½\n');
    expect(exits).toEqual([]);
  });

  test('prints a zero byte', () => {
    const { low, high, console } = setUp();
    low(0);
    high(0x0101_0000);
    expect([...console.bytes()]).toEqual([0]);
  });
});

describe('system calls', () => {
  test('write to standard output and error, and answer in the block and in fromhost', () => {
    const { ram, low, console, clock, tohost, fromhost } = setUp();
    const text = ram.text('héllo');
    for (const descriptor of [1, 2]) {
      const call = block(ram, 64, descriptor, text, 6);
      low(call);
      clock.advance(clock.now + LOW_WORD_CYCLES);
      expect([ram.word(call), ram.word(call + 4)]).toEqual([6, 0]);
      expect([ram.word(fromhost), ram.word(fromhost + 4)]).toEqual([1, 0]);
      expect(ram.word(tohost)).toBe(0);
    }
    expect(console.text('stdout')).toBe('héllo');
    expect(console.text('stderr')).toBe('héllo');
  });

  test('are served at once when the high word is stored too', () => {
    const { ram, low, high, console } = setUp();
    low(block(ram, 64, 1, ram.text('now'), 3));
    high(0);
    expect(console.text()).toBe('now');
  });

  test.each([
    ['an unknown number', [1234], -38],
    ['an unknown descriptor', [64, 7, RAM, 1], -9],
    ['bytes outside memory', [64, 1, NOWHERE, 1], -14],
    ['more bytes than memory has', [64, 1, RAM, -1], -14],
  ])('with %s give a negative error number', (_what, values, error) => {
    const { ram, low, high, console } = setUp();
    const call = block(ram, ...values);
    low(call);
    high(0);
    expect([ram.word(call), ram.word(call + 4)]).toEqual([error, -1]);
    expect(console.bytes()).toHaveLength(0);
  });

  test('exit', () => {
    const { ram, low, high, exits } = setUp();
    low(block(ram, 93, 17));
    high(0);
    expect(exits).toEqual([17]);
  });
});

describe('a command that no host serves ends the run with a sentence', () => {
  test('unknown device', () => {
    const { low, high } = setUp();
    low(5);
    expect(() => high(0x0203_0000)).toThrow(
      new MachineError(
        'tohost was set to 0x02030000_00000005: device 2 command 3 is unknown, ' +
          'expected an exit code, a console character (device 1 command 1) or a system call',
      ),
    );
  });

  test('block outside memory', () => {
    const { low, high } = setUp();
    low(NOWHERE);
    expect(() => high(0)).toThrow(
      new MachineError('tohost names a system call block at 0x40000000, which is not in memory'),
    );
  });
});

test('stores next to tohost are ignored', () => {
  const { ram, htif, tohost, clock, exits } = setUp();
  ram.setWord(tohost, 3);
  htif.stored(tohost - 4, 4);
  htif.stored(tohost + 8, 4);
  clock.advance(10 * LOW_WORD_CYCLES);
  expect(exits).toEqual([]);
});
