/** Where the guest's output goes and its input comes from: bytes, unbuffered, so that no encoding is ever split. */
import { readSync } from 'node:fs';

export type ConsoleStream = 'stdout' | 'stderr';

export interface HostConsole {
  /** Takes output of the guest; the bytes may change after the call. */
  write(bytes: Uint8Array, stream?: ConsoleStream): void;
  /** Up to `count` bytes of input, at least one unless the input is at its end. */
  read(count: number): Uint8Array;
}

/** Keeps the output in memory and reads from bytes given beforehand. */
export class CaptureConsole implements HostConsole {
  readonly #output: Record<ConsoleStream, Uint8Array[]> = { stdout: [], stderr: [] };
  #input: Uint8Array;

  constructor(input: Uint8Array | string = '') {
    this.#input = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  }

  write(bytes: Uint8Array, stream: ConsoleStream = 'stdout'): void {
    this.#output[stream].push(new Uint8Array(bytes));
  }

  read(count: number): Uint8Array {
    const taken = this.#input.subarray(0, count);
    this.#input = this.#input.subarray(taken.length);
    return taken;
  }

  /** Everything written so far. */
  bytes(stream: ConsoleStream = 'stdout'): Uint8Array {
    return Buffer.concat(this.#output[stream]);
  }

  /** Everything written so far, decoded as UTF-8. */
  text(stream: ConsoleStream = 'stdout'): string {
    return new TextDecoder().decode(this.bytes(stream));
  }
}

/** What ProcessConsole writes to: `process.stdout` and its like. */
export interface ByteSink {
  write(bytes: Uint8Array): unknown;
}

/** The terminal, files or pipes of octet's own process. Input is read only when the guest asks for it. */
export class ProcessConsole implements HostConsole {
  readonly #sinks: Record<ConsoleStream, ByteSink>;
  readonly #inputDescriptor: number;

  /** @param stdout where the guest's standard output goes; `process.stderr` where ours is kept for a report */
  constructor(stdout: ByteSink = process.stdout, stderr: ByteSink = process.stderr, inputDescriptor = 0) {
    this.#sinks = { stdout, stderr };
    this.#inputDescriptor = inputDescriptor;
  }

  write(bytes: Uint8Array, stream: ConsoleStream = 'stdout'): void {
    this.#sinks[stream].write(new Uint8Array(bytes));
  }

  read(count: number): Uint8Array {
    const buffer = new Uint8Array(Math.min(count, 65536));
    for (;;) {
      try {
        return buffer.subarray(0, readSync(this.#inputDescriptor, buffer));
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'EOF') return buffer.subarray(0, 0);
        if (code !== 'EAGAIN') throw error;
        pause(); // a terminal in non-blocking mode: nothing typed yet
      }
    }
  }
}

const PAUSE_MILLISECONDS = 10;
const pause = (): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
};
