import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CaptureConsole } from '../../src/host/console.ts';
import { isSemihostingCall, Semihosting, type SemihostingOptions } from '../../src/host/semihosting.ts';
import { NOWHERE, Ram, RAM } from './ram.ts';

const SYS = {
  OPEN: 0x01,
  CLOSE: 0x02,
  WRITEC: 0x03,
  WRITE0: 0x04,
  WRITE: 0x05,
  READ: 0x06,
  READC: 0x07,
  ISERROR: 0x08,
  ISTTY: 0x09,
  SEEK: 0x0a,
  FLEN: 0x0c,
  REMOVE: 0x0e,
  RENAME: 0x0f,
  CLOCK: 0x10,
  TIME: 0x11,
  SYSTEM: 0x12,
  ERRNO: 0x13,
  GET_CMDLINE: 0x15,
  HEAPINFO: 0x16,
  EXIT: 0x18,
  EXIT_EXTENDED: 0x20,
  ELAPSED: 0x30,
  TICKFREQ: 0x31,
} as const;

const MODE = { r: 0, 'r+': 2, w: 4, 'w+': 6, a: 8, 'a+': 10 } as const;

/** A guest with a memory, a console with input, and calls written as C would write them. */
function setUp(options: Partial<SemihostingOptions> = {}, input = '') {
  const ram = new Ram();
  const console = new CaptureConsole(input);
  const host = new Semihosting({ memory: ram, console, cycles: () => 0, ...options });
  const value = (operation: number, ...block: readonly number[]): number => {
    const result = host.perform(operation, ram.words(...block));
    if (!('value' in result)) throw new Error('the guest exited');
    return result.value;
  };
  const named = (text: string): readonly [number, number] => [
    ram.text(text),
    new TextEncoder().encode(text).length,
  ];
  return {
    ram,
    console,
    host,
    value,
    open: (name: string, mode: keyof typeof MODE): number => {
      const [address, length] = named(name);
      return value(SYS.OPEN, address, MODE[mode], length);
    },
    write: (handle: number, text: string): number => value(SYS.WRITE, handle, ...named(text)),
    read: (handle: number, count: number): { text: string; left: number } => {
      const buffer = ram.bytes(new Uint8Array(count));
      const left = value(SYS.READ, handle, buffer, count);
      return { text: ram.readText(buffer, count - left), left };
    },
    remove: (name: string): number => value(SYS.REMOVE, ...named(name)),
    rename: (from: string, to: string): number => value(SYS.RENAME, ...named(from), ...named(to)),
    errno: (): number => value(SYS.ERRNO),
  };
}

describe('the console', () => {
  test('is written by character, string and file', () => {
    const { host, ram, console, open, write } = setUp();
    host.perform(SYS.WRITEC, ram.text('A'));
    host.perform(SYS.WRITE0, ram.text('é – string\n'));
    const out = open(':tt', 'w');
    expect(write(out, 'file\n')).toBe(0);
    expect(console.text()).toBe('Aé – string\nfile\n');
  });

  test('opened for appending is standard error', () => {
    const { console, open, write } = setUp();
    write(open(':tt', 'a'), 'trouble');
    expect(console.text('stderr')).toBe('trouble');
    expect(console.text('stdout')).toBe('');
  });

  test('is a terminal that reads input until its end', () => {
    const { open, read, value } = setUp({}, 'three words here');
    const input = open(':tt', 'r');
    expect(value(SYS.ISTTY, input)).toBe(1);
    expect(read(input, 6)).toEqual({ text: 'three ', left: 0 });
    expect(value(SYS.READC)).toBe('w'.charCodeAt(0));
    expect(read(input, 100)).toEqual({ text: 'ords here', left: 91 });
    expect(read(input, 10)).toEqual({ text: '', left: 10 });
    expect(value(SYS.READC)).toBe(-1);
  });
});

describe('files below the granted directory', () => {
  let directory: string;
  let outside: string;
  beforeEach(() => {
    outside = mkdtempSync(join(tmpdir(), 'octet-semihosting-'));
    directory = join(outside, 'granted');
    mkdirSync(join(directory, 'below'), { recursive: true });
    writeFileSync(join(outside, 'secret'), 'secret');
  });
  afterEach(() => rmSync(outside, { recursive: true }));

  test('are created, written, measured and closed', () => {
    const { open, write, value } = setUp({ directory });
    const handle = open('below/new.txt', 'w');
    expect(handle).toBeGreaterThan(0);
    expect(write(handle, 'grüße')).toBe(0);
    expect(value(SYS.FLEN, handle)).toBe(7);
    expect(value(SYS.ISTTY, handle)).toBe(0);
    expect(value(SYS.CLOSE, handle)).toBe(0);
    expect(readFileSync(join(directory, 'below/new.txt'), 'utf8')).toBe('grüße');
  });

  test('are read from any position, up to their end', () => {
    writeFileSync(join(directory, 'data'), '0123456789');
    const { open, read, value } = setUp({ directory });
    const handle = open('data', 'r');
    expect(read(handle, 4)).toEqual({ text: '0123', left: 0 });
    expect(read(handle, 4)).toEqual({ text: '4567', left: 0 });
    expect(read(handle, 4)).toEqual({ text: '89', left: 2 });
    expect(read(handle, 4)).toEqual({ text: '', left: 4 });
    expect(value(SYS.SEEK, handle, 5)).toBe(0);
    expect(read(handle, 2).text).toBe('56');
  });

  test('keep their contents when opened for update, and grow when opened for appending', () => {
    writeFileSync(join(directory, 'data'), 'abcdef');
    const { open, write, value } = setUp({ directory });
    const update = open('data', 'r+');
    value(SYS.SEEK, update, 2);
    write(update, 'XY');
    const append = open('data', 'a');
    value(SYS.SEEK, append, 0);
    write(append, '!');
    expect(readFileSync(join(directory, 'data'), 'utf8')).toBe('abXYef!');
  });

  test('are renamed and removed', () => {
    writeFileSync(join(directory, 'old'), 'x');
    const { rename, remove, errno } = setUp({ directory });
    expect(rename('old', 'below/new')).toBe(0);
    expect(existsSync(join(directory, 'below/new'))).toBe(true);
    expect(remove('below/new')).toBe(0);
    expect(existsSync(join(directory, 'below/new'))).toBe(false);
    expect(remove('below/new')).toBe(-1);
    expect(errno()).toBe(2);
  });

  test('have the lowest free handle, never 0', () => {
    writeFileSync(join(directory, 'data'), '');
    const { open, value } = setUp({ directory });
    expect([open('data', 'r'), open('data', 'r'), open('data', 'r')]).toEqual([1, 2, 3]);
    value(SYS.CLOSE, 2);
    expect(open('data', 'r')).toBe(2);
  });

  test('may be named by an absolute path inside', () => {
    writeFileSync(join(directory, 'data'), 'inside');
    const { open, read } = setUp({ directory });
    expect(read(open(join(directory, 'data'), 'r'), 6).text).toBe('inside');
  });

  test.each([
    ['a path upwards', '../secret', 13],
    ['a path down and upwards', 'below/../../secret', 13],
    ['the directory itself', '.', 13],
    ['a directory inside', 'below', 21],
    ['a link to a file outside', 'link', 13],
    ['a link to nothing outside', 'dangling', 13],
    ['a directory linked from outside', 'linked/secret', 13],
    ['nothing there', 'absent', 2],
    ['a zero byte in the name', 'da\0ta', 22],
  ])('cannot be %s', (_what, name, error) => {
    symlinkSync(join(outside, 'secret'), join(directory, 'link'));
    symlinkSync(join(outside, 'created'), join(directory, 'dangling'));
    symlinkSync(outside, join(directory, 'linked'));
    const { open, remove, rename, errno } = setUp({ directory });
    for (const attempt of [() => open(name, 'r'), () => remove(name), () => rename(name, 'stolen')]) {
      expect(attempt()).toBe(-1);
      expect(errno()).toBe(error);
    }
    if (error === 13) expect(open(name, 'w')).toBe(-1);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(existsSync(join(outside, 'created'))).toBe(false);
    expect(existsSync(join(directory, 'stolen'))).toBe(false);
  });

  test('cannot be an absolute path outside', () => {
    const { open, errno } = setUp({ directory });
    expect(open(join(outside, 'secret'), 'r')).toBe(-1);
    expect(errno()).toBe(13);
  });

  test('cannot be opened at all when no directory is granted', () => {
    const { open, remove, rename, errno } = setUp();
    for (const attempt of [() => open('data', 'r'), () => remove('data'), () => rename('data', 'x')]) {
      expect(attempt()).toBe(-1);
      expect(errno()).toBe(13);
    }
  });

  test('opened for reading refuse to be written', () => {
    writeFileSync(join(directory, 'data'), 'abc');
    const { open, write, errno } = setUp({ directory });
    expect(write(open('data', 'r'), 'XYZ')).toBe(3);
    expect(errno()).toBe(9);
    expect(readFileSync(join(directory, 'data'), 'utf8')).toBe('abc');
  });
});

describe('time', () => {
  test('is derived from cycles', () => {
    let cycles = 0;
    const { value } = setUp({ cycles: () => cycles, frequency: 1e6 });
    expect(value(SYS.CLOCK)).toBe(0);
    cycles = 2_340_000;
    expect(value(SYS.CLOCK)).toBe(234);
    expect(value(SYS.TIME)).toBe(2);
    expect(value(SYS.TICKFREQ)).toBe(1e6);
  });

  test('elapses in 64 bits', () => {
    const { host, ram } = setUp({ cycles: () => 5 * 2 ** 32 + 0x8000_0001 });
    const block = ram.words(0, 0);
    expect(host.perform(SYS.ELAPSED, block)).toEqual({ value: 0 });
    expect([ram.word(block), ram.word(block + 4)]).toEqual([0x8000_0001 | 0, 5]);
  });
});

describe('exit', () => {
  test('is success for the reason ApplicationExit and failure for any other', () => {
    const { host } = setUp();
    expect(host.perform(SYS.EXIT, 0x2_0026)).toEqual({ exit: 0 });
    expect(host.perform(SYS.EXIT, 0x2_0023)).toEqual({ exit: 1 });
  });

  test('has a code in its extended form', () => {
    const { host, ram } = setUp();
    expect(host.perform(SYS.EXIT_EXTENDED, ram.words(0x2_0026, 3))).toEqual({ exit: 3 });
    expect(host.perform(SYS.EXIT_EXTENDED, ram.words(0x2_0026, -1))).toEqual({ exit: -1 });
    expect(host.perform(SYS.EXIT_EXTENDED, ram.words(0x2_0023, 0))).toEqual({ exit: 1 });
  });

  test('in its extended form is announced as a feature', () => {
    const { open, read, write, value } = setUp();
    const features = open(':semihosting-features', 'r');
    expect(value(SYS.FLEN, features)).toBe(5);
    expect(read(features, 4).text).toBe('SHFB');
    value(SYS.SEEK, features, 4);
    expect(read(features, 1).text).toBe('\x03');
    expect(write(features, 'no')).toBe(2);
  });
});

describe('the rest', () => {
  test('gives the command line when the buffer is large enough', () => {
    const { ram, host, errno } = setUp({ args: ['fw.elf', '--n', '3'] });
    const buffer = ram.bytes(new Uint8Array(16).fill(0xff));
    const block = ram.words(buffer, 13);
    expect(host.perform(SYS.GET_CMDLINE, block)).toEqual({ value: 0 });
    expect(ram.readText(buffer, 13)).toBe('fw.elf --n 3\0');
    expect(ram.word(block + 4)).toBe(12);
    expect(host.perform(SYS.GET_CMDLINE, ram.words(buffer, 12))).toEqual({ value: -1 });
    expect(errno()).toBe(22);
  });

  test('knows nothing of the heap', () => {
    const { ram, host } = setUp();
    const info = ram.words(1, 2, 3, 4);
    expect(host.perform(SYS.HEAPINFO, ram.words(info))).toEqual({ value: 0 });
    expect([0, 4, 8, 12].map((offset) => ram.word(info + offset))).toEqual([0, 0, 0, 0]);
  });

  test('tells errors from results', () => {
    const { value } = setUp();
    expect([value(SYS.ISERROR, -1), value(SYS.ISERROR, 0), value(SYS.ISERROR, 5)]).toEqual([1, 0, 0]);
  });

  test('never runs a host command, and refuses unknown operations', () => {
    const { host, ram, errno } = setUp();
    for (const operation of [SYS.SYSTEM, 0x0d, 0x1ff, -1]) {
      expect(host.perform(operation, ram.words(0, 0))).toEqual({ value: -1 });
      expect(errno()).toBe(38);
    }
  });

  test.each([
    ['a block', SYS.OPEN, [], NOWHERE],
    ['a name', SYS.OPEN, [NOWHERE, 0, 4], undefined],
    ['a name longer than memory', SYS.OPEN, [RAM, 0, -1], undefined],
    ['a command line buffer', SYS.GET_CMDLINE, [NOWHERE, 100], undefined],
  ])('refuses %s outside memory with EFAULT', (_what, operation, words, parameter) => {
    const { host, ram, errno } = setUp();
    expect(host.perform(operation, parameter ?? ram.words(...words))).toEqual({ value: -1 });
    expect(errno()).toBe(14);
  });

  test('a transfer outside memory moves nothing and consumes no input', () => {
    const { open, value, read, errno } = setUp({}, 'kept');
    const input = open(':tt', 'r');
    expect(value(SYS.READ, input, NOWHERE, 4)).toBe(4);
    expect(errno()).toBe(14);
    expect(value(SYS.WRITE, open(':tt', 'w'), NOWHERE, 4)).toBe(4);
    expect(read(input, 4).text).toBe('kept');
  });

  test('a handle that is not open is refused with EBADF', () => {
    const { value, read, errno } = setUp();
    for (const operation of [SYS.CLOSE, SYS.ISTTY, SYS.SEEK, SYS.FLEN]) {
      expect(value(operation, 5, 0)).toBe(-1);
      expect(errno()).toBe(9);
    }
    expect(read(0, 3).left).toBe(3);
  });

  test('an unknown open mode is refused', () => {
    const { ram, value, errno } = setUp();
    expect(value(SYS.OPEN, ram.text(':tt'), 12, 3)).toBe(-1);
    expect(errno()).toBe(22);
  });
});

describe('a call', () => {
  const code = new Map([
    [0x8000_0000, 0x01f0_1013],
    [0x8000_0004, 0x0010_0073],
    [0x8000_0008, 0x4070_5013],
    [0x8000_000c, 0x0010_0073],
  ]);
  const wordAt = (address: number): number | undefined => code.get(address);

  test('is an ebreak between its two marks', () => {
    expect(isSemihostingCall(0x8000_0004, wordAt)).toBe(true);
    expect(isSemihostingCall(0x8000_0004 | 0, wordAt)).toBe(true);
    expect(isSemihostingCall(0x8000_000c, wordAt)).toBe(false);
  });

  test('is told from a breakpoint', () => {
    const { host, ram, console } = setUp();
    expect(host.call(0x8000_000c, SYS.WRITEC, ram.text('x'), wordAt)).toBeUndefined();
    expect(host.call(0x8000_0004, SYS.WRITEC, ram.text('y'), wordAt)).toEqual({ value: 0 });
    expect(console.text()).toBe('y');
  });
});
