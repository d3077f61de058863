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
import { median } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const STEPS = 2000;
const MIB = 1 << 20;

const directory = mkdtempSync(join(tmpdir(), 'octet-bench-'));
const elf = join(directory, 'program.elf');

/** The fixture, with 1 MiB of data more. */
function build(): void {
  const data = Uint8Array.from({ length: MIB }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  writeFileSync(join(directory, 'data.bin'), data);
  writeFileSync(join(directory, 'data.S'), `.data\n.incbin "${join(directory, 'data.bin')}"\n`);
  const source = join(root, 'fixtures/gdb');
  const flags =
    '-march=rv32imac -misa-spec=2.2 -mabi=ilp32 -mcmodel=medany -ffreestanding -nostdlib -static -g -O1 -mno-relax -Wl,--no-warn-rwx-segments';
  const sources = ['start.S', 'program.c'].map((name) => join(source, name));
  const include = ['-I', join(root, 'firmware/include'), '-T', join(source, 'link.ld')];
  execFileSync('riscv64-unknown-elf-gcc', [
    ...flags.split(' '),
    ...include,
    ...sources,
    join(directory, 'data.S'),
    '-o',
    elf,
  ]);
}

/** Starts the emulator; the text after `listening on`. */
function emulate(): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(process.execPath, [
    join(root, 'bin/octet.js'),
    'debug',
    '--port',
    '0',
    '--gdb-exit',
    elf,
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

/** Milliseconds from the interrupt byte to the stop reply, of a loop that has become hot. */
async function interruptTimes(): Promise<number[]> {
  const { address } = await emulate();
  const [host, port] = address.split(':');
  const client = new GdbClient(connect(Number(port), host));
  await client.request('QStartNoAckMode');
  const symbols = execFileSync('riscv64-unknown-elf-nm', [elf], { encoding: 'utf8' });
  const mode = /^(\w+) . mode$/m.exec(symbols)![1];
  await client.request(`M${mode},4:07000000`);
  const times: number[] = [];
  for (let i = 0; i < 15; i++) {
    const stopped = client.request('vCont;c');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const start = performance.now();
    client.interrupt();
    await stopped;
    times.push(performance.now() - start);
  }
  client.close();
  return times;
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
  report('Ctrl-C', median(await interruptTimes()), 'ms', 50, 'less');
} finally {
  rmSync(directory, { recursive: true });
}
process.exitCode = failed ? 1 : 0;
