/** The guest's console while a debugger is there: its output goes to the debugger as well. */
import type { ConsoleStream, HostConsole } from '../host/console.ts';

export class DebugConsole implements HostConsole {
  onOutput: ((bytes: Uint8Array) => void) | undefined;
  readonly #console: HostConsole;

  /** @param console where the guest's output goes besides, and its input comes from */
  constructor(console: HostConsole) {
    this.#console = console;
  }

  write(bytes: Uint8Array, stream?: ConsoleStream): void {
    this.onOutput?.(bytes);
    this.#console.write(bytes, stream);
  }

  read(count: number): Uint8Array {
    return this.#console.read(count);
  }
}
