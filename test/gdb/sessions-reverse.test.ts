/** Sessions of a real gdb-multiarch that go backwards. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeSnapshot } from '../../src/cluster/snapshot-file.ts';
import { buildApps } from '../support/apps.ts';
import { buildProgram, gdb, needsGdb, startServer, type TestServer } from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench, ['ita']);

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

/** The positions that `monitor when` has told. */
const positions = (text: string): number[] =>
  [...text.matchAll(/^position (\d+) /gm)].map((match) => Number(match[1]));

test('three instructions back and forth again lead to the same pc and registers, on any hart', async () => {
  const round = ['info registers', 'reverse-stepi', 'reverse-stepi', 'reverse-stepi', 'monitor when'];
  const text = await session(
    'tbreak f thread 6',
    'continue',
    'stepi 5',
    ...round,
    'stepi 3',
    'info registers',
    'monitor when',
  );
  const registers = [...text.matchAll(/^(zero|ra|sp|a\d|s\d|t\d|pc) +(0x[\da-f]+)/gm)].map((m) => m[0]);
  expect(registers.length).toBeGreaterThan(50);
  const half = registers.length / 2;
  expect(registers.slice(half)).toEqual(registers.slice(0, half));
});

test('breakpoints are hit backwards, hart by hart, as they were forwards', async () => {
  const where = ['monitor when', 'print $_thread'];
  const text = await session(
    'break f if n == 9',
    ...Array.from({ length: 4 }, () => ['continue', ...where]).flat(),
    ...Array.from({ length: 3 }, () => ['reverse-continue', ...where]).flat(),
  );
  const threads = [...text.matchAll(/^\$\d+ = (\d)$/gm)].map((match) => Number(match[1]));
  expect(threads).toEqual([1, 2, 3, 4, 3, 2, 1]);
  const told = positions(text);
  expect(told.slice(4)).toEqual(told.slice(0, 3).toReversed());
});

test('a watch stops at the last write, from its far side', async () => {
  const text = await session(
    'tbreak misbehave',
    'continue',
    'watch shared',
    'reverse-continue',
    'print shared',
    'x/i $pc',
    'reverse-continue',
    'print shared',
    'delete',
    'stepi',
    'print shared',
  );
  expect(text).toMatch(/Old value = 2\nNew value = 1\n[^]*\$1 = 1\n=> .*sw\t/);
  expect(text).toMatch(/Old value = 1\nNew value = 0\n[^]*\$2 = 0\n[^]*\$3 = 1\n/);
});

test('the beginning of history is said in words', async () => {
  const text = await session('stepi 20', 'reverse-continue', 'reverse-stepi', 'print $pc == &_start');
  expect(text.match(/No more reverse-execution history\./g)).toHaveLength(2);
  expect(text).toContain('$1 = 1\n');
});

test('line by line, into functions and out of them', async () => {
  const text = await session(
    'tbreak hardware_loop',
    'continue',
    'reverse-finish', // to the call
    'reverse-next', // to the beginning of its line
    'reverse-next', // over pairs()
    'reverse-next',
    'reverse-next',
    'echo into\\n',
    'next',
    'next',
    'next',
    'reverse-step', // back into pairs() at its end
    'backtrace 1',
  );
  const [over, into] = text.split('into\n');
  const lines = [...over.matchAll(/^(\d+)\t/gm)].map((match) => Number(match[1]));
  expect(lines.slice(-5)).toEqual([113, 113, 112, 111, 110]);
  expect(into).toMatch(/^#0 .*pairs \(\)/m);
});

describe('the writer of a corrupted word is found', () => {
  const end = ['tbreak files', 'continue'];

  test('when it was another hart', async () => {
    const text = await session(...end, 'watch written_by_3', 'reverse-continue', 'info threads');
    expect(text).toMatch(/Thread 4 "hart3" hit Hardware watchpoint \d: written_by_3/);
    expect(text).toMatch(/Old value = 33\nNew value = 0\n.*main \(hart=3\)/);
  });

  test('when it was the DMA', async () => {
    const text = await session(
      ...end,
      'watch *(int *)0x10000100',
      'reverse-continue',
      'backtrace 1',
      'continue',
    );
    expect(text).toContain('the DMA has made the watched access to 0x10000100');
    expect(text).toMatch(/Old value = 15\nNew value = 0\n/);
    expect(text).toMatch(/Old value = 0\nNew value = 15\n/); // forward again
  });

  test('when it was the accelerator, jobs ago', async () => {
    const program = bench.path('ita.elf');
    const own = await startServer(program);
    try {
      const text = await gdb(
        own,
        program,
        'tbreak _exit',
        'continue',
        'monitor when',
        'watch *(int *)output[0]',
        'reverse-continue',
        'monitor when',
        'monitor ita',
        'delete',
        'continue',
      );
      expect(text).toMatch(/the accelerator has made the watched access to 0x100[\da-f]+/);
      const [late, early] = positions(text);
      expect(early).toBeLessThan(late - 1000);
      expect(text).toMatch(/^busy; \d of \d contexts committed and unfinished/m);
      expect(text).toContain('exited normally');
    } finally {
      own.close();
    }
  });
});

test('forward, with harts stepped alone, back and forth again: the whole machine is the same', async () => {
  const states: string[] = [];
  const look = (): void => {
    states.push(createHash('sha256').update(encodeSnapshot(server.runner.debuggee.machine)).digest('hex'));
  };
  const first = await session(
    'tbreak f thread 4',
    'continue',
    'set scheduler-locking on',
    'thread 3',
    'stepi 7',
    'thread 6',
    'stepi 11',
    'set scheduler-locking off',
    'thread 4',
    'stepi 40',
    'monitor when',
    'monitor hash',
    'disconnect',
  );
  look();
  const [position] = positions(first);
  const again = await session(
    'reverse-continue',
    'monitor when',
    'monitor goto 100',
    `monitor goto ${position}`,
    'monitor hash',
    'disconnect',
  );
  look();
  expect(positions(again)).toEqual([0]);
  expect(states[1]).toBe(states[0]);
  const hashes = [first, again].map((text) => /memory hash ([\da-f]{16}) at position (\d+)/.exec(text)![0]);
  expect(hashes[1]).toBe(hashes[0]);
});
