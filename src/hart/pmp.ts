/**
 * Physical memory protection: 16 entries of 4-byte granularity (privileged manual 1.12, "Physical Memory Protection").
 *
 * All entries are off at reset, as the manual has it: machine mode may then do everything, and user mode nothing, not
 * even fetch (QEMU agrees; Spike opens entry 0 at reset). Software opens memory before it enters user mode.
 */
import { type Access, access, MACHINE, modeName } from './privilege.ts';

export const PMP_ENTRIES = 16;

/** Fields of a configuration byte; the permissions R, W, X are the bits of `access`. */
export const pmpConfig = { mode: 3 << 3, tor: 1 << 3, na4: 2 << 3, napot: 3 << 3, lock: 1 << 7 } as const;

const PERMISSIONS = access.load | access.store | access.fetch;
const KEPT = PERMISSIONS | pmpConfig.mode | pmpConfig.lock;
const EVERYTHING = 2 ** 32;

/** An entry that matches something: addresses from `base` up to but without `end`, in bytes. */
interface Region {
  readonly entry: number;
  readonly base: number;
  readonly end: number;
  readonly config: number;
}

/** Why an access is refused, and the address of the part of it that is. */
export interface Denial {
  readonly address: number;
  readonly reason: string;
}

export interface PmpState {
  readonly config: Uint8Array;
  readonly address: Int32Array;
}

export class Pmp {
  /** Configuration bytes, pmp0cfg first. Change them through `writeConfig`. */
  readonly config = new Uint8Array(PMP_ENTRIES);
  /** Bits 33:2 of the addresses. Change them through `writeAddress`. */
  readonly address = new Int32Array(PMP_ENTRIES);
  #regions: readonly Region[] = [];
  #machine = 0;
  #user: number = PERMISSIONS;

  /** The kinds of access (bits of `access`) that may be refused in a mode and must be checked one by one. */
  restricted(mode: number): number {
    return mode === MACHINE ? this.#machine : this.#user;
  }

  /** pmpcfg`index`: four configuration bytes, the lowest entry in the low byte. */
  readConfig(index: number): number {
    const [a, b, c, d] = this.config.subarray(4 * index, 4 * index + 4);
    return a | (b << 8) | (c << 16) | (d << 24);
  }

  /** Locked bytes keep their value; the reserved combination W without R becomes neither. */
  writeConfig(index: number, value: number): void {
    for (let i = 0; i < 4; i++) {
      const entry = 4 * index + i;
      if (this.#locked(entry)) continue;
      const wanted = (value >>> (8 * i)) & KEPT;
      this.config[entry] = wanted & access.load ? wanted : wanted & ~access.store;
    }
    this.#refresh();
  }

  readAddress(entry: number): number {
    return this.address[entry];
  }

  /** Ignored where the entry is locked, or is the lower bound of a locked range. */
  writeAddress(entry: number, value: number): void {
    const above = entry + 1;
    const bounds =
      above < PMP_ENTRIES && this.#locked(above) && (this.config[above] & pmpConfig.mode) === pmpConfig.tor;
    if (this.#locked(entry) || bounds) return;
    this.address[entry] = value;
    this.#refresh();
  }

  /**
   * Why `mode` may not access `[address, address + bytes)`, undefined where it may. A misaligned access is made of
   * the parts that lie in each aligned word, and every part needs permission; regions hold whole words.
   */
  denial(mode: number, kind: Access, address: number, bytes: number): Denial | undefined {
    const first = address >>> 0;
    const lastWord = ((address + bytes - 1) & ~3) >>> 0;
    const parts = (first & ~3) >>> 0 === lastWord ? [first] : [first, lastWord];
    for (const part of parts) {
      const region = this.#regions.find((r) => r.base <= part && part < r.end);
      if (!region) {
        if (mode === MACHINE) continue;
        return { address: part, reason: `no PMP entry opens it to ${modeName(mode)}` };
      }
      const exempt = mode === MACHINE && (region.config & pmpConfig.lock) === 0;
      if (exempt || region.config & kind) continue;
      return { address: part, reason: `PMP entry ${region.entry} denies it to ${modeName(mode)}` };
    }
    return undefined;
  }

  snapshot(): PmpState {
    return { config: this.config.slice(), address: this.address.slice() };
  }

  restore({ config, address }: PmpState): void {
    this.config.set(config);
    this.address.set(address);
    this.#refresh();
  }

  #locked(entry: number): boolean {
    return (this.config[entry] & pmpConfig.lock) !== 0;
  }

  #refresh(): void {
    this.#regions = Array.from(this.config, (_, entry) => this.#region(entry)).filter((r) => r.base < r.end);
    this.#machine = this.#regions
      .filter((r) => r.config & pmpConfig.lock)
      .reduce((kinds, r) => kinds | (PERMISSIONS & ~r.config), 0);
    const all = this.#regions.at(0);
    const open = all?.base === 0 && all.end >= EVERYTHING ? all.config : 0;
    this.#user = PERMISSIONS & ~open;
  }

  #region(entry: number): Region {
    const config = this.config[entry];
    const address = this.address[entry] >>> 0;
    const region = (base: number, words: number): Region => ({
      entry,
      base: 4 * base,
      end: 4 * (base + words),
      config,
    });
    switch (config & pmpConfig.mode) {
      case pmpConfig.tor: {
        const below = entry === 0 ? 0 : this.address[entry - 1] >>> 0;
        return region(below, address - below);
      }
      case pmpConfig.na4:
        return region(address, 1);
      case pmpConfig.napot: {
        const lowestZero = (~address & (address + 1)) >>> 0;
        const words = lowestZero === 0 ? 2 ** 33 : 2 * lowestZero;
        return region(Math.floor(address / words) * words, words);
      }
      default:
        return region(0, 0);
    }
  }
}
