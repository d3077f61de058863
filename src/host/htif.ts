/**
 * HTIF, the host-target interface of riscv-tests, Spike and QEMU: the guest stores 64-bit commands to `tohost`
 * and the host answers in `fromhost`. A 32-bit guest needs two stores for a command, so the high word, stored
 * last, is what triggers it; guests that store the low word only are served after a delay.
 */
import type { Clock, Timer } from '../device/clock.ts';
import { BusError, hex, MachineError } from '../errors.ts';
import type { HostConsole } from './console.ts';
import { type GuestMemory, peekWords, pokeWords } from './guest-memory.ts';

/** Time from a store to the low word until it is acted on without a store to the high word, in cycles. */
export const LOW_WORD_CYCLES = 1000;

const CONSOLE_OUTPUT = 0x0101;
const SYSTEM = 0x0000;
const SYS_WRITE = 64;
const SYS_EXIT = 93;
const EBADF = 9;
const EFAULT = 14;
const ENOSYS = 38;

export interface HtifOptions {
  /** Addresses of the 64-bit words, from the symbols of the program. */
  readonly tohost: number;
  readonly fromhost?: number;
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly console: HostConsole;
  /** The guest exits with this code, a signed 32-bit value; 0 is success. */
  readonly onExit: (code: number) => void;
}

export class Htif {
  readonly #options: HtifOptions;
  readonly #lowWordDelay: Timer;

  constructor(options: HtifOptions) {
    this.#options = options;
    this.#lowWordDelay = options.clock.timer('htif', () => this.#act());
  }

  /**
   * To be called after each store by a hart to the eight bytes of `tohost`; others are ignored.
   * @throws MachineError for a command no host serves
   */
  stored(address: number, bytes: number): void {
    const start = (address >>> 0) - (this.#options.tohost >>> 0);
    const end = start + bytes;
    if (start >= 8 || end <= 0) return;
    if (end > 4) this.#act();
    else if (this.#lowWordDelay.deadline === Infinity) this.#lowWordDelay.after(LOW_WORD_CYCLES);
  }

  #act(): void {
    const { tohost, memory, console, onExit } = this.#options;
    this.#lowWordDelay.cancel();
    const [low, high] = peekWords(memory, tohost, 2);
    if (low === 0 && high === 0) return;
    const command = high >>> 16; // device in the upper byte, its command in the lower
    pokeWords(memory, tohost, 0, 0);
    if (command === CONSOLE_OUTPUT) console.write(Uint8Array.of(low & 0xff));
    else if (command === SYSTEM && low & 1) onExit(low >> 1);
    else if (command === SYSTEM && high === 0) this.#systemCall(low);
    else {
      throw new MachineError(
        `tohost was set to ${hex(high)}_${hex(low).slice(2)}: device ${command >> 8} command ${command & 0xff} is unknown, ` +
          'expected an exit code, a console character (device 1 command 1) or a system call',
      );
    }
  }

  /** Serves a block of 64-bit words {number, arguments…}; the result replaces the number. */
  #systemCall(block: number): void {
    const { memory, fromhost, onExit } = this.#options;
    let words: number[];
    try {
      words = peekWords(memory, block, 8);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      throw new MachineError(`tohost names a system call block at ${hex(block)}, which is not in memory`, {
        cause: error,
      });
    }
    const [number, , first, , second, , third] = words;
    if (number === SYS_EXIT) {
      onExit(first);
      return;
    }
    const result = number === SYS_WRITE ? this.#write(first, second, third) : -ENOSYS;
    pokeWords(memory, block, result, result >> 31);
    if (fromhost !== undefined) pokeWords(memory, fromhost, 1, 0);
  }

  /** The bytes written, or a negative error number as Linux returns it. */
  #write(descriptor: number, address: number, count: number): number {
    const { memory, console } = this.#options;
    if (descriptor !== 1 && descriptor !== 2) return -EBADF;
    try {
      console.write(memory.peekBytes(address >>> 0, count >>> 0), descriptor === 1 ? 'stdout' : 'stderr');
      return count;
    } catch (error) {
      if (error instanceof BusError) return -EFAULT;
      throw error;
    }
  }
}
