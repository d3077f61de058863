/** The translating engine: interprets cold code, translates hot regions and runs them (translator specification §6.5–6.7). */
import type { CodeCache } from '../hart/code-cache.ts';
import type { Hart } from '../hart/hart.ts';
import { arrived, createInterpreter, type Engine } from '../hart/interpret.ts';
import type { Timing } from '../hart/timing.ts';
import type { Isa } from '../isa/isa.ts';
import type { Bus } from '../memory/bus.ts';
import { discover, type Region, Scan } from './blocks.ts';
import {
  accessed,
  emitDriver,
  emitRegion,
  JUMP_CACHE_ENTRIES,
  left as why,
  state,
  WAY_BITS,
} from './emit.ts';
import type { MemoryPlan } from './lower.ts';
import { emitTimingModule } from './timed.ts';
import { compile } from './modules.ts';
import { Counts } from './profile.ts';

/** Blocks of one region at most: TurboFan needs 30 to 60 ms in the background for so many. */
const MAX_BLOCKS = 300;
/** Arrivals that make a jump target part of a region that reaches it. */
const WARM = 2;
/**
 * What must have happened for a block to be translated again, for each instruction of the region and each time the
 * block was translated: so many arrivals where the translation is missing, or else so many instructions executed since.
 */
const REPAY = { arrivals: 8, instructions: 20_000 } as const;
/** Instructions of a stay in a region after which entering and leaving it costs nothing: it need not grow. */
const LONG_STAY = 4000;
/** Slow accesses after which an instruction is taken to wander beyond main memory. */
const WANDERS = 50;
const SLOTS = 1024;

/** Runs a translation; see `emitDriver`. */
type Driver = (state: number, translation: number) => number;

interface Translation {
  readonly slot: number;
  /** Ways in that no newer translation has taken over. */
  readonly ways: Set<number>;
  /** Starts of its blocks; none for one that only leads to others. */
  readonly blocks: readonly number[];
  /** Guest byte ranges it was made from. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
}

export interface TranslatorStatistics {
  /** Regions translated, dropped included. */
  regions: number;
  /** Guest instructions in them. */
  instructions: number;
  /** Bytes of WebAssembly. */
  bytes: number;
  /** Host milliseconds spent on discovery, emission and module creation; V8 optimises in the background besides. */
  milliseconds: number;
}

/** Where the cache of computed jumps keeps `pc`; its translation is the next word. */
const jumpCacheIndex = (pc: number): number => ((pc >>> 1) & (JUMP_CACHE_ENTRIES - 1)) * 2;

/** Translations of one instruction set over one bus, shared by all harts that have it. */
export class Translator {
  readonly statistics: TranslatorStatistics = { regions: 0, instructions: 0, bytes: 0, milliseconds: 0 };
  readonly #bus: Bus;
  readonly #cache: CodeCache;
  readonly #counts: Counts;
  readonly #interpret: Engine;
  #scan: Scan;
  #toInterpret: number;
  readonly #table = new WebAssembly.Table({ element: 'anyfunc', initial: SLOTS });
  readonly #translations: (Translation | undefined)[] = [];
  /** The slot of the translation that holds a block of this start, where its way in may not be. */
  readonly #inside = new Map<number, number>();
  /** How often each block was translated, and what had been executed then. */
  readonly #built = new Map<number, { readonly times: number; readonly at: number }>();
  /** Instructions executed by all harts, or given away when a slice became shorter; the present call aside. */
  #executed = 0;
  /** How often each instruction of translated code was left to the interpreter. */
  readonly #slowAccesses = new Map<number, number>();
  /** Arrivals that an address needs before it is looked at again; without end where nothing can be translated. */
  readonly #patience = new Map<number, number>();
  #memoryPlan: MemoryPlan;
  readonly #jumpCache: Int32Array;
  /** For each slot the number of stays in its region and the instructions executed in them. */
  readonly #stays: BigInt64Array;
  readonly #timing: Timing | undefined;
  readonly #imports: Record<string, unknown>;
  #driver: Driver | undefined;
  /** The hart whose translated code runs. */
  #running: Hart | undefined;
  /** Counts invalidations, so that translated code that stores to code notices. */
  #invalidations = 0;

  /** @param eagerAfter instructions to interpret before anything is translated: short programs are not worth it */
  constructor(isa: Isa, bus: Bus, cache: CodeCache, eagerAfter = 0, timing?: Timing) {
    const { memory } = bus;
    this.#bus = bus;
    this.#toInterpret = eagerAfter;
    this.#cache = cache;
    this.#counts = new Counts((pc) => cache.isLoopEnd(pc));
    this.#scan = new Scan(cache, this.#counts);
    this.#interpret = createInterpreter(isa, bus, cache, this.#counts, timing);
    this.#memoryPlan = { windows: memory.ram, storeMap: bus.storeMap.byteOffset, loadMap: undefined };
    bus.onObservation(() => {
      this.#dropAll();
      this.#memoryPlan = {
        ...this.#memoryPlan,
        loadMap: bus.observesLoads ? bus.loadMap.byteOffset : undefined,
      };
    });
    this.#jumpCache = new Int32Array(
      memory.wasm.buffer,
      memory.reserve(8 * JUMP_CACHE_ENTRIES),
      2 * JUMP_CACHE_ENTRIES,
    );
    this.#stays = new BigInt64Array(memory.wasm.buffer, memory.reserve(16 * SLOTS), 2 * SLOTS);
    this.#jumpCache.fill(1); // no instruction is at an odd address
    this.#timing = timing;
    this.#imports = {
      ...(timing && this.#exportsOf(emitTimingModule(timing), { memory: memory.wasm })),
      memory: memory.wasm,
      table: this.#table,
      store: (address: number, bytes: number, value: number, pc: number, left: number) =>
        this.#store(address, bytes, value, pc, left),
    };
    bus.onCodeStore((address, bytes) => this.#invalidate(address, bytes));
    cache.onMark((pc) => this.#invalidate(pc - 2, 4)); // what falls through to pc included
  }

  /** The engine: see `Engine`. */
  readonly run: Engine = (hart) => {
    const { words, left: given } = hart;
    hart.yielding = false;
    hart.arrived = arrived.nowhere;
    for (;;) {
      let slow: number | undefined;
      const translation = hart.checked || hart.careful ? -1 : this.#counts.translation(hart.pc);
      if (translation >= 0) {
        words[state.left >> 2] = hart.left;
        this.#running = hart;
        const reason = this.#driver!(hart.state, translation);
        hart.pc = words[state.pc >> 2];
        hart.left = words[state.left >> 2];
        if (hart.left <= 0 || hart.yielding) break;
        if (reason === why.interpret) slow = hart.pc;
        else if (reason === why.unknown) {
          if (this.#remember(hart.pc)) continue;
          hart.arrived = arrived.byJump;
        }
      }
      const before = hart.left;
      const { firstStores } = this.#bus;
      this.#interpret(hart);
      // The first store to a guarded page says nothing about the next one.
      if (slow !== undefined && this.#bus.firstStores === firstStores) this.#countSlow(slow);
      if (this.#toInterpret > 0) this.#toInterpret -= before - hart.left;
      if (hart.arrived === arrived.nowhere) break;
      const hot = hart.arrived === arrived.hot;
      hart.arrived = arrived.nowhere;
      if (hot) this.#translate(hart.pc, this.#executed + given - hart.left);
    }
    this.#executed += given - hart.left;
  };

  /**
   * Performs a store for translated code. A refused one is made again by the interpreter, which takes the trap or
   * stalls there with all state in place; a refused store has no effect.
   */
  #store(address: number, bytes: number, value: number, pc: number, left: number): number {
    const hart = this.#running!;
    const invalidations = this.#invalidations;
    hart.pc = pc;
    hart.left = left;
    try {
      hart.store(address, bytes, value);
    } catch {
      hart.words[state.left >> 2] = hart.left; // less than before where stalls were settled
      return accessed.refused;
    }
    if (hart.left === left && !hart.yielding && invalidations === this.#invalidations) return accessed.done;
    hart.words[state.left >> 2] = hart.left - 1;
    return accessed.leave;
  }

  /** Counts an instruction left to the interpreter; one that is often is translated anew for more than main memory. */
  #countSlow(pc: number): void {
    const count = (this.#slowAccesses.get(pc) ?? 0) + 1;
    this.#slowAccesses.set(pc, count);
    this.#counts.setWandering(pc);
    if (count !== WANDERS) return;
    for (const translation of this.#madeFrom(pc, pc + 1)) {
      for (const block of translation.blocks) this.#built.delete(block); // it is to come back soon
      this.#drop(translation);
    }
  }

  /** Enters the translation at `pc`, if there is one, into the cache of computed jumps. */
  #remember(pc: number): boolean {
    const translation = this.#counts.translation(pc);
    if (translation < 0) return false;
    const at = jumpCacheIndex(pc);
    this.#jumpCache[at] = pc;
    this.#jumpCache[at + 1] = translation;
    return true;
  }

  /** @param executed instructions executed so far */
  #translate(root: number, executed: number): void {
    if (this.#toInterpret > 0) return;
    const heat = this.#counts.heat(root);
    if (heat < (this.#patience.get(root) ?? 0)) return;
    const start = performance.now();
    // A block in the middle of a translation, where budgets end and harts go on: lead from there to a way in.
    const leads = this.#inside.has(root);
    const region = discover(root, this.#scan, this.#counts, {
      maxBlocks: MAX_BLOCKS,
      warm: (pc) => this.#counts.heat(pc) >= WARM,
      outside: (pc) => (leads ? this.#counts.translation(pc) >= 0 : this.#standsAlone(pc)),
      leads,
    });
    if (!region) {
      this.#patience.set(root, Infinity);
      return;
    }
    const size = region.blocks.reduce((sum, b) => sum + b.steps.length, 0);
    const again = leads ? 0 : this.#again(region, size, executed);
    if (heat < again * REPAY.arrivals) {
      this.#patience.set(root, again * REPAY.arrivals);
      return;
    }
    this.#driver ??= this.#instantiate(emitDriver()) as Driver;
    const slot = this.#freeSlot();
    const { bytes, ways } = emitRegion(region, {
      memory: this.#memoryPlan,
      jumpCache: this.#jumpCache.byteOffset,
      slot,
      stays: this.#stays.byteOffset + 16 * slot,
      compressed: this.#cache.isa.has('c'),
      wanders: (pc) => this.#counts.wanders(pc),
      olderLoops: this.#cache.isa.has('xpulpv2'),
      timing: this.#timing && { timing: this.#timing, cost: (pc) => this.#cache.cost(pc) },
    });
    this.#table.set(slot, this.#instantiate(bytes));
    this.#stays.fill(0n, 2 * slot, 2 * slot + 2);
    const ranges = region.blocks.map(({ start: from, steps }) => {
      const last = steps[steps.length - 1];
      return { from, to: last.pc + last.decoded.bytes };
    });
    const blocks = leads ? [] : region.blocks.map(({ start: pc }) => pc);
    this.#translations[slot] = { slot, ways: new Set(ways.keys()), blocks, ranges };
    for (const [pc, way] of ways) this.#enter(pc, slot * 2 ** WAY_BITS + way);
    for (const pc of blocks) {
      this.#inside.set(pc, slot);
      this.#built.set(pc, { times: (this.#built.get(pc)?.times ?? 0) + 1, at: executed });
    }
    for (const { from } of ranges) this.#bus.markCode(from);
    const { statistics } = this;
    statistics.regions++;
    statistics.instructions += size;
    statistics.bytes += bytes.length;
    statistics.milliseconds += performance.now() - start;
  }

  /** Whether the region entered at `pc` is stayed in for long. */
  #standsAlone(pc: number): boolean {
    const translation = this.#counts.translation(pc);
    if (translation < 0) return false;
    const slot = translation >>> WAY_BITS;
    const [stays, instructions] = this.#stays.subarray(2 * slot, 2 * slot + 2);
    return instructions > stays * BigInt(LONG_STAY);
  }

  /**
   * What the region repeats of work that has not paid yet: its size, times how often one of its blocks was translated.
   * A region is not rebuilt for each block it gains.
   */
  #again({ blocks }: Region, size: number, executed: number): number {
    let most = 0;
    for (const { start } of blocks) {
      const { times, at } = this.#built.get(start) ?? { times: 0, at: 0 };
      if (executed - at < REPAY.instructions * size * times) most = Math.max(most, times);
    }
    return size * most;
  }

  /** The function that a module of ours exports. */
  #instantiate(bytes: Uint8Array): unknown {
    return this.#exportsOf(bytes, this.#imports)['run'];
  }

  #exportsOf(bytes: Uint8Array, imports: Record<string, unknown>): Record<string, unknown> {
    return new WebAssembly.Instance(compile(bytes), { octet: imports }).exports;
  }

  /** Makes `translation` the one that begins at `pc`; one that has lost all its ways in is dropped. */
  #enter(pc: number, translation: number): void {
    const old = this.#counts.translation(pc);
    this.#counts.setTranslation(pc, translation);
    if (old < 0) return;
    const at = jumpCacheIndex(pc);
    if (this.#jumpCache[at] === pc) this.#jumpCache[at + 1] = translation;
    const owner = this.#translations[old >>> WAY_BITS];
    owner?.ways.delete(pc);
    if (owner?.ways.size === 0) this.#drop(owner);
  }

  #freeSlot(): number {
    const free = this.#translations.indexOf(undefined);
    if (free >= 0) return free;
    if (this.#translations.length < SLOTS) return this.#translations.length;
    this.#dropAll();
    return 0;
  }

  #dropAll(): void {
    for (const translation of this.#translations) if (translation) this.#drop(translation);
    this.#built.clear();
  }

  #drop({ slot, ways, blocks }: Translation): void {
    for (const pc of blocks) if (this.#inside.get(pc) === slot) this.#inside.delete(pc);
    for (const pc of ways) this.#counts.clear(pc);
    for (let at = 0; at < this.#jumpCache.length; at += 2) {
      if (this.#jumpCache[at + 1] >>> WAY_BITS === slot) this.#jumpCache[at] = 1;
    }
    this.#table.set(slot, null);
    this.#translations[slot] = undefined;
  }

  /** Drops what was translated from the bytes. */
  #invalidate(address: number, bytes: number): void {
    this.#invalidations++;
    this.#patience.clear();
    this.#scan = new Scan(this.#cache, this.#counts);
    const from = (address - this.#cache.reach) | 0; // what lies there depends on the bytes too
    for (const translation of this.#madeFrom(from, (address + bytes) | 0)) this.#drop(translation);
  }

  /** The translations that were made from bytes in `[from, to)`. */
  #madeFrom(from: number, to: number): Translation[] {
    return this.#translations.filter(
      (t): t is Translation => t?.ranges.some((range) => from < range.to && range.from < to) === true,
    );
  }
}
