/** Compiled modules of the whole process: a machine that runs what another ran finds its code compiled and optimised. */

/** Bytes of WebAssembly that are kept; a compiled module takes about ten times as much memory. */
const LIMIT = 8 * 2 ** 20;

interface Kept {
  readonly bytes: Uint8Array;
  readonly module: WebAssembly.Module;
}

/** By hash, least recently used first. */
const kept = new Map<string, Kept>();
let size = 0;

/** The module of these bytes. */
export function compile(bytes: Uint8Array): WebAssembly.Module {
  const key = keyOf(bytes);
  const known = kept.get(key);
  if (known && equal(known.bytes, bytes)) {
    kept.delete(key);
    kept.set(key, known);
    return known.module;
  }
  const module = new WebAssembly.Module(bytes);
  if (known) drop(key, known);
  kept.set(key, { bytes, module });
  size += bytes.length;
  for (const [oldest, entry] of kept) {
    if (size <= LIMIT) break;
    drop(oldest, entry);
  }
  return module;
}

function drop(key: string, { bytes }: Kept): void {
  kept.delete(key);
  size -= bytes.length;
}

/** FNV-1a. */
function keyOf(bytes: Uint8Array): string {
  let hash = 0x811c_9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return `${hash}:${bytes.length}`;
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);
