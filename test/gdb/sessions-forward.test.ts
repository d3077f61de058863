/** Sessions of a real gdb-multiarch that go forward: whose turn it is to stop, steps, watches, interrupts. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildApps } from '../support/apps.ts';
import { buildProgram, gdb, needsGdb, startServer, type TestServer } from '../support/gdb.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const bench = new Workbench();
buildApps(bench, ['interrupts', 'ita']);

let elf = '';
const servers: TestServer[] = [];

beforeEach((context) => {
  needsToolchain(context);
  needsGdb(context);
  elf = buildProgram(bench);
});
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function session(program: string, ...commands: readonly string[]): Promise<string> {
  const server = await startServer(program);
  servers.push(server);
  return gdb(server, program, ...commands);
}

/** What the command printed between its echo and the next. */
const marked = (name: string, ...commands: readonly string[]): string[] => [
  `echo [${name}\\n`,
  ...commands,
  `echo ${name}]\\n`,
];
const between = (text: string, name: string): string =>
  text.slice(text.indexOf(`[${name}\n`) + name.length + 2, text.indexOf(`${name}]\n`));

describe('breakpoints', () => {
  test('are hit by all harts in the same order on every run', async () => {
    const commands = ['break f if n == 3', ...Array<string>(8).fill('continue'), 'info threads'];
    const [first, second] = [await session(elf, ...commands), await session(elf, ...commands)];
    const hits = [...first.matchAll(/Thread \d "(hart\d)" hit Breakpoint 1, f \(n=n@entry=3\)/g)];
    expect(hits.map((hit) => hit[1])).toEqual(Array.from({ length: 8 }, (_, hart) => `hart${hart}`));
    expect(second).toBe(first);
  });

  test('for reading, of the hardware, for once, with a condition and for one hart stop just there', async () => {
    const text = await session(
      elf,
      'break f if n == 9 && $mhartid == 5',
      'break semihost thread 1',
      'rwatch pair',
      'hbreak hardware_loop',
      'tbreak branch',
      ...Array<string>(8).fill('continue'),
    );
    const stops = [...text.matchAll(/Thread (\d) "hart\d" hit ([\w ]+ \d)/g)];
    expect(stops.map(([, thread, what]) => `${thread}: ${what}`)).toEqual([
      '6: Breakpoint 1',
      ...Array<string>(3).fill('1: Hardware read watchpoint 3'),
      '1: Breakpoint 4',
      '1: Temporary breakpoint 5',
      '1: Breakpoint 2',
      '1: Breakpoint 2',
    ]);
  });
});

describe('steps', () => {
  test('by line stay with their hart, and the others go on meanwhile', async () => {
    const text = await session(
      elf,
      'tbreak main thread 4',
      'continue',
      'next',
      'next',
      'next',
      'next',
      'info threads',
    );
    expect(text).toContain('Thread 4 "hart3" hit Temporary breakpoint');
    const lines = [...text.matchAll(/^(\d+)\t/gm)].map((match) => Number(match[1]));
    expect(lines.slice(-4)).toEqual([104, 105, 104, 105]);
    expect(text).toMatch(/^\* 4 /m);
    expect(text).toMatch(/^ {2}1 .*waits at the hardware barrier \(missing: harts .*7\)/m);
  });

  test('of every hart in turn move that hart by one instruction', async () => {
    const harts = [1, 2, 3, 4, 5, 6, 7, 8];
    const text = await session(
      elf,
      ...harts.flatMap((thread) => [`thread ${thread}`, 'stepi', 'print $_thread * 1000 + $minstret']),
    );
    const counts = [...text.matchAll(/^\$\d+ = (\d+)$/gm)].map((match) => Number(match[1]));
    // Threads 1 to 8, each with its first instruction retired, or more that it retired while others stepped.
    expect(counts.map((count) => Math.floor(count / 1000))).toEqual(harts);
    for (const count of counts) expect(count % 1000).toBeGreaterThan(0);
  });

  test('over a taken branch on an immediate land at its target', async () => {
    const text = await session(
      elf,
      'tbreak branch_here',
      'continue',
      'stepi',
      'print $pc == &branch_target',
      'finish',
    );
    expect(text).toContain('$1 = 1\n');
    expect(text).toContain('Value returned is $2 = 1');
  });

  test('by instructions go round a hardware loop and over instructions of both sizes', async () => {
    const text = await session(
      elf,
      'tbreak hardware_loop',
      'continue',
      ...Array<string>(8)
        .fill('x/i $pc'.concat(''))
        .flatMap((show) => [show, 'stepi']),
      'print $lpcount0',
      'next',
      'print loop_behind',
      'finish',
    );
    const places = [...text.matchAll(/^=> 0x([\da-f]+) <(hardware_loop|loop_\w+)?\+?(\d*)>/gm)].map((match) =>
      Number.parseInt(match[1], 16),
    );
    const steps = places.slice(1).map((at, i) => at - places[i]);
    expect(steps.filter((step) => step === 2).length).toBeGreaterThan(0);
    expect(steps.filter((step) => step === 4).length).toBeGreaterThan(0);
    expect(steps.filter((step) => step === -8).length).toBeGreaterThan(0); // from the last of the body to the first
    expect(text).toMatch(/Value returned is \$\d+ = 15/);
  });

  test('with the others locked leave those where they are, at a barrier too', async () => {
    const text = await session(
      elf,
      'tbreak main thread 3',
      'continue',
      'set scheduler-locking on',
      ...marked('before', 'monitor instret'),
      'stepi 1000',
      ...marked('after', 'monitor instret'),
      'info threads',
      'set scheduler-locking off',
      'continue',
    );
    const counts = (name: string): number[] =>
      [...between(text, name).matchAll(/^\d +(\d+)$/gm)].map((match) => Number(match[1]));
    const [before, after] = [counts('before'), counts('after')];
    expect(after[2]).toBeGreaterThan(before[2] + 100);
    expect(after.toSpliced(2, 1)).toEqual(before.toSpliced(2, 1));
    expect(text).toMatch(/^\* 3 .*waits at the hardware barrier \(missing: harts 3, 4, 5, 6, 7\)/m);
    expect(text).toContain('exited with code 052');
  });

  test('finish shows what a function of a chosen hart returns', async () => {
    const text = await session(elf, 'break f thread 7', 'continue', 'continue', 'finish');
    expect(text).toMatch(/in main \(hart=6\)[^]*Value returned is \$1 = 3\n/);
  });

  test('run through an interrupt handler, or show it', async () => {
    const program = bench.path('interrupts.elf');
    const text = await session(
      program,
      'tbreak handler thread 1', // which takes an interrupt that the store before has raised
      'continue',
      'reverse-stepi',
      'stepi',
      'monitor checkpoint raised',
      ...marked('through', 'stepi', 'backtrace 1'),
      'monitor step-interrupts on',
      'monitor restore raised',
      'maintenance flush register-cache',
      ...marked('shown', 'stepi', 'backtrace 1'),
      'continue',
    );
    expect(between(text, 'through')).toMatch(/^#0 .*main \(\)/m);
    expect(between(text, 'shown')).toMatch(/^#0 .*handler \(\)/m);
    expect(text).toContain('interrupts: 8 harts, 0 counts are wrong');
    expect(text).toContain('exited normally');
  });
});

describe('watches', () => {
  test('stop with the old and the new value, right after the store', async () => {
    const text = await session(elf, 'watch shared', 'continue', 'continue', 'x/i $pc - 2');
    expect(text).toMatch(
      /Hardware watchpoint 1: shared\n\nOld value = 0\nNew value = 1\n[^]*Old value = 1\nNew value = 2\nmain \(hart=0\)/,
    );
    expect(text).toMatch(/0x[\da-f]+ <main\+\d+>:\tsw\t/);
  });

  test('of both accesses stop at the load, then at the store that follows it', async () => {
    const text = await session(
      elf,
      'awatch pair',
      'continue',
      ...marked('load', 'x/i $pc'),
      'continue',
      ...marked('store', 'x/i $pc - 2'),
    );
    expect(text).toMatch(/Value = 5\n[^]*Old value = 5\nNew value = 0/);
    expect(between(text, 'store')).toMatch(/sw\t/);
  });

  test('see a word of the TCDM written by DMA, which is named, and the program goes on', async () => {
    const text = await session(elf, 'watch *(int *)0x10000100', 'continue', 'print loop_sum', 'continue');
    expect(text).toContain('the DMA has made the watched access to 0x10000100; hart ');
    expect(text).toMatch(/Old value = 0\nNew value = 15/);
    expect(text).toContain('$1 = 15\n');
    expect(text).toContain('exited with code 052');
  });

  test('see a word of the TCDM written by the accelerator', async () => {
    const program = bench.path('ita.elf');
    const text = await session(program, 'watch *(int *)output', 'continue', 'delete', 'continue');
    expect(text).toMatch(/the accelerator has made the watched access to 0x100[\da-f]+; hart/);
    expect(text).toMatch(/Old value = 0\nNew value = -?\d+/);
    expect(text).toContain('exited normally');
  });

  test('see what another hart writes', async () => {
    const text = await session(elf, 'thread 1', 'watch written_by_3', 'continue', 'continue');
    expect(text).toMatch(
      /Thread 4 "hart3" hit Hardware watchpoint 1: written_by_3\n\nOld value = 0\nNew value = 33/,
    );
    expect(text).toContain('exited with code 052');
  });
});

test('devices are looked at without being disturbed', async () => {
  const text = await session(
    elf,
    'tbreak misbehave',
    'continue',
    ...marked('before', 'monitor accel', 'monitor dma', 'monitor events'),
    'x/64wx 0x10040000',
    ...marked('after', 'monitor accel', 'monitor dma', 'monitor events'),
  );
  expect(between(text, 'before').length).toBeGreaterThan(200);
  expect(between(text, 'after')).toBe(between(text, 'before'));
});

test('every group of registers can be listed, and every hart traced back', async () => {
  const text = await session(
    elf,
    'tbreak copy_by_dma',
    'continue',
    'info registers all',
    'info registers general',
    'info registers csr',
    'info registers xpulp',
    'info registers virtual',
    'thread apply all backtrace',
    'x/8i $pc',
  );
  for (const name of ['zero', 't6', 'pc', 'mstatus', 'mhartid', 'lpcount1', 'ita_status', 'dma_src', 'priv'])
    expect(text).toMatch(new RegExp(`^${name} `, 'm'));
  expect(text.match(/^Thread \d \(Thread 1\.\d "hart\d" \(.*\)\):$/gm)).toHaveLength(8);
  expect(text).toMatch(/=> 0x[\da-f]+ <copy_by_dma>:/);
});
