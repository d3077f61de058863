/** Guest memory as host services see it: little-endian RAM, read and written like a debugger does. */

export interface GuestMemory {
  /** The bytes, perhaps as a view that later stores change. Throws BusError unless all of them are in RAM. */
  peekBytes(address: number, count: number): Uint8Array;
  pokeBytes(address: number, data: Uint8Array): void;
}

/** `count` 32-bit words, signed. */
export function peekWords(memory: GuestMemory, address: number, count: number): number[] {
  const bytes = memory.peekBytes(address >>> 0, 4 * count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
}

export function pokeWords(memory: GuestMemory, address: number, ...words: readonly number[]): void {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setInt32(4 * i, word, true));
  memory.pokeBytes(address >>> 0, bytes);
}

/** The bytes of a C string, without its terminating zero. */
export function peekString(memory: GuestMemory, address: number): Uint8Array {
  const bytes: number[] = [];
  for (let at = address >>> 0; ; at++) {
    const [byte] = memory.peekBytes(at, 1);
    if (byte === 0) return Uint8Array.from(bytes);
    bytes.push(byte);
  }
}
