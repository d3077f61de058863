/** What memory and fetches cost a hart in cluster timing (docs/machine.md): one object for all harts with the same core. */
import type { Banks } from '../memory/banks.ts';
import { type CoreTiming, distanceIn, divideStall, LOOKAHEAD, waitFor } from './core-timing.ts';
import type { Icache } from './icache.ts';
import { word } from './words.ts';

/** Latencies of loads (from issue to first use) and costs of stores at one place, in cycles. */
export interface Latency {
  readonly load: number;
  readonly store: number;
}

export interface TimingOptions {
  readonly core: CoreTiming;
  /** Guest address and size of the TCDM; 0 bytes where there is none. */
  readonly tcdm: { readonly base: number; readonly bytes: number };
  readonly banks: Banks | undefined;
  readonly icache: Icache;
  readonly tcdmCycles: number;
  readonly dram: Latency;
  /** By device name. */
  readonly registers: Readonly<Record<string, Latency>>;
  readonly wakeCycles: number;
}

/** Unconflicted stalls by the distance to the first reader, 0 to `LOOKAHEAD`. */
type ByDistance = readonly number[];

/** Charges a hart's words. The hart's time is that of the access, stalls included. */
export class Timing {
  readonly options: TimingOptions;
  readonly core: CoreTiming;
  readonly icache: Icache;
  readonly tcdmLoad: ByDistance;
  readonly dramLoad: ByDistance;
  readonly dramStore: number;
  /** Cycles of a taken branch beyond the first. */
  readonly branchTaken: number;

  constructor(options: TimingOptions) {
    const { core, icache, tcdmCycles, dram } = options;
    this.options = options;
    this.core = core;
    this.icache = icache;
    this.tcdmLoad = this.#waits(tcdmCycles);
    this.dramLoad = this.#waits(dram.load);
    this.dramStore = dram.store - 1;
    this.branchTaken = core.branchTakenCycles - 1;
  }

  /** Whether an address lies in the TCDM. */
  inTcdm(address: number): boolean {
    const { base, bytes } = this.options.tcdm;
    return (address - base) >>> 0 < bytes;
  }

  /** A load of RAM, or an atomic operation on it. @param costs the instruction's cost word */
  loaded(words: Int32Array, address: number, bytes: number, now: number, costs: number): void {
    const distance = distanceIn(costs);
    if (this.inTcdm(address)) {
      this.#tcdm(words, address, bytes, now);
      words[word.stall] += this.tcdmLoad[distance];
    } else this.#dram(words, this.dramLoad[distance]);
    this.#misaligned(words, address, bytes);
  }

  stored(words: Int32Array, address: number, bytes: number, now: number): void {
    if (this.inTcdm(address)) this.#tcdm(words, address, bytes, now);
    else this.#dram(words, this.dramStore);
    this.#misaligned(words, address, bytes);
  }

  /** A load of a device's register. */
  loadedRegister(words: Int32Array, device: string, costs: number): void {
    const latency = this.options.registers[device]?.load ?? this.options.dram.load;
    this.#device(words, waitFor(latency, distanceIn(costs), this.core.scoreboard));
  }

  storedRegister(words: Int32Array, device: string): void {
    this.#device(words, (this.options.registers[device]?.store ?? this.options.dram.store) - 1);
  }

  divided(words: Int32Array, divisor: number): void {
    words[word.stall] += divideStall(this.core, divisor);
    words[word.moreCounts] += 1 << 16;
  }

  #waits(latency: number): ByDistance {
    const { scoreboard } = this.core;
    return Array.from({ length: LOOKAHEAD + 1 }, (_, distance) => waitFor(latency, distance, scoreboard));
  }

  /** An access that crosses into the next bank needs that one too, a cycle later. */
  #tcdm(words: Int32Array, address: number, bytes: number, now: number): void {
    const { banks } = this.options;
    if (!banks) return;
    const stall = banks.take(address, now);
    const crossing = (address & 7) + bytes > 8 ? banks.take(address + bytes - 1, now + stall + 1) : 0;
    words[word.tcdmStall] += stall + crossing;
    words[word.stall] += stall + crossing;
  }

  #dram(words: Int32Array, stall: number): void {
    words[word.moreCounts]++;
    words[word.dramStall] += stall;
    words[word.stall] += stall;
  }

  #device(words: Int32Array, stall: number): void {
    words[word.deviceAccesses]++;
    words[word.deviceStall] += stall;
    words[word.stall] += stall;
  }

  #misaligned(words: Int32Array, address: number, bytes: number): void {
    if ((address & 3) + bytes > 4) words[word.stall] += this.core.misalignedCycles;
  }
}
