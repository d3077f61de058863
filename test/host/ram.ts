/** A guest memory for host services: 64 KiB of RAM at 0x80000000 behind the real bus. */
import type { GuestMemory } from '../../src/host/guest-memory.ts';
import { Bus } from '../../src/memory/bus.ts';
import { Memory } from '../../src/memory/memory.ts';

export const RAM = 0x8000_0000;
/** An address where there is no memory. */
export const NOWHERE = 0x4000_0000;

export class Ram implements GuestMemory {
  readonly #bus = new Bus(new Memory([{ name: 'RAM', base: RAM, bytes: 65536, writable: true }]));
  #free = RAM;

  peekBytes(address: number, count: number): Uint8Array {
    return this.#bus.bytes(address, count);
  }

  pokeBytes(address: number, data: Uint8Array): void {
    this.#bus.poke(address, data);
  }

  word(address: number): number {
    return this.#bus.peek(address, 4) | 0;
  }

  setWord(address: number, value: number): void {
    this.#bus.store(address, 4, value, 0);
  }

  /** Places words somewhere free; returns their address. */
  words(...values: readonly number[]): number {
    return this.bytes(new Uint8Array(Int32Array.from(values).buffer));
  }

  /** Places text, with a terminating zero, somewhere free; returns its address. */
  text(text: string): number {
    return this.bytes(new TextEncoder().encode(`${text}\0`));
  }

  bytes(data: Uint8Array): number {
    const address = this.#free;
    this.#free += (data.length + 7) & ~7;
    this.pokeBytes(address, data);
    return address;
  }

  readText(address: number, count: number): string {
    return new TextDecoder().decode(this.peekBytes(address, count));
  }
}
