/**
 * What a user of GDB waits for: single steps per second and the time of `load`, with a real gdb-multiarch, and the time
 * until Ctrl-C halts a machine that runs, on the line itself. Run with `npx tsx bench/gdb.ts` after `make build`; the exit
 * code tells whether the floors hold: 500 steps per second, 1 MiB in 2 s, 50 ms.
 */
import { execFileSync, type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GdbClient } from '../test/support/gdb-client.ts';
import { BUSY_FLAGS, busySource } from '../test/support/busy.ts';
import { median } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const STEPS = 2000;
const MIB = 1 << 20;
const FLAGS =
  '-march=rv32imac -misa-spec=2.2 -mabi=ilp32 -mcmodel=medany -ffreestanding -nostdlib -static'.split(' ');

const directory = mkdtempSync(join(tmpdir(), 'octet-bench-'));
const elf = join(directory, 'program.elf');

/** The fixture, with 1 MiB of data more. */
function build(): void {
  const data = Uint8Array.from({ length: MIB }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  writeFileSync(join(directory, 'data.bin'), data);
  writeFileSync(join(directory, 'data.S'), `.data\n.incbin "${join(directory, 'data.bin')}"\n`);
  const source = join(root, 'fixtures/gdb');
  const flags = [...FLAGS, '-g', '-O1', '-mno-relax', '-Wl,--no-warn-rwx-segments'];
  const sources = ['start.S', 'program.c'].map((name) => join(source, name));
  const include = ['-I', join(root, 'firmware/include'), '-T', join(source, 'link.ld')];
  execFileSync('riscv64-unknown-elf-gcc', [
    ...flags,
    ...include,
    ...sources,
    join(directory, 'data.S'),
    '-o',
    elf,
  ]);
}

/** Starts the emulator; the text after `listening on`. */
function emulate(program = elf): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(process.execPath, [
    join(root, 'bin/octet.js'),
    'debug',
    '--port',
    '0',
    '--gdb-exit',
    program,
  ]);
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      const match = /listening on (\S+)/.exec(text.toString());
      if (match) resolve({ child, address: match[1] });
    });
    child.on('exit', (status) => reject(new Error(`octet ended with status ${status}`)));
  });
}

/** Seconds that each of the commands takes, by GDB's own clock. */
async function timed(prepare: readonly string[], commands: readonly string[]): Promise<number[]> {
  const { address } = await emulate();
  const measure = commands.flatMap((command) => [
    `python t = time.time(); [gdb.execute(c, to_string=True) for c in ${JSON.stringify(command)}.split(";")]; print("seconds", time.time() - t)`,
  ]);
  const all = [`target remote ${address}`, ...prepare, 'python import time', ...measure];
  const text = execFileSync(
    'gdb-multiarch',
    ['-nx', '-q', '--batch', elf, ...all.flatMap((c) => ['-ex', c])],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * MIB,
    },
  );
  return [...text.matchAll(/^seconds (.*)$/gm)].map((match) => Number(match[1]));
}

/**
 * Milliseconds from the interrupt byte to the stop reply of eight harts at work, and of the way back through that work
 * in search of an access that nobody has made, to a word in a page that all of them store to.
 */
async function interruptTimes(): Promise<{ readonly forward: number[]; readonly backward: number[] }> {
  const busy = join(directory, 'busy.elf');
  writeFileSync(join(directory, 'busy.c'), busySource);
  execFileSync('riscv64-unknown-elf-gcc', [...FLAGS, ...BUSY_FLAGS, join(directory, 'busy.c'), '-o', busy]);
  const { address } = await emulate(busy);
  const [host, port] = address.split(':');
  const client = new GdbClient(connect(Number(port), host));
  await client.request('QStartNoAckMode');
  const symbols = execFileSync('riscv64-unknown-elf-nm', [busy], { encoding: 'utf8' });
  const quiet = /^(\w+) . quiet$/m.exec(symbols)![1];
  const interrupted = async (resume: string, after: number): Promise<number> => {
    const stopped = client.request(resume);
    await new Promise((resolve) => setTimeout(resolve, after));
    const start = performance.now();
    client.interrupt();
    const reply = await stopped;
    if (!reply.startsWith('T02')) throw new Error(`${resume} was answered ${reply}, expected an interrupt`);
    return performance.now() - start;
  };
  const forward: number[] = [];
  for (let i = 0; i < 15; i++) forward.push(await interrupted('vCont;c', 200));
  const backward: number[] = [];
  for (let i = 0; i < 10; i++) {
    await client.request(`Z4,${quiet},4`);
    backward.push(await interrupted('bc', 20 + 3 * i));
    await client.request(`z4,${quiet},4`);
    await interrupted('vCont;c', 300);
  }
  client.close();
  return { forward, backward };
}

let failed = false;
function report(what: string, value: number, unit: string, floor: number, better: 'more' | 'less'): void {
  const ratio = better === 'more' ? value / floor : floor / value;
  if (ratio < 1) failed = true;
  console.log(
    `gdb/${what}: ${value.toFixed(value < 10 ? 3 : 0)} ${unit}, required ${floor} ${unit}: ${ratio.toFixed(1)}× better`,
  );
}

try {
  build();
  const endless = ['set var mode=7', 'tbreak misbehave', 'continue'];
  const steps = await timed(endless, Array<string>(3).fill(Array<string>(STEPS).fill('stepi').join(';')));
  report('stepi', STEPS / median(steps), 'round trips/s', 500, 'more');
  const loads = await timed([], Array<string>(5).fill('load'));
  report('load of 1 MiB', median(loads), 's', 2, 'less');
  const { forward, backward } = await interruptTimes();
  report('Ctrl-C', Math.max(...forward), 'ms', 50, 'less');
  report('Ctrl-C on the way back', Math.max(...backward), 'ms', 50, 'less');
} finally {
  rmSync(directory, { recursive: true });
}
process.exitCode = failed ? 1 : 0;
