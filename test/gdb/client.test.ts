/** Sessions of a real gdb-multiarch with the stub: GDB's commands and what it says. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  buildProgram,
  gdb,
  interruptGdb,
  needsGdb,
  startGdb,
  startServer,
  type TestServer,
} from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
let elf = '';
let server: TestServer;

beforeEach(async (context) => {
  needsToolchain(context);
  needsGdb(context);
  elf = buildProgram(bench);
  server = await startServer(elf);
});
afterEach(() => server.close());

const session = (...commands: readonly string[]): Promise<string> => gdb(server, elf, ...commands);

describe('threads', () => {
  test('are the harts, with names and states', async () => {
    const text = await session(
      'info threads',
      'python print(len(gdb.selected_inferior().threads()), "threads")',
    );
    for (let hart = 0; hart < 8; hart++)
      expect(text).toContain(`Thread 1.${hart + 1} "hart${hart}" (running)`);
    expect(text).toContain('8 threads');
  });

  test('say who is missing at a barrier', async () => {
    const text = await session('tbreak main thread 8', 'continue', 'info threads', 'monitor barrier');
    expect(text).toMatch(/Thread 1\.1 "hart0" \(waits at the hardware barrier/);
    expect(text).toMatch(/hardware barrier +arrived: 0, 1, 2, 3, 4, 5, 6; +missing: 7/);
  });

  test('are stepped by the stub, since the description names no operating system', async () => {
    expect(await session('show osabi')).toContain('"auto" (currently "none")');
  });
});

describe('registers', () => {
  test('are read and written per hart, CSRs with their fields', async () => {
    const text = await session(
      'print $mstatus',
      'set $mie=8',
      'print $mie',
      'thread 4',
      'print $mhartid',
      'print $mie',
      'set $x0=1',
      'print $zero',
      'set $sp=0x80001000',
      'print $sp',
      'print $priv',
      'info registers csr',
    );
    expect(text).toContain('$1 = [ MPP=3 ]');
    expect(text).toContain('$2 = [ MSIE ]');
    expect(text).toContain('$3 = 3\n');
    expect(text).toContain('$4 = [ ]\n');
    expect(text).toContain('$5 = 0\n');
    expect(text).toContain('$6 = (void *) 0x80001000');
    expect(text).toContain('$7 = 3\n');
    for (const name of ['mepc', 'mtvec', 'mcycle', 'pmpaddr15', 'tdata1', 'uhartid']) {
      expect(text).toMatch(new RegExp(`^${name} `, 'm'));
    }
  });

  test('that are read-only stay as they are', async () => {
    expect(await session('set $mhartid=5', 'print $mhartid')).toMatch(
      /Could not write register "mhartid"[^]*\$1 = 0/,
    );
  });

  test('of the hardware loops can be looked at and changed: the loop then ends early', async () => {
    const text = await session(
      'break loop_last',
      'continue',
      'info registers xpulp',
      'stepi',
      'print $pc == &loop_body',
      'print $lpcount0',
      'delete',
      'set $lpcount0=2',
      'tbreak copy_by_dma',
      'continue',
      'print loop_sum',
    );
    for (const name of ['lpstart0', 'lpend0', 'lpcount0', 'lpstart1', 'lpend1', 'lpcount1']) {
      expect(text).toMatch(new RegExp(`^${name} `, 'm'));
    }
    expect(text).toContain('<hardware_loop+8>');
    expect(text).toContain('$1 = 1\n');
    expect(text).toContain('$2 = 4\n');
    expect(text).toContain('$3 = 9\n'); // one round, then two of five
  });

  test('of accelerator and DMA form a group of their own, those of the DMA per hart', async () => {
    const text = await session(
      'tbreak misbehave',
      'continue',
      'info registers virtual',
      'thread 2',
      'print $dma_bytes',
    );
    expect(text).toMatch(/^ita_status +0x0/m);
    expect(text).toMatch(/^dma_bytes +0x4/m);
    expect(text).toContain('$1 = 0\n');
  });
});

describe('memory', () => {
  test('is read everywhere, without side effects on devices, and refused where there is none', async () => {
    const text = await session(
      'x/2wx 0x10000000',
      'x/wx &_start',
      'x/wx 0x1000',
      'x/wx 0x10040004',
      'x/wx 0x10040004',
      'x/wx 0x50000000',
      'set {int}0x1000=1',
    );
    expect(text).toContain('0x10000000:\t0x00000000\t0x00000000');
    expect(text).toMatch(/0x80000000 <_start>:\t0x[\da-f]{8}/);
    expect(text).toContain('0x1000:\t0xf1402573');
    expect(text.match(/0x10040004:\t0x00000000/g)).toHaveLength(2); // ACQUIRE would count
    expect(text).toContain('Cannot access memory at address 0x50000000');
    expect(text).toContain('Cannot access memory at address 0x1000');
  });

  test('takes a program by load, and compare-sections finds it there', async () => {
    const text = await session('load', 'compare-sections', 'set {int}&_start=0', 'compare-sections .text');
    expect(text).toMatch(/Transfer rate/);
    expect(text.match(/: matched\./g)!.length).toBeGreaterThanOrEqual(3);
    expect(text).toContain('MIS-MATCHED');
  });

  test('comes back byte by byte as it was put there', async () => {
    const data = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    writeFileSync(bench.path('in.bin'), data);
    const text = await session(
      `restore ${bench.path('in.bin')} binary 0x80100000`,
      `dump binary memory ${bench.path('out.bin')} 0x80100000 0x80200000`,
    );
    expect(text).toContain('Restoring binary file');
    expect(readFileSync(bench.path('out.bin')).equals(data)).toBe(true);
  });

  test('is searched by the stub', async () => {
    const text = await session(
      'find /w 0x80000000, +0x1000, 0x1234567',
      'set {int}0x80010002=0x1234567',
      'find 0x80000000, +0x100000, (char)0x67, (char)0x45, (char)0x23, (char)1',
    );
    expect(text).toContain('Pattern not found.');
    expect(text).toContain('0x80010002');
    expect(text).toContain('1 pattern found.');
  });

  test('has regions', async () => {
    const text = await session('info mem');
    expect(text).toMatch(/0x00001000 0x00002000 ro/);
    expect(text).toMatch(/0x10000000 0x10020000 rw/);
    expect(text).toMatch(/0x80000000 0x80400000 rw/);
  });
});

test('a function of the guest can be called, and leaves registers as they were', async () => {
  const text = await session(
    'tbreak hardware_loop',
    'continue',
    'set $a5=77',
    'print f(7)',
    'print $a5',
    'info threads',
  );
  expect(text).toContain('$1 = 21\n');
  expect(text).toContain('$2 = 77\n');
});

test('the exit of the guest is the exit of the inferior', async () => {
  const text = await session('continue', 'print $_exitcode');
  expect(text).toContain('greetings from the guest\n');
  expect(text).toContain('exited with code 052');
  expect(text).toContain('$1 = 42\n');
  expect(server.output()).toBe('greetings from the guest\n');
});

test('Ctrl-C halts a running machine, which then goes on', async () => {
  const run = startGdb(elf, [
    `target remote ${server.address}`,
    'set var mode=7',
    'echo endless\\n',
    'continue',
    'info threads',
    'set var mode=0',
    'continue',
  ]);
  await run.until('endless');
  await interruptGdb(run, () => server.runner.running);
  const text = await run.ended;
  expect(text).toContain('received signal SIGINT');
  expect(text).toContain('Thread 1.8 "hart7"');
  expect(text).toContain('exited with code 052');
});

test('GDB started without a program finds symbols and source lines', async () => {
  const text = await gdb(server, undefined, 'list main', 'print &shared', 'info line f');
  expect(text).toContain('int main(unsigned hart) {');
  expect(text).toContain('(volatile int *) 0x');
  expect(text).toContain('program.c"');
});

describe('a fault that the guest does not handle', () => {
  test.each([
    [1, 'SIGILL', 'illegal instruction (0xffffffff) by hart 0'],
    [2, 'SIGSEGV', 'load of 4 bytes from 0x20000000 by hart 0'],
    [3, 'SIGBUS', 'lr.w from 0x80000001 by hart 0'],
    [4, 'SIGSYS', 'environment call from machine mode by hart 0'],
  ])('of kind %i stops with %s at the instruction, after its sentence', async (mode, signal, sentence) => {
    const text = await session(`set var mode=${mode}`, 'continue', 'x/i $pc', 'monitor why');
    expect(text).toContain(`received signal ${signal}`);
    expect(text.indexOf(sentence)).toBeLessThan(text.indexOf(`signal ${signal}`));
    expect(text).toMatch(/misbehave \(\) at .*program\.c:/);
    expect(text.split(sentence)).toHaveLength(3);
  });

  test('leaves an ebreak of the program a breakpoint', async () => {
    expect(await session('set var mode=5', 'continue', 'x/i $pc')).toMatch(/SIGTRAP[^]*ebreak/);
  });

  test('and a machine in which nobody can go on is explained', async () => {
    const text = await session('set var mode=6', 'continue', 'monitor why');
    expect(text).toContain('SIGABRT');
    expect(text.match(/deadlock at cycle \d+: every hart sleeps/g)).toHaveLength(2);
  });
});

test('file calls of the guest are performed by GDB when asked to', async () => {
  const directory = bench.directory;
  const text = await startGdb(
    elf,
    [
      `target remote ${server.address}`,
      'monitor semihosting fileio gdb',
      'tbreak misbehave',
      'continue',
      'continue',
      'print $_exitcode',
    ],
    directory,
  ).ended;
  expect(text).toContain('greetings from the guest');
  expect(text).toContain('$1 = 42');
  expect(readFileSync(bench.path('guest.txt'), 'utf8')).toBe('greetings from the guest\n');
  expect(server.output()).toBe(''); // the write went to GDB instead
});

describe('monitor', () => {
  test('answers in words, and never as a protocol error', async () => {
    const commands =
      'help;help goto;harts;instret;cycles;perf;regs;regs ita;regs nothing;bogus;ita;dma;events;barrier;map;machine;' +
      'disasm loop_setup 2;why;when;history;step-interrupts on;watch-dma off;catch bus;output maybe;reset;reset halt;halt;goto';
    const text = await session(...commands.split(';').map((command) => `monitor ${command}`));
    expect(text).toContain("unknown command 'bogus', try 'monitor help'");
    expect(text).toContain('cv.setupi 0, 5, 16');
    expect(text).toContain("'maybe' is none of gdb, terminal, both");
    expect(text).toContain('step-interrupts');
    expect(text).toContain('no device');
    expect(text).not.toMatch(/Protocol error|Remote failure/);
  });

  test('goes to positions of the history and names them', async () => {
    const text = await session(
      'break hardware_loop',
      'continue',
      'monitor checkpoint here',
      'delete',
      'stepi 5',
      'monitor restore here',
      'maintenance flush register-cache',
      'print $pc == &hardware_loop',
      'monitor goto 0',
      'maintenance flush register-cache',
      'print $pc == &_start',
      'monitor goto 99999',
      'monitor restore nowhere',
    );
    expect(text).toMatch(/here is position \d+/);
    expect(text).toContain('$1 = 1\n');
    expect(text).toContain('$2 = 1\n');
    expect(text).toMatch(/position 99999 is not recorded; history reaches from 0 to \d+/);
    expect(text).toContain("there is no checkpoint 'nowhere'");
  });

  test('traces what has retired, from the history', async () => {
    const text = await session(
      'tbreak loop_last',
      'continue',
      'monitor trace last 3',
      'print $pc == &loop_last',
    );
    const [start, , last] = [...text.matchAll(/^\d+ hart 0 (0x[\da-f]+) <(.*)> (.*)$/gm)].map(
      (match) => match[3],
    );
    expect(start).toBe('cv.setupi 0, 5, 16');
    expect(last).toBe('addi a0, a0, 1');
    expect(text).toContain('$1 = 1\n');
  });

  test('keeps a snapshot in a file and returns to it', async () => {
    const files = new Map<string, Uint8Array>();
    const own = await startServer(elf, {
      files: {
        read: (name) => files.get(name) ?? new Uint8Array(),
        write: (name, data) => void files.set(name, data),
      },
    });
    try {
      const text = await gdb(
        own,
        elf,
        'tbreak misbehave',
        'continue',
        'monitor snapshot save s',
        'continue',
        'print $_exitcode',
      );
      expect(text).toContain('$1 = 42');
      const again = await gdb(
        own,
        elf,
        'monitor snapshot restore s',
        'maintenance flush register-cache',
        'backtrace 1',
        'continue',
      );
      expect(again).toContain('misbehave ()');
      expect(again).toContain('exited with code 052');
      expect(await gdb(own, elf, 'monitor snapshot restore nothing')).toMatch(/snapshot: /);
    } finally {
      own.close();
    }
  });
});
