/** One hart on plain memory, without devices: instructions are placed as words at any address of a few windows. */
import { Clock } from '../../src/device/clock.ts';
import { CodeCache } from '../../src/hart/code-cache.ts';
import { Hart } from '../../src/hart/hart.ts';
import { createInterpreter } from '../../src/hart/interpret.ts';
import { parseIsa } from '../../src/isa/isa.ts';
import { Bus } from '../../src/memory/bus.ts';
import { Memory, type RamRegion } from '../../src/memory/memory.ts';

const window = (base: number, bytes: number): RamRegion => ({
  name: `0x${base.toString(16)}`,
  base,
  bytes,
  writable: true,
});

/** Low addresses, both sides of the sign change, and the top. */
const REGIONS = [
  window(0x1000, 0x40_0000),
  window(0x7fff_f000, 0x1000),
  window(0x8000_0000, 0x1_0000),
  window(0xffff_f000, 0x1000),
];

export interface BareHart {
  readonly hart: Hart;
  readonly bus: Bus;
  /** Writes instruction words from `address` on. */
  readonly place: (address: number, words: readonly number[]) => void;
  /** Runs `count` cycles from `pc` and returns how many instructions retired: a trap takes a cycle. Stops at TRAP_VECTOR. */
  readonly run: (pc: number, count: number) => number;
}

/** Traps lead to the first word of the window at 0x7ffff000. */
export const TRAP_VECTOR = 0x7fff_f000;

export function bareHart(isaText: string): BareHart {
  const isa = parseIsa(isaText);
  const bus = new Bus(new Memory(REGIONS));
  const cache = new CodeCache(isa, bus);
  const hart = new Hart(0, isa, {
    bus,
    clock: new Clock(),
    cache,
    engine: createInterpreter(isa, bus, cache),
    semihost: () => false,
    eventPending: () => false,
    dma: () => 0,
  });
  hart.mtvec = TRAP_VECTOR;
  return {
    hart,
    bus,
    place(address, words) {
      for (const [i, word] of words.entries()) {
        bus.poke(address + 4 * i, Uint8Array.of(word, word >>> 8)); // a word may lie across two windows
        bus.poke(address + 4 * i + 2, Uint8Array.of(word >>> 16, word >>> 24));
      }
    },
    run(pc, count) {
      hart.pc = pc | 0;
      const before = hart.instret;
      for (let i = 0; i < count && hart.pc >>> 0 !== TRAP_VECTOR; i++) hart.run(hart.cycle + 1);
      return hart.instret - before;
    },
  };
}
