/** The code of cluster timing in translations: the hart's time, bank conflicts and fetches (src/hart/timing.ts says what they cost). */
import { distanceIn } from '../hart/core-timing.ts';
import type { Timing } from '../hart/timing.ts';
import { word } from '../hart/words.ts';
import { type Banks, RING_CYCLES } from '../memory/banks.ts';
import { type FunctionBuilder, ModuleBuilder } from '../wasm/encode.ts';
import { control, i32, i64 } from '../wasm/opcodes.ts';
import { type Charge, dramOf, stallOf } from './charges.ts';

/** Cluster timing as the emitter needs it. */
export interface TimingPlan {
  readonly timing: Timing;
  /** The cost word of the instruction at an address. */
  cost(pc: number): number;
}

/** Locals and functions of the translation. */
export interface TimedFrame {
  readonly f: FunctionBuilder;
  /** Index of the parameter that holds the state's offset. */
  readonly state: number;
  readonly left: number;
  /** The sums, see `Charge`: 64-bit locals. */
  readonly stalls: number;
  readonly more: number;
  /** Local of the slice's end. */
  readonly end: number;
  /** Indices of the imported functions, see `emitTimingModule`. */
  readonly take: number;
  readonly fetch: number;
  temporary(): number;
}

/** Adds to the sums. */
export function emitCharge({ f, stalls, more }: TimedFrame, charge: Charge): void {
  if (charge.stalls !== 0n) f.get(stalls).i64(BigInt.asIntN(64, charge.stalls)).op(i64.add).set(stalls);
  if (charge.more !== 0n) f.get(more).i64(BigInt.asIntN(64, charge.more)).op(i64.add).set(more);
}

/** The instruction at work: instructions and amounts that the locals have not been charged for, and its cost word. */
export interface Present {
  readonly owed: number;
  readonly charge: Charge;
  readonly costs: number;
}

/** Writes what one instruction after the other costs. */
export class TimedCode {
  readonly timing: Timing;
  readonly #frame: TimedFrame;
  present: Present = { owed: 0, charge: { stalls: 0n, more: 0n }, costs: 0 };

  constructor(timing: Timing, frame: TimedFrame) {
    this.timing = timing;
    this.#frame = frame;
  }

  /** Looks a line up in the hart's own instruction cache. */
  fetch(line: number): void {
    const { f, state, fetch } = this.#frame;
    const { l0Lines } = this.timing.icache.config;
    f.get(state)
      .memory(i32.load, 4 * (word.l0 + (line & (l0Lines - 1))), 2)
      .i32(line | 0)
      .op(i32.ne)
      .if();
    f.get(state)
      .i32(line | 0)
      .call(fetch);
    this.#addStall();
    f.end();
  }

  /** A load or atomic operation that was made at the address in a local. */
  loaded(address: number): void {
    const distance = distanceIn(this.present.costs);
    this.#accessed(address, this.timing.tcdmLoad[distance], this.timing.dramLoad[distance]);
  }

  /** The same where the address is known to lie in the TCDM, or not to. */
  loadedFrom(address: number, tcdm: boolean): void {
    const distance = distanceIn(this.present.costs);
    if (tcdm) this.#met(address, this.timing.tcdmLoad[distance]);
    else emitCharge(this.#frame, dramOf(this.timing.dramLoad[distance]));
  }

  stored(address: number): void {
    this.#accessed(address, 0, this.timing.dramStore);
  }

  /** A division by what is pushed. */
  divided(pushDivisor: () => void): void {
    pushDivisor();
    this.#frame.f
      .op(i32.clz)
      .i32(this.timing.core.divideCycles - 1)
      .op(i32.add);
    this.#addStall();
  }

  /** Adds the popped i32 to the stalls. */
  #addStall(): void {
    const { f, stalls } = this.#frame;
    f.op(i64.extendI32U).get(stalls).op(i64.add).set(stalls);
  }

  #accessed(address: number, tcdmStall: number, dramStall: number): void {
    const { f } = this.#frame;
    const { base, bytes } = this.timing.options.tcdm;
    if (bytes > 0) {
      f.get(address).i32(base).op(i32.sub).i32(bytes).op(i32.ltU).if();
      this.#met(address, tcdmStall);
      f.else();
    }
    emitCharge(this.#frame, dramOf(dramStall));
    if (bytes > 0) f.end();
  }

  /** An access to the TCDM: takes its bank. @param stall what it costs besides */
  #met(address: number, stall: number): void {
    const { f, state, left, stalls, end, take } = this.#frame;
    const { banks } = this.timing.options;
    if (banks) {
      const now = this.#frame.temporary();
      const at = this.#frame.temporary();
      const used = this.#frame.temporary();
      const bit = this.#frame.temporary();
      const { owed, charge } = this.present;
      // Time before this access: the end of the slice, less what is left, and the stalls since it began.
      f.get(end).get(left).op(i32.sub).get(stalls).op(i32.wrapI64).op(i32.add);
      f.i32((owed + Number(BigInt.asIntN(32, charge.stalls))) | 0)
        .op(i32.add)
        .tee(now);
      f.i32(0).memory(i32.load, banks.start, 2).op(i32.sub).i32(RING_CYCLES).op(i32.ltU).if();
      pushPlace(f, banks, now, address);
      f.tee(at).memory(i32.load, banks.ring, 2).tee(used);
      pushBit(f, banks, address);
      f.tee(bit).op(i32.and).if();
      f.get(state).get(address).get(now).call(take);
      this.#addStall();
      f.else();
      f.get(at).get(used).get(bit).op(i32.or).memory(i32.store, banks.ring, 2);
      f.end();
      f.end();
    }
    emitCharge(this.#frame, stallOf(stall));
  }
}

/** Pushes the offset, in the ring, of the word with the bank's bit in the cycle. */
function pushPlace(f: FunctionBuilder, { count }: Banks, cycle: number, address: number): void {
  f.get(cycle)
    .i32(RING_CYCLES - 1)
    .op(i32.and)
    .i32(count > 32 ? 3 : 2)
    .op(i32.shl);
  if (count > 32) f.get(address).i32(6).op(i32.shrU).i32(4).op(i32.and).op(i32.add);
}

/** Pushes the bank's bit in that word. */
function pushBit(f: FunctionBuilder, { count }: Banks, address: number): void {
  f.i32(1).get(address).i32(3).op(i32.shrU);
  if (count < 32) f.i32(count - 1).op(i32.and);
  f.op(i32.shl);
}

/** Adds a local, or a constant, to a word of the state. */
function emitAdd(f: FunctionBuilder, state: number, at: number, push: () => void): void {
  f.get(state)
    .get(state)
    .memory(i32.load, 4 * at, 2);
  push();
  f.op(i32.add).memory(i32.store, 4 * at, 2);
}

/**
 * A module of the two functions behind the inline code. `take(state, address, cycle)`: waits for a bank. `fetch(state,
 * line)`: brings a line into the hart's own instruction cache. Both note why in the state and return the cycles they cost.
 */
export function emitTimingModule({ icache, options: { banks } }: Timing): Uint8Array {
  const module = new ModuleBuilder();
  module.importMemory('octet', 'memory', { initial: 0 });
  const take = module.function(['i32', 'i32', 'i32'], ['i32']);
  if (banks) emitTake(take, banks);
  else take.i32(0);
  const fetch = module.function(['i32', 'i32'], ['i32']);
  emitFetch(fetch, icache);
  module.export('take', 'function', take.index);
  module.export('fetch', 'function', fetch.index);
  return module.encode();
}

function emitTake(f: FunctionBuilder, banks: Banks): void {
  const [state, address, from] = [0, 1, 2];
  const [cycle, at, used, bit] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  f.get(from).set(cycle);
  const done = f.block();
  const next = f.loop();
  f.get(cycle).i32(0).memory(i32.load, banks.start, 2).op(i32.sub).i32(RING_CYCLES).op(i32.geU).brIf(done);
  pushPlace(f, banks, cycle, address);
  f.tee(at).memory(i32.load, banks.ring, 2).tee(used);
  pushBit(f, banks, address);
  f.tee(bit).op(i32.and).if();
  f.get(cycle).i32(1).op(i32.add).set(cycle).br(next);
  f.end();
  f.get(at).get(used).get(bit).op(i32.or).memory(i32.store, banks.ring, 2);
  f.end();
  f.end();
  emitAdd(f, state, word.tcdmStall, () => f.get(cycle).get(from).op(i32.sub));
  f.get(cycle).get(from).op(i32.sub);
}

/** As `Icache.fetch` does it. */
function emitFetch(f: FunctionBuilder, { config, setMask, lines, next }: Timing['icache']): void {
  const [state, line] = [0, 1];
  const { ways, l0Lines, l0MissCycles, l0PrefetchedCycles, refillCycles } = config;
  const [stall, at, way] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const pushEntry = (push: () => void): void => {
    push();
    f.i32(l0Lines - 1)
      .op(i32.and)
      .i32(2)
      .op(i32.shl)
      .get(state)
      .op(i32.add);
  };
  const pushBefore = (): void => void f.get(line).i32(1).op(i32.sub);
  f.i32(l0PrefetchedCycles).i32(l0MissCycles);
  pushEntry(pushBefore);
  f.memory(i32.load, 4 * word.l0, 2);
  pushBefore();
  f.op(i32.eq).op(control.select).set(stall);
  pushEntry(() => f.get(line));
  f.get(line).memory(i32.store, 4 * word.l0, 2);
  f.get(line)
    .i32(setMask)
    .op(i32.and)
    .i32(4 * ways)
    .op(i32.mul)
    .set(at);
  const found = f.block();
  for (let i = 0; i < ways; i++)
    f.get(at)
      .memory(i32.load, lines + 4 * i, 2)
      .get(line)
      .op(i32.eq)
      .brIf(found);
  const pushNext = (): void => void f.get(line).i32(setMask).op(i32.and).i32(2).op(i32.shl);
  pushNext();
  f.memory(i32.load, next, 2).set(way);
  f.get(at).get(way).i32(2).op(i32.shl).op(i32.add).get(line).memory(i32.store, lines, 2);
  pushNext();
  f.get(way).i32(1).op(i32.add).i32(ways).op(i32.remU).memory(i32.store, next, 2);
  f.get(stall).i32(refillCycles).op(i32.add).set(stall);
  emitAdd(f, state, word.icacheMisses, () => f.i32(1));
  f.end();
  emitAdd(f, state, word.fetches, () => f.i32(1));
  emitAdd(f, state, word.fetchStall, () => f.get(stall));
  f.get(stall);
}
