/**
 * Real sessions of gdb-multiarch: a server in this process or the command line as a child, GDB in batch mode with a
 * list of commands, and its output. The program is `fixtures/gdb` unless a test brings its own.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { type MachineConfig, override, presets } from '../../src/cluster/config.ts';
import { type EngineChoice, Machine } from '../../src/cluster/machine.ts';
import { Debugger } from '../../src/debug/debugger.ts';
import { parseElf } from '../../src/elf/elf.ts';
import type { Debuggee, Host } from '../../src/gdb/debuggee.ts';
import { Runner } from '../../src/gdb/runner.ts';
import { GdbServer } from '../../src/gdb/server.ts';
import { RV32_FLAGS, type Workbench } from './toolchain.ts';

const GDB = 'gdb-multiarch';
const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = `${root}fixtures/gdb`;

const gdbInstalled = spawnSync(GDB, ['--version']).status === 0;

/** Skips the test, saying why, on a machine without GDB. */
export function needsGdb(context: TestContext): void {
  context.skip(!gdbInstalled, `${GDB} is not installed; make install does`);
}

/** Builds the fixture into the bench. @returns the path of the ELF file */
export function buildProgram(bench: Workbench): string {
  const elf = bench.path('program.elf');
  if (existsSync(elf)) return elf;
  const include = ['-I', `${root}firmware/include`, '-T', `${sources}/link.ld`];
  const flags = [...RV32_FLAGS, '-g', '-O1', '-mno-relax', '-Wl,--no-warn-rwx-segments', ...include];
  bench.run('gcc', [...flags, `${sources}/start.S`, `${sources}/program.c`, '-o', elf]);
  return elf;
}

export interface ServerSettings {
  readonly config?: MachineConfig;
  readonly engine?: EngineChoice;
  readonly exits?: boolean;
  readonly files?: Host['files'];
}

/** A server in this process, with what it said. */
export interface TestServer {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly port: number;
  readonly runner: Runner;
  /** What the guest printed on the terminal. */
  output(): string;
  /** Lines for who runs the emulator, and lines of the packet log. */
  readonly log: string[];
  readonly packets: string[];
  /** Statuses with which the emulator would have ended. */
  readonly quits: number[];
  close(): void;
}

/** The command line's way of making a debuggee, without its options. */
export function debuggeeOf(elf: string, args: readonly string[], settings: ServerSettings = {}): Debuggee {
  const { config = override(presets['octa'], { dramBytes: 4 << 20 }), engine = 'auto' } = settings;
  const bytes = readFileSync(elf);
  const program = parseElf(bytes, elf);
  const target = new Debugger((console) => {
    const machine = new Machine(config, { console, engine, args: [elf, ...args] });
    machine.load(program);
    return machine;
  });
  return {
    target,
    get machine() {
      return target.machine;
    },
    program,
    path: elf,
    elf: bytes,
  };
}

/** Starts a server for one program on a free port. */
export async function startServer(elf: string, settings: ServerSettings = {}): Promise<TestServer> {
  const printed: Uint8Array[] = [];
  const log: string[] = [];
  const packets: string[] = [];
  const quits: number[] = [];
  const runner = new Runner({
    create: (file, args) => debuggeeOf(file ?? elf, args, settings),
    defer: (action, milliseconds) => {
      if (milliseconds === undefined) setImmediate(action);
      else setTimeout(action, milliseconds);
    },
    print: (bytes) => printed.push(bytes),
    log: (line) => log.push(line),
    record: (line) => packets.push(line),
    quit: (status) => quits.push(status),
    ...(settings.files ? { files: settings.files } : {}),
  });
  const server = new GdbServer({ runner, exits: settings.exits ?? false });
  const address = await server.listen({ kind: 'port', host: '127.0.0.1', port: 0 });
  return {
    address,
    port: Number(address.split(':')[1]),
    runner,
    output: () => Buffer.concat(printed).toString(),
    log,
    packets,
    quits,
    close: () => server.close(),
  };
}

/** GDB while it runs. */
export interface GdbRun {
  readonly child: ChildProcess;
  /** Standard output and error together, as far as they have come. */
  text(): string;
  /** Waits until the output contains this. */
  until(text: string): Promise<void>;
  /** The whole output once GDB has ended; an error where it takes too long. */
  readonly ended: Promise<string>;
}

const PATIENCE = 20_000;

/**
 * Starts GDB with commands given on its command line.
 * @param elf the program GDB is told of, undefined to start it bare
 */
export function startGdb(elf: string | undefined, commands: readonly string[], directory?: string): GdbRun {
  const args = ['-nx', '-q', '--batch', '-iex', 'set pagination off', '-iex', 'set confirm off'];
  args.push('-iex', 'set debuginfod enabled off', '-iex', 'set width 0');
  // One pipe for standard output and error keeps what GDB says in order.
  const child = spawn(
    '/bin/sh',
    [
      '-c',
      'exec "$0" "$@" 2>&1',
      GDB,
      ...args,
      ...(elf === undefined ? [] : [elf]),
      ...commands.flatMap((c) => ['-ex', c]),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(directory === undefined ? {} : { cwd: directory }),
    },
  );
  let text = '';
  const waiting = new Set<{ text: string; resolve: () => void }>();
  const take = (data: Buffer): void => {
    text += data.toString();
    for (const wait of waiting) {
      if (!text.includes(wait.text)) continue;
      waiting.delete(wait);
      wait.resolve();
    }
  };
  child.stdout.on('data', take);
  const ended = new Promise<string>((resolve, reject) => {
    const patience = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`GDB did not end within ${PATIENCE} ms; it said\n${text}`));
    }, PATIENCE);
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(patience);
      resolve(text);
    });
  });
  return {
    child,
    text: () => text,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        if (text.includes(wanted)) resolve();
        else {
          waiting.add({ text: wanted, resolve });
          child.on('close', () =>
            reject(new Error(`GDB ended without saying '${wanted}'; it said\n${text}`)),
          );
        }
      }),
    ended,
  };
}

/** Presses Ctrl-C once `running` holds: GDB forwards it. */
export async function interruptGdb({ child }: GdbRun, running: () => boolean): Promise<void> {
  while (!running()) await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGINT');
}

/** Connects GDB with the server, runs the commands, and returns what it said. */
export const gdb = (
  server: TestServer,
  elf: string | undefined,
  ...commands: readonly string[]
): Promise<string> => startGdb(elf, [`target remote ${server.address}`, ...commands]).ended;

/** A GDB that is talked to: one command, its answer, the next. */
export interface GdbDialog {
  /**
   * @param patience milliseconds after which Ctrl-C is pressed
   * @returns what GDB says, up to the end of the command
   */
  ask(command: string, patience?: number): Promise<string>;
  /** Leaves GDB. */
  end(): Promise<void>;
}

/** Starts GDB with its commands coming one by one. */
export function startDialog(elf: string): GdbDialog {
  const child = spawn('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', GDB, '-nx', '-q', ...DIALOG_ARGS, elf], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let text = '';
  let hear: (() => void) | undefined;
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
    hear?.();
  });
  let left: (() => void) | undefined;
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      resolve();
      left?.();
    });
  });
  let asked = 0;
  return {
    async ask(command, patience = PATIENCE / 2) {
      const mark = `<end of command ${++asked}>`;
      text = '';
      child.stdin.write(`${command}\necho \\n${mark}\\n\n`);
      const interrupt = setTimeout(() => child.kill('SIGINT'), patience);
      await new Promise<void>((resolve, reject) => {
        const hopeless = setTimeout(
          () => {
            child.kill('SIGKILL');
            reject(new Error(`GDB does not come back from '${command}'; it said\n${text}`));
          },
          patience + PATIENCE / 2,
        );
        hear = () => {
          if (!text.includes(mark)) return;
          clearTimeout(hopeless);
          resolve();
        };
        left = () => reject(new Error(`GDB ended in '${command}'; it said\n${text}`));
      });
      clearTimeout(interrupt);
      return text.replace(/\(gdb\) /g, '').split(mark)[0];
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}

const DIALOG_ARGS = [
  'set pagination off',
  'set confirm off',
  'set debuginfod enabled off',
  'set width 0',
].flatMap((setting) => ['-iex', setting]);
