/** `octet debug` and `octet run --gdb` from outside, with a real GDB where one is needed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, needsGdb, startGdb } from '../support/gdb.ts';
import { octet } from '../support/octet.ts';
import { needsToolchain, Workbench } from '../support/toolchain.ts';

const BIN = fileURLToPath(new URL('../../bin/octet.js', import.meta.url));
const bench = new Workbench();
let elf = '';
const children: ChildProcess[] = [];

beforeEach((context) => {
  needsToolchain(context);
  needsGdb(context);
  elf = buildProgram(bench);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Emulator {
  /** What GDB's target remote takes. */
  readonly address: string;
  readonly ended: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

/** Starts the command line and waits until it listens. */
function emulate(...args: readonly string[]): Promise<Emulator> {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      const match = /^gdb: listening on (.+)\n/.exec(stdout);
      if (match) resolve({ address: match[1], ended, stdout: () => stdout, stderr: () => stderr });
    });
    child.on('close', (status) => reject(new Error(`octet ended with status ${status}: ${stderr}`)));
  });
}

test('run --gdb=0 prints one line with the port, waits, and ends with the status of the guest', async () => {
  const emulator = await emulate('run', '--gdb=0', '--gdb-exit', elf);
  expect(emulator.stdout()).toMatch(/^gdb: listening on 127\.0\.0\.1:\d+\n$/);
  const text = await startGdb(elf, [`target remote ${emulator.address}`, 'print $pc', 'continue']).ended;
  expect(text).toContain('<_start>');
  expect(text).toContain('exited with code 052');
  expect(await emulator.ended).toBe(42);
  expect(emulator.stdout()).toMatch(/\ngreetings from the guest\n$/);
});

test('debug listens at a Unix socket, and monitor quit ends it', async () => {
  const path = bench.path('octet.sock');
  const emulator = await emulate('debug', '--port', path, elf);
  expect(emulator.address).toBe(path);
  const text = await startGdb(elf, [`target remote ${path}`, 'info threads', 'monitor quit']).ended;
  expect(text).toContain('hart7');
  expect(await emulator.ended).toBe(0);
});

test('--gdb-stdio speaks to the GDB that started it', async () => {
  const log = bench.path('packets.log');
  const text = await startGdb(elf, [
    `target remote | ${process.execPath} ${BIN} debug --gdb-stdio --gdb-log ${log} ${elf}`,
    'continue',
  ]).ended;
  expect(text).toContain('exited with code 052');
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  expect(lines[0]).toMatch(/^0 > qSupported:multiprocess\+/);
  expect(lines.every((line) => /^\d+ [<>] [ -~]*$/.test(line))).toBe(true);
  expect(lines.some((line) => line.includes(' < W2a'))).toBe(true);
});

test('--gdb-exit ends the emulator after a detach too, whatever the machine was about to do', async () => {
  const emulator = await emulate('debug', '--port', '0', '--gdb-exit', elf);
  await startGdb(elf, [`target remote ${emulator.address}`, 'set var mode=7', 'detach']).ended;
  expect(await emulator.ended).toBe(0);
});

test('--gdb-run starts at once; a guest that ends without a client ends the emulator', async () => {
  const emulator = await emulate('run', '--gdb=0', '--gdb-run', elf);
  expect(await emulator.ended).toBe(42);
});

describe('files of the host', () => {
  test('are read and written below --gdb-root only', async () => {
    const emulator = await emulate('debug', '--port', '0', '--gdb-root', bench.directory, '--gdb-exit', elf);
    const text = await startGdb(undefined, [
      `target extended-remote ${emulator.address}`,
      'monitor snapshot save ../escaped.bin',
      'monitor snapshot restore /etc/passwd',
      'set remote exec-file /etc/passwd',
      'run',
    ]).ended;
    expect(text.match(/is not below/g)!.length).toBeGreaterThanOrEqual(2);
    expect(text).toContain('failed');
    expect(existsSync(`${bench.directory}/../escaped.bin`)).toBe(false);
  });
});

test('an address open to others is warned of', async () => {
  const emulator = await emulate('debug', '--gdb-host', '0.0.0.0', '--port', '0', elf);
  expect(emulator.stderr()).toContain('warning: whoever can reach 0.0.0.0');
});

test('a port that is taken is a sentence', async () => {
  const emulator = await emulate('debug', '--port', '0', elf);
  const port = emulator.address.split(':')[1];
  const { status, stderr } = octet('debug', '--port', port, elf);
  expect(status).toBe(2);
  expect(stderr).toMatch(/gdb: cannot listen: .*EADDRINUSE/);
});

test('a connection that speaks HTTP is closed and harms nothing', async () => {
  const emulator = await emulate('debug', '--port', '0', elf);
  const port = Number(emulator.address.split(':')[1]);
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
    socket.on('close', () => resolve());
  });
  const text = await startGdb(elf, [`target remote ${emulator.address}`, 'info threads']).ended;
  expect(text).toContain('hart7');
});
