/** Small ELF images built field by field, for cases no linker would produce. */

export interface ImageSegment {
  readonly type?: number;
  readonly address: number;
  readonly virtualAddress?: number;
  readonly data: readonly number[];
  readonly memoryBytes?: number;
  /** 4 read, 2 write, 1 execute. */
  readonly flags?: number;
}

/** A valid RV32 executable without sections: header, program headers, segment bytes. */
export function elfImage(segments: readonly ImageSegment[], entry = segments[0]?.address ?? 0): Uint8Array {
  const total = segments.reduce((sum, s) => sum + s.data.length, 52 + 32 * segments.length);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, entry, true);
  view.setUint32(28, 52, true);
  view.setUint16(40, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, segments.length, true);
  view.setUint16(46, 40, true);
  let offset = 52 + 32 * segments.length;
  for (const [i, s] of segments.entries()) {
    const { type = 1, address, virtualAddress = address, data, memoryBytes = data.length, flags = 5 } = s;
    const header = [type, offset, virtualAddress, address, data.length, memoryBytes, flags, 4];
    header.forEach((value, word) => view.setUint32(52 + 32 * i + 4 * word, value, true));
    bytes.set(data, offset);
    offset += data.length;
  }
  return bytes;
}

/** A copy with some bytes replaced: `[offset, byte…]` each. */
export function patched(image: Uint8Array, ...patches: readonly (readonly number[])[]): Uint8Array {
  const copy = new Uint8Array(image); // not `slice`, which for a Buffer is a view
  for (const [offset, ...values] of patches) copy.set(values, offset);
  return copy;
}
