/** `octet debug` and `octet run --gdb`: the machine under the control of a debugger (docs/debugging.md). */
import { appendFileSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import { Machine } from '../cluster/machine.ts';
import { Debugger } from '../debug/debugger.ts';
import { parseElf } from '../elf/elf.ts';
import { UsageError } from '../errors.ts';
import type { Debuggee, Files, Host } from '../gdb/debuggee.ts';
import { Runner } from '../gdb/runner.ts';
import { DEFAULT_HOST, DEFAULT_PORT, GdbServer, parseAddress, serveStdio } from '../gdb/server.ts';
import { type HostConsole, ProcessConsole } from '../host/console.ts';
import { addDebugOptions, type DebugFlags } from './debug-options.ts';
import { engineOption } from './engine-option.ts';
import { addMachineOptions, machineOf, readInput, writeOutput } from './options.ts';

export function addDebug(program: Command): void {
  const command = program
    .command('debug')
    .summary('run an ELF file under GDB')
    .description(
      'Loads an ELF file, halts before its first instruction and waits for GDB (target remote :3333).\n' +
        'Harts are threads; monitor help lists what else can be asked.',
    )
    .argument('<firmware.elf>', 'program, built by a RISC-V compiler for rv32')
    .argument('[args...]', "the guest's command line (after --), for semihosting")
    .option('--port <n|path>', 'port, 0 for any, or the path of a Unix socket', String(DEFAULT_PORT))
    .option(
      '--gdb-host <address>',
      'address to listen at; anything but loopback is open to others',
      DEFAULT_HOST,
    )
    .addOption(engineOption())
    .option('--restore <file>', 'start from a saved state; needs the same program and machine')
    .option('--host-directory <dir>', 'let the guest open files below this directory');
  addMachineOptions(addDebugOptions(command)).action(
    async (file: string, args: string[], flags: DebugFlags & { port: string; gdbHost: string }) => {
      const { port, gdbHost } = flags;
      const address = port.includes('/')
        ? port
        : `${gdbHost.includes(':') ? `[${gdbHost}]` : gdbHost}:${port}`;
      process.exitCode = await debug(file, args, address, flags);
    },
  );
}

/**
 * Serves clients until the emulator is told to end.
 * @param address as `--gdb=` takes it
 * @returns the exit status: that of a guest that ended without a client, or with one under `--gdb-exit`
 */
export async function debug(
  file: string,
  args: readonly string[],
  address: string,
  flags: DebugFlags,
): Promise<number> {
  const place = parseAddress(address);
  let end: ((status: number) => void) | undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const runner = new Runner(hostOf(file, args, flags, (status) => end?.(status)));
  if (flags.restore !== undefined) runner.target.restore(readInput(flags.restore));
  const options = { runner, exits: flags.gdbExit === true || flags.gdbStdio === true };
  let server: GdbServer | undefined;
  if (flags.gdbStdio) serveStdio(options, process.stdin, process.stdout);
  else {
    server = new GdbServer(options);
    process.stdout.write(`gdb: listening on ${await server.listen(place)}\n`);
  }
  if (flags.gdbRun) runner.resumeAll();
  const status = await ended;
  runner.close();
  server?.close();
  process.stdin.destroy();
  return status;
}

function hostOf(
  file: string,
  args: readonly string[],
  flags: DebugFlags,
  quit: (status: number) => void,
): Host {
  const terminal = new ProcessConsole(flags.gdbStdio ? process.stderr : process.stdout);
  /** What the guest prints comes through the runner. */
  const console: HostConsole = {
    write: () => {},
    read: (count) => (flags.gdbStdio ? new Uint8Array() : terminal.read(count)),
  };
  const { gdbLog, gdbRoot } = flags;
  if (gdbLog !== undefined) writeOutput(gdbLog, '');
  let last = { file, args };
  return {
    create(named, words) {
      const wanted = {
        file: named === undefined ? last.file : allowed(named, file, gdbRoot),
        args: named === undefined && words.length === 0 ? last.args : words,
      };
      const made = debuggeeOf(wanted.file, wanted.args, flags, console);
      last = wanted;
      return made;
    },
    defer: (action, milliseconds) => {
      if (milliseconds === undefined) setImmediate(action);
      else setTimeout(action, milliseconds);
    },
    print: (bytes) => terminal.write(bytes),
    log: (line) => process.stderr.write(`${line}\n`),
    ...(gdbLog === undefined ? {} : { record: (line) => appendFileSync(gdbLog, `${line}\n`) }),
    ...(gdbRoot === undefined ? {} : { files: filesBelow(gdbRoot) }),
    quit,
  };
}

function debuggeeOf(
  file: string,
  args: readonly string[],
  flags: DebugFlags,
  console: HostConsole,
): Debuggee {
  const elf = readInput(file);
  const program = parseElf(elf, file);
  const config = machineOf(flags);
  const target = new Debugger(
    (output) => {
      const machine = new Machine(config, {
        console: output,
        args: [file, ...args],
        engine: flags.engine,
        ...(flags.hostDirectory === undefined ? {} : { hostDirectory: flags.hostDirectory }),
      });
      machine.load(program);
      return machine;
    },
    console,
    { limitBytes: flags.history },
  );
  return {
    target,
    get machine() {
      return target.machine;
    },
    program,
    path: resolve(file),
    elf,
  };
}

/** The file itself, its directory where it does not exist yet; symbolic links resolved. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return join(realpathSync(dirname(path)), basename(path));
  }
}

/** The path of `name` inside `root`. @throws UsageError for what is outside */
function inside(root: string, name: string): string {
  const base = realpathSync(root);
  let path: string;
  try {
    path = realPath(resolve(base, name));
  } catch {
    throw new UsageError(`${name}: no such file or directory below ${root}`);
  }
  if (!path.startsWith(base.endsWith(sep) ? base : base + sep))
    throw new UsageError(`${name} is not below ${root}`);
  return path;
}

/** The program of the command line by any of its names, or one below `--gdb-root`. */
function allowed(named: string, own: string, root: string | undefined): string {
  if (named === own || resolve(named) === resolve(own)) return own;
  if (root === undefined) {
    throw new UsageError(`${named}: expected ${own}, or a program below --gdb-root`);
  }
  return inside(root, named);
}

const filesBelow = (root: string): Files => ({
  read: (name) => {
    const path = inside(root, name);
    try {
      return readFileSync(path);
    } catch (error) {
      throw new UsageError(`${name}: ${(error as Error).message}`);
    }
  },
  write: (name, data) => {
    const path = inside(root, name);
    try {
      writeFileSync(path, data);
    } catch (error) {
      throw new UsageError(`${name}: ${(error as Error).message}`);
    }
  },
});
