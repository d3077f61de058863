/** Sessions of a real gdb-multiarch with MobileBERT as firmware: kernels on eight harts, DMA and the accelerator. */
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { presets } from '../../src/cluster/config.ts';
import type { Machine } from '../../src/cluster/machine.ts';
import { lastChange, mobileBert } from '../support/firmware.ts';
import { gdb, needsGdb, startServer, type TestServer } from '../support/gdb.ts';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
let elf = '';
let finished: Machine;
let server: TestServer;
/** The machine of the session; the next client finds another. */
let machine: Machine;

beforeEach(async (context) => {
  needsToolchain(context);
  needsGdb(context);
  if (elf === '') ({ elf, finished } = await mobileBert());
  server = await startServer(elf, {
    config: presets['octa'],
    files: {
      read: (name) => bench.read(name),
      write: (name, data) => writeFileSync(bench.path(name), data),
    },
  });
  ({ machine } = server.runner.debuggee);
}, 120_000);
afterEach(() => server.close());

const session = (...commands: readonly string[]): Promise<string> => gdb(server, elf, ...commands);
const positions = (text: string): number[] =>
  [...text.matchAll(/^position (\d+) /gm)].map((match) => Number(match[1]));

/** The run has ended as the one that nobody watched. */
function expectUndisturbed(): void {
  expect(machine.exitCode).toBe(0);
  expect(machine.cluster.harts.map(({ instret }) => instret)).toEqual(
    finished.cluster.harts.map(({ instret }) => instret),
  );
  expect(machine.memoryHash()).toBe(finished.memoryHash());
  expect(machine.statistics).toEqual(finished.statistics);
}

test('a kernel can be stopped on a chosen hart, gone through by lines and left, and the run ends as ever', async () => {
  const text = await session(
    'break sum_rows thread 6',
    'continue',
    'info threads',
    'backtrace',
    'next',
    'next',
    'step',
    'stepi 10',
    'finish',
    'delete',
    'break ita_submit if $_thread == 1',
    'ignore 2 3',
    'continue',
    'info threads',
    'stepi 5',
    'delete',
    'continue',
  );
  expect(text).toContain('Thread 6 "hart5" hit Breakpoint 1, sum_rows');
  expect(text).toMatch(/#\d+ .* in main \(\)/);
  expect(text).toMatch(/Thread 1 "hart0" hit Breakpoint 2.* ita_submit/);
  expect(text).toMatch(/"hart7" \(waits at the hardware barrier/);
  expect(text).toContain('exited normally');
  expectUndisturbed();
});

test('every hart can be stepped in turn, and the run ends as ever', async () => {
  const harts = [1, 2, 3, 4, 5, 6, 7, 8];
  const text = await session(
    'tbreak embedding_output thread 3',
    'tbreak sum_block thread 3',
    'continue',
    ...harts.flatMap((thread) => [`thread ${thread}`, 'stepi', 'stepi 3', 'info registers pc']),
    'monitor instret',
    'continue',
    'continue',
  );
  expect(text.match(/^pc /gm)).toHaveLength(8);
  expect(text).toContain('exited normally');
  expectUndisturbed();
});

describe('who wrote a word last is found backwards, across DMA transfers and jobs of the accelerator', () => {
  test.each([
    ['DMA', 'dma', 'network_layer_00_output', 1_200_000],
    ['accelerator', 'ita', 'l1', 500_000],
  ] as const)('the %s', async (name, device, place, from) => {
    const write = lastChange(elf, device, symbol(place), from);
    const text = await session(
      'break _exit',
      'continue',
      `monitor goto ${from}`,
      'maintenance flush register-cache',
      'monitor when',
      `watch *(int *)${write.address}`,
      'reverse-continue',
      'monitor when',
      'info threads',
      'stepi',
      'delete',
      'continue',
    );
    expect(text).toContain(`the ${name} has made the watched access to 0x`);
    expect(text).toContain(`Old value = ${write.after}\nNew value = ${write.before}\n`);
    const [end, found] = positions(text);
    expect(found).toBe(write.position);
    expect(found).toBeLessThan(end);
    expect(text).toContain('exited normally');
    expectUndisturbed();
  });
});

/** Where a symbol begins and ends. */
function symbol(name: string): [number, number] {
  const found = server.runner.debuggee.program.symbols.find(name);
  if (!found) throw new Error(`there is no symbol ${name}`);
  return [found.address, found.end];
}

test('a word that the accelerator writes is watched forwards, and the run ends as ever', async () => {
  const { address, position, before, after } = lastChange(elf, 'ita', symbol('l1'), 500_000);
  const text = await session(
    `watch *(int *)${address} if *(int *)${address} == ${after}`,
    'continue',
    'monitor when',
    'delete',
    'continue',
  );
  expect(before).not.toBe(after);
  expect(text).toMatch(/has made the watched access|hit Hardware watchpoint/);
  expect(positions(text)[0]).toBeLessThanOrEqual(position);
  expect(text).toContain('exited normally');
  expectUndisturbed();
});

test('the program can be loaded and compared, and run from the beginning again', async () => {
  const text = await session(
    'load',
    'compare-sections',
    'break network_run thread 2',
    'continue',
    'x/3i $pc',
    'delete',
    'continue',
  );
  expect(text).not.toContain('MIS-MATCHED');
  expect(text.match(/: matched\./g)!.length).toBeGreaterThanOrEqual(3);
  expect(text).toMatch(/Thread 2 "hart1" hit Breakpoint 1, .*network_run/);
  expect(text).toContain('exited normally');
  expectUndisturbed();
});

test('a snapshot of the monitor is the one that octet run saves, and either goes on from the other', async () => {
  const at = 600_000;
  octet('run', elf, '--save', bench.path('run.snap'), '--save-at', String(at));
  const text = await session(
    'tbreak _exit',
    'continue',
    `monitor goto ${at}`,
    'monitor snapshot save gdb.snap',
    'monitor goto 1000',
    'monitor snapshot restore run.snap',
    'maintenance flush register-cache',
    'monitor when',
    'delete',
    'continue',
  );
  expect(Buffer.compare(bench.read('run.snap'), bench.read('gdb.snap'))).toBe(0);
  expect(positions(text)).toEqual([at]);
  expect(text).toContain('exited normally');
  expectUndisturbed();
  const { stdout } = octet('run', elf, '--restore', bench.path('gdb.snap'), '--json');
  expect(JSON.parse(stdout)).toMatchObject({ memoryHash: finished.memoryHash() });
});
