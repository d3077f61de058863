/** Coming and going of clients: detach, kill, disconnect, a second client, extended-remote. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, gdb, needsGdb, startGdb, startServer, type TestServer } from '../support/gdb.ts';
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

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};

test('detach lets the machine run on, and the next client finds no breakpoints', async () => {
  await gdb(server, elf, 'set var mode=7', 'break semihost', 'detach');
  await until(() => server.runner.running);
  const text = await gdb(server, elf, 'info threads', 'bt', 'set var mode=0', 'continue');
  expect(text).toContain('misbehave ()');
  expect(text).toContain('exited with code 052');
});

test('a client that vanishes leaves the machine halted for the next', async () => {
  const run = startGdb(elf, [
    `target remote ${server.address}`,
    'set var mode=7',
    'break semihost',
    'continue',
  ]);
  await until(() => server.runner.running);
  run.child.kill('SIGKILL');
  await run.ended;
  await until(() => !server.runner.running);
  expect(await gdb(server, elf, 'set var mode=0', 'continue')).toContain('exited with code 052');
});

test('a second client is turned away at once, and the first goes on undisturbed', async () => {
  const first = startGdb(elf, [`target remote ${server.address}`, 'set var mode=7', 'continue']);
  await until(() => server.runner.running);
  const start = performance.now();
  const second = await gdb(server, elf, 'info threads');
  expect(second).toMatch(/Connection reset by peer|Remote connection closed/);
  expect(performance.now() - start).toBeLessThan(2000);
  expect(server.log.join('\n')).toContain('another client has the machine');
  expect(server.runner.running).toBe(true);
  first.child.kill('SIGKILL');
  await first.ended;
});

test('after the exit of the guest the next client finds the program at its beginning', async () => {
  await gdb(server, elf, 'continue');
  expect(await gdb(server, elf, 'info threads')).toContain('_start ()');
});

test('with exits, the emulator ends with its client, by the status of the guest', async () => {
  const exiting = await startServer(elf, { exits: true });
  try {
    await gdb(exiting, elf, 'continue');
    await until(() => exiting.quits.length > 0);
    expect(exiting.quits[0]).toBe(42);
    await gdb(exiting, elf, 'detach');
    await until(() => exiting.quits.length > 1);
  } finally {
    exiting.close();
  }
});

const extended = (...commands: readonly string[]): Promise<string> =>
  startGdb(elf, [`target extended-remote ${server.address}`, ...commands]).ended;

describe('extended-remote', () => {
  test('runs the program again and again, with arguments', async () => {
    const text = await extended(
      `set remote exec-file ${elf}`,
      'set args --steps 10 "two words"',
      'run',
      'run',
      'print $_exitcode',
      'tbreak main',
      'run',
      'kill',
      'info threads',
      'start',
      'info threads',
    );
    expect(text.match(/exited with code 052/g)).toHaveLength(2);
    expect(text).toMatch(/hit Temporary breakpoint \d+, main/);
    expect(text).toContain('No threads.');
    expect(text).toContain('killed]\nNo threads.');
    expect(server.packets.join('\n')).toContain('vRun;');
  });

  test('detaches and attaches', async () => {
    const text = await extended('set var mode=7', 'detach', 'attach 1', 'bt 1', 'set var mode=0', 'continue');
    expect(text).toContain('misbehave ()');
    expect(text).toContain('exited with code 052');
    expect(text.match(/New Thread 1\.\d/g)).toHaveLength(7); // once each, when attached again
  });

  test('refuses a program it may not load', async () => {
    const text = await extended('set remote exec-file /nowhere/x.elf', 'run');
    expect(text).toMatch(/Running "\/nowhere\/x\.elf" on the remote target failed/);
  });
});
