/** Guest memory and devices as a debugger reads and writes them: no cycles, no side effects, no alignment rules. */
import type { Bus } from '../memory/bus.ts';
import type { RamWindow } from '../memory/memory.ts';
import type { MemoryRegion } from './target.ts';

/** Everything that is mapped, ascending. */
export function regionsOf(bus: Bus): MemoryRegion[] {
  const memories = bus.memory.windows.map(({ name, base, bytes, writable }): MemoryRegion => ({
    name,
    base,
    bytes,
    kind: writable ? 'ram' : 'rom',
  }));
  const devices = bus.mappings.map(({ device, base, bytes }): MemoryRegion => ({
    name: device.name,
    base,
    bytes,
    kind: 'device',
  }));
  return [...memories, ...devices].sort((a, b) => a.base - b.base);
}

const windowAt = (bus: Bus, address: number): RamWindow | undefined => bus.memory.window(address, 1);

/**
 * Up to `bytes` bytes from `address` (unsigned) on: those before the first that is not mapped. Device registers are
 * read as 32-bit words.
 * @param hart whose copy of registers that exist once for each hart
 */
export function peekBytes(bus: Bus, address: number, bytes: number, hart: number): Uint8Array {
  const data = new Uint8Array(bytes);
  let at = 0;
  while (at < bytes) {
    const here = address + at;
    const window = windowAt(bus, here);
    if (window) {
      const count = Math.min(bytes - at, window.base + window.bytes - here);
      data.set(bus.bytes(here, count), at);
      at += count;
      continue;
    }
    const device = bus.mappings.find((m) => here >= m.base && here < m.base + m.bytes);
    if (!device) break;
    const word = bus.peek(here - (here % 4), 4, hart);
    for (let byte = here % 4; byte < 4 && at < bytes; byte++) data[at++] = word >>> (8 * byte);
  }
  return data.subarray(0, at);
}

/** Whether so many bytes from `address` (unsigned) on are all in one memory that takes stores. */
export function canPoke(bus: Bus, address: number, bytes: number): boolean {
  const window = windowAt(bus, address);
  return window?.writable === true && address + bytes <= window.base + window.bytes;
}
