/** QEMU's RISC-V system emulator as a second opinion, driven through its debug stub; only its binary is used. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, GdbClient, toHex } from './gdb-client.ts';

const PROGRAM = 'qemu-system-riscv32';

export const qemuInstalled = spawnSync(PROGRAM, ['--version']).status === 0;

/** x0 to x31, then pc. */
export type Registers = Int32Array;

/** How long a run may take before it is taken for an endless loop, in milliseconds. */
const PATIENCE = 10_000;

const writeOf = (address: number, data: Uint8Array): string =>
  `M${address.toString(16)},${data.length.toString(16)}:${toHex(data)}`;

/** A stopped one-hart machine with RAM at 0x80000000, without firmware. */
export class Qemu {
  readonly #process: ChildProcess;
  readonly #gdb: GdbClient;
  readonly #directory: string;

  private constructor(process: ChildProcess, gdb: GdbClient, directory: string) {
    this.#process = process;
    this.#gdb = gdb;
    this.#directory = directory;
  }

  /** Starts QEMU, which connects back to us: nothing has to wait for a port to open. */
  static async start(cpu: string): Promise<Qemu> {
    const directory = mkdtempSync(join(tmpdir(), 'octet-qemu-'));
    const path = join(directory, 'gdb');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const child = spawn(
      PROGRAM,
      ['-cpu', cpu, '-gdb', `unix:${path}`, ...'-M virt -bios none -nodefaults -display none -S'.split(' ')],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    try {
      const gdb = await new Promise<GdbClient>((resolve, reject) => {
        let said = '';
        child.stderr.on('data', (text: Buffer) => (said += text.toString()));
        child.on('error', reject);
        child.on('exit', (code) => reject(new Error(`${PROGRAM} ended with status ${code}: ${said.trim()}`)));
        server.on('connection', (socket) => resolve(new GdbClient(socket)));
      });
      return new Qemu(child, gdb, directory);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      server.close();
    }
  }

  stop(): void {
    this.#gdb.close();
    this.#process.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Makes runs end when they reach `address`. */
  async breakAt(address: number): Promise<void> {
    this.#expectOk([await this.#gdb.request(`Z0,${address.toString(16)},4`)]);
  }

  /** Writes memory; at most 2000 bytes, the size of the stub's packets. */
  async load(address: number, data: Uint8Array): Promise<void> {
    this.#expectOk([await this.#gdb.request(writeOf(address, data))]);
  }

  /** Writes memory and registers, runs to the breakpoint, and reads the registers and `read.bytes` of memory. */
  async run(
    memory: readonly { readonly address: number; readonly data: Uint8Array }[],
    registers: Registers,
    read: { readonly address: number; readonly bytes: number },
  ): Promise<{ registers: Registers; memory: Uint8Array }> {
    const raw = new Uint8Array(registers.buffer, registers.byteOffset, registers.byteLength);
    const patience = setTimeout(() => this.#gdb.interrupt(), PATIENCE);
    const replies = await this.#gdb.requests([
      ...memory.map(({ address, data }) => writeOf(address, data)),
      `G${toHex(raw)}`,
      'c',
    ]);
    clearTimeout(patience);
    const stop = replies.pop()!;
    this.#expectOk(replies);
    const [g, m] = await this.#gdb.requests([
      'g',
      `m${read.address.toString(16)},${read.bytes.toString(16)}`,
    ]);
    const state = new Int32Array(fromHex(g).buffer, 0, 33);
    if (!stop.startsWith('T05')) {
      throw new Error(`QEMU did not come to the end: '${stop}' at pc 0x${(state[32] >>> 0).toString(16)}`);
    }
    return { registers: state, memory: fromHex(m) };
  }

  #expectOk(replies: readonly string[]): void {
    const bad = replies.find((r) => r !== 'OK');
    if (bad !== undefined) throw new Error(`QEMU's debug stub answered '${bad}'`);
  }
}
