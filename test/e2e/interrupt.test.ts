/** How soon Ctrl-C halts a machine whose harts are all at work, in either direction: within 50 ms, measured on the line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GdbClient } from '../support/gdb-client.ts';
import { BUSY_FLAGS, busySource } from '../support/busy.ts';
import { needsToolchain, RV32_FLAGS, Workbench } from '../support/toolchain.ts';

const BIN = fileURLToPath(new URL('../../bin/octet.js', import.meta.url));
const bench = new Workbench();
beforeEach(needsToolchain);

const LIMIT = 50;
/** Of several attempts the best counts: what else the computer does is not the stub's. */
const ATTEMPTS = 3;

let emulator: ChildProcess | undefined;
let client: GdbClient | undefined;
afterEach(() => {
  client?.close();
  emulator?.kill('SIGKILL');
});

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function start(): Promise<{
  readonly quiet: string;
  interrupted: (resume: string, after?: number) => Promise<number>;
}> {
  bench.compile('busy.elf', { 'busy.c': busySource }, [...RV32_FLAGS, ...BUSY_FLAGS]);
  const child = spawn(process.execPath, [BIN, 'debug', '--port', '0', bench.path('busy.elf')]);
  emulator = child;
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => resolve(Number(/:(\d+)\n/.exec(data.toString())?.[1])));
    child.on('close', (status) => reject(new Error(`octet ended with status ${status}`)));
  });
  const line = new GdbClient(connect(port, '127.0.0.1'));
  client = line;
  await line.request('QStartNoAckMode');
  return {
    quiet: /^(\w+) . quiet$/m.exec(bench.run('nm', ['busy.elf']))![1],
    interrupted: async (resume, after = 150) => {
      const stopped = line.request(resume);
      await pause(after);
      const begin = performance.now();
      line.interrupt();
      expect(await stopped).toMatch(/^T02/);
      return performance.now() - begin;
    },
  };
}

describe('Ctrl-C', () => {
  test('halts translated code', async () => {
    const { interrupted } = await start();
    await interrupted('vCont;c');
    const times: number[] = [];
    for (let i = 0; i < ATTEMPTS; i++) times.push(await interrupted('vCont;c'));
    expect(Math.min(...times)).toBeLessThan(LIMIT);
  });

  test('halts code beside a watched word, and the way back through it', async () => {
    const { quiet, interrupted } = await start();
    const forward: number[] = [];
    const backward: number[] = [];
    for (let i = 0; i < ATTEMPTS; i++) {
      await client!.request(`Z4,${quiet},4`);
      forward.push(await interrupted('vCont;c'));
      await client!.request(`z4,${quiet},4`);
      for (let j = 0; j < 3; j++) await interrupted('vCont;c');
      await client!.request(`Z4,${quiet},4`);
      backward.push(await interrupted('bc', 30));
    }
    expect(Math.min(...forward)).toBeLessThan(LIMIT);
    expect(Math.min(...backward)).toBeLessThan(LIMIT);
  });
});
