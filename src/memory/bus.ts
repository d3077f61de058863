/** The bus: routes accesses of harts, DMA and tools to RAM windows and devices, page by page (4 KiB). */
import { BusError, hex } from '../errors.ts';
import type { Device } from '../device/device.ts';

import type { Memory, RamWindow } from './memory.ts';
import { type Rows, spanOf } from './rows.ts';

const PAGE_BITS = 12;
const PAGES = 1 << (32 - PAGE_BITS);

/** A device's place in the address space. */
export interface Mapping {
  readonly device: Device;
  readonly base: number;
  readonly bytes: number;
}

/** Called after a store has touched a watched range. */
export type StoreWatcher = (address: number, bytes: number, hart: number) => void;

/** Hears of accesses that a device makes by itself, after them. */
export type DeviceObserver = (
  by: 'dma' | 'ita',
  kind: 'load' | 'store',
  address: number,
  bytes: number,
) => void;

/** Initiator number of accesses that no hart makes: DMA, loaders, tools. */
export const NO_HART = -1;

/**
 * Routes every access that generated code cannot do itself.
 *
 * `loadMap` and `storeMap` give, for each 4 KiB page of the guest, the number to add to a guest address to reach the
 * linear memory, or 0 where the access must come through `load` and `store`: devices, unmapped space, read-only
 * memory, pages holding decoded instructions and pages somebody watches or observes.
 */
export class Bus {
  readonly memory: Memory;
  readonly loadMap: Int32Array;
  /** In linear memory, where translated code reads it. */
  readonly storeMap: Int32Array;
  readonly mappings: Mapping[] = [];
  readonly #code = new Set<number>();
  readonly #watchers: { address: number; bytes: number; act: StoreWatcher }[] = [];
  readonly #codeListeners: ((address: number, bytes: number) => void)[] = [];
  /** Pages whose accesses, or stores only, must come through the hart, which tells its observer. */
  #observed: { readonly accesses: ReadonlySet<number>; readonly stores: ReadonlySet<number> } = {
    accesses: new Set(),
    stores: new Set(),
  };
  /** By page: 1 where the next store is the first since `guard`. */
  readonly #guarded = new Uint8Array(PAGES);
  /** Told of the address of a guarded page before its first store. */
  #beforeFirstStore: ((address: number) => void) | undefined;
  /** Stores that were the first to a guarded page. */
  firstStores = 0;
  readonly #observationListeners: (() => void)[] = [];
  /** Set by a debugger. */
  deviceObserver: DeviceObserver | undefined;

  constructor(memory: Memory) {
    this.memory = memory;
    this.loadMap = new Int32Array(memory.wasm.buffer, memory.reserve(4 * PAGES), PAGES);
    this.storeMap = new Int32Array(memory.wasm.buffer, memory.reserve(4 * PAGES), PAGES);
    for (const window of memory.windows) this.#openWindow(window);
  }

  /** Puts a device at `base`; the window must not overlap RAM or another device. */
  attach(device: Device, base: number, bytes: number): void {
    const other = this.mappings.find((m) => base < m.base + m.bytes && m.base < base + bytes);
    if (other) throw new Error(`${device.name} at ${hex(base)} overlaps ${other.device.name}`);
    this.mappings.push({ device, base, bytes });
  }

  /** Loads 1, 2 or 4 bytes, zero-extended; misaligned accesses are made byte by byte in RAM. */
  load(address: number, bytes: number, hart: number): number {
    const window = this.memory.window(address, bytes);
    if (window) return this.#read(window, address >>> 0, bytes);
    const mapping = this.#mapping(address, bytes, 'load');
    return this.#relocate(mapping, () => mapping.device.load((address >>> 0) - mapping.base, bytes, hart));
  }

  /** Stores the low 1, 2 or 4 bytes of `value`. */
  store(address: number, bytes: number, value: number, hart: number): void {
    const window = this.memory.window(address, bytes);
    if (!window) {
      const mapping = this.#mapping(address, bytes, 'store');
      this.#relocate(mapping, () => mapping.device.store((address >>> 0) - mapping.base, bytes, value, hart));
      return;
    }
    if (window.ignoresWrites) return;
    if (!window.writable) throw new BusError(address, `${window.name} is read-only`);
    this.#beforeStore(address >>> 0, bytes);
    const at = (address >>> 0) - window.base + window.offset;
    for (let i = 0; i < bytes; i++) this.memory.u8[at + i] = value >>> (8 * i);
    this.#stored(address >>> 0, bytes, hart);
  }

  /** What a tool reads; never a side effect. Unmapped bytes are refused. */
  peek(address: number, bytes: number, hart = 0): number {
    const window = this.memory.window(address, bytes);
    if (window) return this.#read(window, address >>> 0, bytes);
    const mapping = this.#mapping(address, bytes, 'read');
    return mapping.device.peek((address >>> 0) - mapping.base, bytes, hart);
  }

  /** A view (not a copy) of RAM bytes. */
  bytes(address: number, bytes: number): Uint8Array {
    const window = this.memory.window(address, bytes);
    if (!window) throw new BusError(address, `${bytes} bytes at ${hex(address)} are not inside one memory`);
    const at = (address >>> 0) - window.base + window.offset;
    return this.memory.u8.subarray(at, at + bytes);
  }

  /** Writes RAM as a loader or debugger does: read-only memory included, decoded code refreshed, nobody notified. */
  poke(address: number, data: Uint8Array): void {
    this.#beforeStore(address >>> 0, data.length);
    this.bytes(address, data.length).set(data);
    this.#refreshCode(address >>> 0, data.length);
  }

  /** The device mapped at an address, if one is. */
  deviceAt(address: number): Device | undefined {
    const a = address >>> 0;
    return this.mappings.find((m) => a >= m.base && a < m.base + m.bytes)?.device;
  }

  /** Whether all of `[address, address + bytes)` lies in one RAM or ROM. */
  reachable(address: number, bytes: number): boolean {
    return this.memory.window(address, bytes) !== undefined;
  }

  /** Whether all of the range lies in one memory that takes stores, even if they vanish there. */
  writable(address: number, bytes: number): boolean {
    const window = this.memory.window(address, bytes);
    return window !== undefined && (window.writable || window.ignoresWrites === true);
  }

  /** Copies between memories as the DMA engine does: overlapping ranges of a row as if through a buffer. */
  copy(rows: Rows): void {
    const [from, to] = [spanOf(rows, 'src'), spanOf(rows, 'dst')];
    const source = from.address < 0 ? undefined : this.memory.window(from.address, from.bytes);
    const target = to.address < 0 ? undefined : this.memory.window(to.address, to.bytes);
    const { src, dst, bytes, srcStride, dstStride } = rows;
    if (!source || !target?.writable) {
      for (let row = 0; row < rows.rows; row++) {
        const data = this.bytes(src + row * srcStride, bytes);
        this.#overwrite((dst + row * dstStride) >>> 0, bytes, (row_) => row_.set(data));
      }
      this.#tell(rows);
      return;
    }
    let read = src - source.base + source.offset;
    let write = dst - target.base + target.offset;
    for (let row = 0; row < rows.rows; row++) {
      this.#beforeStore((dst + row * dstStride) >>> 0, bytes);
      this.memory.u8.copyWithin(write, read, read + bytes);
      read += srcStride;
      write += dstStride;
    }
    this.#stored(to.address, to.bytes, NO_HART);
    this.#tell(rows);
  }

  /** Sets bytes as the DMA engine does. */
  fill(destination: number, value: number, bytes: number): void {
    this.#overwrite(destination, bytes, (target) => target.fill(value));
    this.deviceObserver?.('dma', 'store', destination >>> 0, bytes);
  }

  /** Calls `act` after each store that touches the range; returns the function that ends it. */
  watchStores(address: number, bytes: number, act: StoreWatcher): () => void {
    const watcher = { address: address >>> 0, bytes, act };
    this.#watchers.push(watcher);
    this.#refreshPages(watcher.address, bytes);
    return () => {
      this.#watchers.splice(this.#watchers.indexOf(watcher), 1);
      this.#refreshPages(watcher.address, bytes);
    };
  }

  /** Calls `act` with the address of each guarded page before the first store to it; see `guard`. */
  onFirstStore(act: ((address: number) => void) | undefined): void {
    this.#beforeFirstStore = act;
  }

  /** Guards the page at `address`: the next store to it is told of before it is made, and ends the guard. */
  guard(address: number): void {
    const page = address >>> PAGE_BITS;
    this.#guarded[page] = 1;
    this.storeMap[page] = 0;
  }

  /** Ends the guard of all pages. */
  unguard(): void {
    for (let page = 0; page < PAGES; page++) {
      if (this.#guarded[page] === 0) continue;
      this.#guarded[page] = 0;
      this.#refreshPage(page);
    }
  }

  /** Declares that decoded forms of this page exist: stores to it are reported to the code listeners. */
  markCode(address: number): void {
    const page = (address >>> PAGE_BITS) >>> 0;
    if (this.#code.has(page)) return;
    this.#code.add(page);
    this.storeMap[page] = 0;
  }

  onCodeStore(listener: (address: number, bytes: number) => void): void {
    this.#codeListeners.push(listener);
  }

  /** Sends all accesses, or the stores, to these pages (address / 4096) through the harts; replaces what was observed before. */
  observe(accesses: ReadonlySet<number>, stores: ReadonlySet<number>): void {
    const before = this.#observed;
    this.#observed = { accesses, stores };
    for (const pages of [before.accesses, before.stores, accesses, stores]) {
      for (const page of pages) this.#refreshPage(page);
    }
    if (before.accesses.size > 0 === accesses.size > 0) return;
    for (const listener of this.#observationListeners) listener();
  }

  /** Whether loads from some page must come through the hart. */
  get observesLoads(): boolean {
    return this.#observed.accesses.size > 0;
  }

  /** Calls back when `observesLoads` changes. */
  onObservation(listener: () => void): void {
    this.#observationListeners.push(listener);
  }

  #openWindow(window: RamWindow): void {
    const delta = (window.offset - window.base) | 0;
    if (delta === 0) throw new Error(`${window.name}: guest and linear addresses coincide`);
    this.loadMap.fill(delta, window.base >>> PAGE_BITS, (window.base + window.bytes) / 4096);
    if (window.writable) {
      this.storeMap.fill(delta, window.base >>> PAGE_BITS, (window.base + window.bytes) / 4096);
    }
  }

  #beforeStore(address: number, bytes: number): void {
    const act = this.#beforeFirstStore;
    if (!act || bytes === 0) return;
    for (let page = address >>> PAGE_BITS; page <= (address + bytes - 1) >>> PAGE_BITS; page++) {
      if (this.#guarded[page] === 0) continue;
      act(page * 4096);
      this.#guarded[page] = 0;
      this.firstStores++;
      this.#refreshPage(page);
    }
  }

  #overwrite(destination: number, bytes: number, write: (target: Uint8Array) => void): void {
    const target = this.memory.window(destination, bytes);
    if (target?.ignoresWrites) return;
    if (target && !target.writable) throw new BusError(destination, `${target.name} is read-only`);
    this.#beforeStore(destination >>> 0, bytes);
    write(this.bytes(destination, bytes));
    this.#stored(destination >>> 0, bytes, NO_HART);
  }

  #read(window: RamWindow, address: number, bytes: number): number {
    const { u8 } = this.memory;
    const at = address - window.base + window.offset;
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= u8[at + i] << (8 * i);
    return value;
  }

  #mapping(address: number, bytes: number, access: string): Mapping {
    const a = address >>> 0;
    const mapping = this.mappings.find((m) => a >= m.base && a + bytes <= m.base + m.bytes);
    if (!mapping) throw new BusError(a, 'nothing is mapped there');
    if (a % bytes !== 0)
      throw new BusError(a, `misaligned ${access} of ${bytes} bytes in ${mapping.device.name}`);
    return mapping;
  }

  /** Devices report offsets; whoever made the access knows addresses. */
  #relocate<T>(mapping: Mapping, access: () => T): T {
    try {
      return access();
    } catch (error) {
      if (error instanceof BusError) throw new BusError(mapping.base + error.address, error.message);
      throw error;
    }
  }

  #stored(address: number, bytes: number, hart: number): void {
    this.#refreshCode(address, bytes);
    for (const w of this.#watchers.slice()) {
      // an action may end its own watch
      if (address < w.address + w.bytes && w.address < address + bytes) w.act(address, bytes, hart);
    }
  }

  #refreshCode(address: number, bytes: number): void {
    if (this.#code.size === 0) return;
    const last = (address + bytes - 1) >>> PAGE_BITS;
    for (let page = address >>> PAGE_BITS; page <= last; page++) {
      if (!this.#code.has(page)) continue;
      for (const listener of this.#codeListeners) listener(address, bytes);
      return;
    }
  }

  #refreshPages(address: number, bytes: number): void {
    for (let page = address >>> PAGE_BITS; page <= (address + bytes - 1) >>> PAGE_BITS; page++)
      this.#refreshPage(page);
  }

  #refreshPage(page: number): void {
    const window = this.memory.window(page * 4096, 4096);
    const { accesses, stores } = this.#observed;
    const watched =
      this.#guarded[page] !== 0 ||
      accesses.has(page) ||
      stores.has(page) ||
      this.#watchers.some((w) => w.address < (page + 1) * 4096 && page * 4096 < w.address + w.bytes);
    const delta = window ? (window.offset - window.base) | 0 : 0;
    this.loadMap[page] = accesses.has(page) ? 0 : delta;
    this.storeMap[page] = window?.writable && !watched && !this.#code.has(page) ? delta : 0;
  }

  /** Tells the observer of each row of a copy. */
  #tell({ src, dst, bytes, srcStride, dstStride, rows }: Rows): void {
    const { deviceObserver } = this;
    if (!deviceObserver) return;
    for (let row = 0; row < rows; row++) {
      deviceObserver('dma', 'load', (src + row * srcStride) >>> 0, bytes);
      deviceObserver('dma', 'store', (dst + row * dstStride) >>> 0, bytes);
    }
  }
}
