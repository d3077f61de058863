/** The machine's RAM: every RAM region is a window into one `WebAssembly.Memory`, so that generated code can reach it. */

/** A region of guest address space backed by bytes. Base and size are multiples of 4 KiB. */
export interface RamRegion {
  readonly name: string;
  readonly base: number;
  readonly bytes: number;
  readonly writable: boolean;
  /** Stores to memory that is not writable vanish instead of faulting. */
  readonly ignoresWrites?: boolean;
}

export interface RamWindow extends RamRegion {
  /** Where the region starts in the linear memory. */
  readonly offset: number;
}

const PAGE = 65536;

/** Linear memory with typed views over all of it. Low offsets are scratch (hart state, kernels), then the windows. */
export class Memory {
  readonly wasm: WebAssembly.Memory;
  readonly windows: readonly RamWindow[];
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly #scratchBytes: number;
  #scratchUsed = 0;

  constructor(regions: readonly RamRegion[], scratchBytes = 16 << 20) {
    let offset = scratchBytes;
    this.windows = regions.map((region) => {
      const window = { ...region, offset };
      offset += region.bytes;
      return window;
    });
    this.#scratchBytes = scratchBytes;
    this.wasm = new WebAssembly.Memory({
      initial: Math.ceil(offset / PAGE),
      maximum: Math.ceil(offset / PAGE),
    });
    const buffer = this.wasm.buffer;
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
  }

  /** The windows that take stores, the largest first: that is main memory. */
  get ram(): RamWindow[] {
    return this.windows.filter((w) => w.writable).sort((a, b) => b.bytes - a.bytes);
  }

  /** Reserves scratch bytes for the emulator's own use, 64-byte aligned; returns their offset in linear memory. */
  reserve(bytes: number): number {
    const at = this.#scratchUsed;
    this.#scratchUsed += (bytes + 63) & ~63;
    if (this.#scratchUsed > this.#scratchBytes)
      throw new Error(`scratch memory exhausted: ${this.#scratchUsed} bytes`);
    return at;
  }

  /** The window holding all of `[address, address + bytes)`, if one does. */
  window(address: number, bytes: number): RamWindow | undefined {
    const a = address >>> 0;
    return this.windows.find((w) => a >= w.base && a + bytes <= w.base + w.bytes);
  }
}
