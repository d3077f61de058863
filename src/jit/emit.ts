/**
 * A region of guest code as one WebAssembly function `(state, way) -> why it left`: guest registers in locals,
 * structured control flow, an exact instruction budget (translator specification §6).
 */
import { word } from '../hart/words.ts';
import type { LoopRegister } from '../isa/insn.ts';
import { FunctionBuilder, type Label, ModuleBuilder } from '../wasm/encode.ts';
import { i32, i64 } from '../wasm/opcodes.ts';
import type { Block, Region, Step } from './blocks.ts';
import { type Frame, Lowering, type MemoryPlan } from './lower.ts';
import { type Budget, planBudget } from './budget.ts';
import { DISPATCHER } from './graph.ts';
import { type Charge, chargeOf, minus, NOTHING, planCharges, plus, stallOf } from './charges.ts';
import { structure, type Structure } from './structure.ts';
import { emitCharge, TimedCode, type TimedFrame, type TimingPlan } from './timed.ts';

/** Offsets in bytes within a hart's state block. */
export const state = {
  x: 4 * word.x,
  pc: 4 * word.pc,
  left: 4 * word.left,
  loops: 4 * word.loops,
  stalls: 4 * word.stall,
  more: 4 * word.moreCounts,
  end: 4 * word.end,
} as const;

/** Why a region returned; pc and left are stored. */
export const left = {
  /** The budget does not cover the next block. */
  budget: 0,
  /** The instruction at pc is for the interpreter. */
  interpret: 1,
  /** Control went to code that has no translation. */
  unknown: 2,
} as const;

/** What an access through the imported functions came to. */
export const accessed = {
  done: 0,
  /** To be made by the interpreter. */
  refused: 1,
  /** Done, but the region is to be left after the instruction; the state block holds what is left then. */
  leave: 2,
} as const;

/** The cache of computed jumps: entries of pc and translation, direct-mapped. */
export const JUMP_CACHE_ENTRIES = 1 << 14;

/** Number of table slots and the position of a way in within a translation's number. */
export const WAY_BITS = 12;

export interface EmitOptions {
  readonly memory: MemoryPlan;
  /** Linear offset of the jump cache. */
  readonly jumpCache: number;
  /** The table slot the function will have. */
  readonly slot: number;
  /** Linear offset of two 64-bit counters: stays in the region, and instructions executed in them. */
  readonly stays: number;
  readonly compressed: boolean;
  /** Whether the instruction was found to access other things than main memory. */
  wanders(pc: number): boolean;
  /** Hardware loops follow the older family's rule. */
  readonly olderLoops: boolean;
  /** Cluster timing; undefined in instruction timing. */
  readonly timing: TimingPlan | undefined;
}

export interface Emitted {
  readonly bytes: Uint8Array;
  /** Number of the way in for each guest address. */
  readonly ways: ReadonlyMap<number, number>;
}

/** Emits the module of a region; its export is `run`. */
export function emitRegion(region: Region, options: EmitOptions): Emitted {
  const module = new ModuleBuilder();
  module.importMemory('octet', 'memory', { initial: 0 });
  module.importTable('octet', 'table', { initial: 0 });
  const store = module.importFunction('octet', 'store', ['i32', 'i32', 'i32', 'i32', 'i32'], ['i32']);
  const timing = options.timing && {
    take: module.importFunction('octet', 'take', ['i32', 'i32', 'i32'], ['i32']),
    fetch: module.importFunction('octet', 'fetch', ['i32', 'i32'], ['i32']),
  };
  const type = module.type(['i32', 'i32'], ['i32']);
  const f = module.function(['i32', 'i32'], ['i32']);
  const shape = structure(region, !options.timing);
  new RegionEmitter(f, { type, store, timing }, region, shape, options).emit();
  module.export('run', 'function', f.index);
  return { bytes: module.encode(), ways: shape.ways };
}

/** A module of one function that runs the translation with the given number: one call from JavaScript for all. */
export function emitDriver(): Uint8Array {
  const module = new ModuleBuilder();
  module.importTable('octet', 'table', { initial: 0 });
  const type = module.type(['i32', 'i32'], ['i32']);
  const f = module.function(['i32', 'i32'], ['i32']);
  f.get(0)
    .get(1)
    .i32(2 ** WAY_BITS - 1)
    .op(i32.and);
  f.get(1).i32(WAY_BITS).op(i32.shrU).callIndirect(type);
  module.export('run', 'function', f.index);
  return module.encode();
}

const STATE = 0;
const WAY = 1;
/** Value of WAY that asks the dispatcher to look the pc up. */
const LOOK_UP = -1;

/** The end of a node, and the instructions executed there that the budget has not been charged for, nor the hart. */
interface Then {
  readonly node: number;
  readonly owed: number;
  readonly charge: Charge;
}

/** Indices in the module. */
interface Indices {
  readonly type: number;
  readonly store: number;
  readonly timing: { readonly take: number; readonly fetch: number } | undefined;
}

const LOOP_REGISTERS: readonly LoopRegister[] = ['start', 'last', 'count'];

class RegionEmitter implements Frame {
  readonly f: FunctionBuilder;
  readonly memory: MemoryPlan;
  readonly compressed: boolean;
  readonly timed: TimedCode | undefined;
  readonly #timedFrame: TimedFrame | undefined;
  readonly #indices: Indices;
  readonly #region: Region;
  readonly #shape: Structure;
  readonly #options: EmitOptions;
  readonly #budgets: Budget;
  /** What each node begins with that the hart has not been charged for. */
  readonly #charges: readonly Charge[] | undefined;
  /** Nodes whose first line is that of whatever comes before. */
  readonly #sameLine: ReadonlySet<number>;
  readonly #registers = new Map<number, number>();
  readonly #written = new Set<number>();
  readonly #loops = new Map<number, number>();
  readonly #temporaries: number[] = [];
  readonly #temporaries64: number[] = [];
  #temporary = 0;
  #temporary64 = 0;
  readonly #left: number;
  readonly #pc: number;
  readonly #why: number;
  readonly #owed: number;
  readonly #resume: number;
  /** With `#owed`: amounts to be charged for on the way out. */
  readonly #owedStalls: number = -1;
  readonly #owedMore: number = -1;
  readonly #labels = new Map<number, { loop?: Label; block?: Label }>();
  /** Where all leave: with pc and why set; and, with `owed` instructions to be charged for, by these two. */
  #leave!: Label;
  #slow!: Label;
  #budget!: Label;
  #chain!: Label;
  /** The instruction being lowered, and how many executed before it the budget has not been charged for. */
  #present = { pc: 0, following: 0, owed: 0, last: false, charge: NOTHING, own: NOTHING };

  constructor(f: FunctionBuilder, indices: Indices, region: Region, shape: Structure, options: EmitOptions) {
    this.f = f;
    this.#indices = indices;
    this.#region = region;
    this.#shape = shape;
    this.#options = options;
    this.memory = options.memory;
    this.compressed = options.compressed;
    this.#budgets = planBudget(shape, (node) => {
      const kind = shape.nodes[node];
      return kind.kind === 'block' ? region.blocks[kind.block].steps.length : 0;
    });
    this.#left = f.local('i32');
    this.#pc = f.local('i32');
    this.#why = f.local('i32');
    this.#owed = f.local('i32');
    this.#resume = f.local('i32');
    const { timing } = options;
    if (!timing || !indices.timing) {
      this.#sameLine = new Set();
      return;
    }
    this.#timedFrame = {
      f,
      state: STATE,
      left: this.#left,
      stalls: f.local('i64'),
      more: f.local('i64'),
      end: f.local('i32'),
      ...indices.timing,
      temporary: () => this.temporary(),
    };
    this.#owedStalls = f.local('i64');
    this.#owedMore = f.local('i64');
    this.timed = new TimedCode(timing.timing, this.#timedFrame);
    this.#charges = planCharges(shape, this.#budgets.fresh, (node) =>
      this.#stepsOf(node).reduce((sum, step) => plus(sum, this.#chargeOf(step)), NOTHING),
    );
    this.#sameLine = this.#findSameLines();
  }

  #stepsOf(node: number): readonly Step[] {
    const kind = this.#shape.nodes[node];
    return kind.kind === 'block' ? this.#region.blocks[kind.block].steps : [];
  }

  /** What the instruction costs whatever happens; nothing in instruction timing. */
  #chargeOf(step: Step): Charge {
    const { timing } = this.#options;
    if (!timing) return NOTHING;
    const dynamic = this.#options.wanders(step.pc) || this.memory.loadMap !== undefined;
    return chargeOf(step, timing.cost(step.pc), timing.timing, dynamic);
  }

  #lineOf(pc: number): number {
    return pc >>> this.timed!.timing.icache.lineBits;
  }

  /** The line of the instruction before is in the hart's cache: a node that only such lead to need not look. */
  #findSameLines(): Set<number> {
    const { nodes, successors, order } = this.#shape;
    const same = new Set(nodes.keys());
    for (const [from, list] of successors.entries()) {
      if (order[from] < 0) continue;
      const last = this.#stepsOf(from).at(-1);
      for (const to of list) {
        const [first] = this.#stepsOf(to);
        if (!last || !first || this.#lineOf(last.pc) !== this.#lineOf(first.pc)) same.delete(to);
      }
    }
    return same;
  }

  emit(): void {
    const { f } = this;
    this.#loadState();
    this.#leave = f.block();
    this.#slow = f.block();
    this.#budget = f.block();
    this.#chain = f.block();
    this.#node(0);
    f.end();
    f.i32(left.unknown).set(this.#why).br(this.#leave);
    f.end();
    this.#payOwed();
    f.i32(left.budget).set(this.#why).br(this.#leave);
    f.end();
    this.#payOwed();
    f.i32(left.interpret).set(this.#why);
    f.end();
    this.#storeState();
    this.#finish();
  }

  /** Charges for what `#rewind` has noted. */
  #payOwed(): void {
    const { f } = this;
    f.get(this.#left).get(this.#owed).op(i32.sub).set(this.#left);
    if (!this.#timedFrame) return;
    const { stalls, more } = this.#timedFrame;
    f.get(stalls).get(this.#owedStalls).op(i64.add).set(stalls);
    f.get(more).get(this.#owedMore).op(i64.add).set(more);
  }

  // Frame

  register(index: number): number {
    return this.#registers.get(index)!;
  }
  loop(loop: number, register: LoopRegister): number {
    return this.#loops.get(3 * loop + LOOP_REGISTERS.indexOf(register))!;
  }
  temporary(): number {
    return (this.#temporaries[this.#temporary++] ??= this.f.local('i32'));
  }
  temporary64(): number {
    return (this.#temporaries64[this.#temporary64++] ??= this.f.local('i64'));
  }
  interpret(): void {
    this.#rewind(this.#present.pc, this.#present.owed, this.#present.charge);
    this.f.br(this.#slow);
  }
  interpretIf(): void {
    this.#rewind(this.#present.pc, this.#present.owed, this.#present.charge);
    this.f.brIf(this.#slow);
  }
  get wanders(): boolean {
    return this.#options.wanders(this.#present.pc);
  }
  get storesElsewhere(): boolean {
    return this.#present.last;
  }
  storeElsewhere(address: number, bytes: number, value: () => void): void {
    const { f } = this;
    const { pc, following, owed, own } = this.#present;
    const result = this.temporary();
    this.#storeSums();
    f.get(address).i32(bytes);
    value();
    f.i32(pc).get(this.#left).i32(owed).op(i32.sub).call(this.#indices.store).tee(result);
    f.if();
    f.get(result).i32(accessed.refused).op(i32.eq);
    f.if();
    if (this.#timedFrame) {
      // All is charged for, and may have been settled.
      f.get(STATE).memory(i32.load, state.left, 2).set(this.#left);
      this.#loadSums(NOTHING);
      this.#rewind(pc, 0, NOTHING);
      f.br(this.#slow);
    } else this.interpret();
    f.end();
    f.get(STATE).memory(i32.load, state.left, 2).set(this.#left);
    this.#loadSums(own);
    this.#leaveAt(following, left.interpret);
    f.end();
    this.#loadSums(minus(NOTHING, this.#present.charge));
  }

  /** Stores the sums, with what has not been charged for, where the hart finds them. */
  #storeSums(): void {
    if (!this.#timedFrame) return;
    const { f } = this;
    const { stalls, more } = this.#timedFrame;
    const { charge } = this.#present;
    f.get(STATE)
      .get(stalls)
      .i64(BigInt.asIntN(64, charge.stalls))
      .op(i64.add)
      .memory(i64.store, state.stalls, 3);
    f.get(STATE).get(more).i64(BigInt.asIntN(64, charge.more)).op(i64.add).memory(i64.store, state.more, 3);
  }

  /** Takes back the sums that the hart has added to, plus a charge. */
  #loadSums(charge: Charge): void {
    if (!this.#timedFrame) return;
    const { f } = this;
    const { stalls, more } = this.#timedFrame;
    f.get(STATE).memory(i64.load, state.stalls, 3).set(stalls);
    f.get(STATE).memory(i64.load, state.more, 3).set(more);
    emitCharge(this.#timedFrame, charge);
  }

  // State

  #loadState(): void {
    const { f } = this;
    const used = new Set<number>();
    let loops = false;
    for (const { steps, end } of this.#region.blocks) {
      if (end.kind === 'loop') loops = true;
      for (const { effects } of steps) {
        for (const r of effects.reads) used.add(r);
        for (const r of effects.writes) {
          used.add(r);
          this.#written.add(r);
        }
        if (effects.loop) loops = true;
      }
    }
    const load = (offset: number): number => {
      const local = f.local('i32');
      f.get(STATE).memory(i32.load, offset, 2).set(local);
      return local;
    };
    for (const r of used) this.#registers.set(r, load(state.x + 4 * r));
    if (loops) for (let i = 0; i < 6; i++) this.#loops.set(i, load(state.loops + 4 * i));
    f.get(STATE).memory(i32.load, state.left, 2).set(this.#left);
    if (!this.#timedFrame) return;
    this.#loadSums(NOTHING);
    f.get(STATE).memory(i32.load, state.end, 2).set(this.#timedFrame.end);
  }

  #storeState(): void {
    const { f } = this;
    const store = (offset: number, local: number): void => {
      f.get(STATE).get(local).memory(i32.store, offset, 2);
    };
    for (const r of this.#written) store(state.x + 4 * r, this.register(r));
    for (const [i, local] of this.#loops) store(state.loops + 4 * i, local);
    this.#count(this.#options.stays, () => f.i64(1n));
    // The state still holds the budget on entry.
    this.#count(this.#options.stays + 8, () =>
      f.get(STATE).memory(i32.load, state.left, 2).get(this.#left).op(i32.sub).op(i64.extendI32S),
    );
    if (this.#timedFrame) {
      f.get(STATE).get(this.#timedFrame.stalls).memory(i64.store, state.stalls, 3);
      f.get(STATE).get(this.#timedFrame.more).memory(i64.store, state.more, 3);
    }
    store(state.left, this.#left);
    store(state.pc, this.#pc);
  }

  /** Adds to a 64-bit counter. */
  #count(offset: number, value: () => void): void {
    const { f } = this;
    f.i32(0).i32(0).memory(i64.load, offset, 3);
    value();
    f.op(i64.add).memory(i64.store, offset, 3);
  }

  /** Continues in another translation where there is one, else returns why. */
  #finish(): void {
    const { f } = this;
    const entry = this.temporary();
    f.get(this.#why).i32(left.unknown).op(i32.eq);
    f.if();
    this.#pushCached(entry);
    f.if();
    f.get(STATE)
      .get(entry)
      .i32(2 ** WAY_BITS - 1)
      .op(i32.and);
    f.get(entry).i32(WAY_BITS).op(i32.shrU).returnCallIndirect(this.#indices.type);
    f.end();
    f.end();
    f.get(this.#why);
  }

  /** Pushes whether the jump cache knows `pc`, and sets `entry` to its translation. */
  #pushCached(entry: number): void {
    const { f } = this;
    const at = this.temporary();
    f.get(this.#pc)
      .i32(2)
      .op(i32.shl)
      .i32((JUMP_CACHE_ENTRIES - 1) << 3)
      .op(i32.and)
      .tee(at);
    f.memory(i32.load, this.#options.jumpCache + 4, 2).set(entry);
    f.get(at).memory(i32.load, this.#options.jumpCache, 2).get(this.#pc).op(i32.eq);
  }

  /** Says where to go on when leaving by `slow` or `budget`; without cost where that does not happen. */
  #rewind(pc: number, owed: number, { stalls, more }: Charge): void {
    this.f.i32(pc).set(this.#pc).i32(owed).set(this.#owed);
    if (!this.#timedFrame) return;
    this.f.i64(BigInt.asIntN(64, stalls)).set(this.#owedStalls);
    this.f.i64(BigInt.asIntN(64, more)).set(this.#owedMore);
  }

  /** Charges the budget, and the hart. */
  #charge(instructions: number, charge: Charge): void {
    if (instructions !== 0) this.f.get(this.#left).i32(instructions).op(i32.sub).set(this.#left);
    if (this.#timedFrame) emitCharge(this.#timedFrame, charge);
  }

  #leaveAt(pc: number, why: number): void {
    this.f.i32(pc).set(this.#pc).i32(why).set(this.#why).br(this.#leave);
  }

  // Structure

  #node(node: number): void {
    const { f } = this;
    const { isHeader, isMerge, dominated } = this.#shape;
    const labels: { loop?: Label; block?: Label } = this.#labels.get(node) ?? {};
    this.#labels.set(node, labels);
    if (isHeader[node]) labels.loop = f.loop();
    const merges = dominated[node].filter((child) => isMerge[child]);
    for (const child of merges.toReversed()) this.#labels.set(child, { block: f.block() });
    this.#body(node);
    for (const child of merges) {
      f.end();
      this.#node(child);
    }
    if (isHeader[node]) f.end();
  }

  #body(node: number): void {
    const kind = this.#shape.nodes[node];
    const { f } = this;
    switch (kind.kind) {
      case 'dispatcher':
        return this.#dispatch();
      case 'block':
        return this.#block(node, this.#region.blocks[kind.block]);
      case 'resume':
        f.i32(this.#shape.loops.get(kind.loop)!.number).set(this.#resume);
        return this.#go(node, this.#shape.successors[node][0]);
      case 'door':
        return this.#door(node, kind.header);
    }
  }

  /** Branches on WAY; LOOK_UP finds the way for pc first, or leaves the region. */
  #dispatch(): void {
    const { f } = this;
    const ways = this.#shape.successors[0].map((node) => this.#labels.get(node)!.block!);
    const entry = this.temporary();
    f.get(WAY).i32(LOOK_UP).op(i32.eq);
    f.if();
    this.#pushCached(entry);
    f.op(i32.eqz).brIf(this.#chain);
    f.get(entry).i32(WAY_BITS).op(i32.shrU).i32(this.#options.slot).op(i32.ne).brIf(this.#chain);
    f.get(entry)
      .i32(2 ** WAY_BITS - 1)
      .op(i32.and)
      .set(WAY);
    f.end();
    f.get(WAY).brTable(ways.slice(0, -1), ways[ways.length - 1]);
    this.#temporary = 0;
  }

  /** In front of a loop that holds others: where an execution is resumed inside, leads there. */
  #door(node: number, header: number): void {
    const { f } = this;
    const { loops } = this.#shape;
    f.get(this.#resume);
    f.if();
    for (const child of loops.get(header)!.children) {
      const { number, lastInside, entry } = loops.get(child)!;
      f.get(this.#resume)
        .i32(number)
        .op(i32.sub)
        .i32(lastInside - number)
        .op(i32.leU);
      f.if();
      // The loop meant is reached where no door stands in front of it, or its own number is asked for.
      f.get(this.#resume).i32(number).op(i32.eq);
      f.if();
      f.i32(0).set(this.#resume);
      f.end();
      this.#go(node, entry);
      f.end();
    }
    f.i32(0).set(this.#resume);
    f.end();
    this.#go(node, header);
  }

  #block(node: number, { start, steps, end }: Block): void {
    const { f } = this;
    const count = steps.length;
    const owed = this.#budgets.owed[node];
    const needed = this.#budgets.needed[node];
    let charge = this.#charges?.[node] ?? NOTHING;
    if (needed > 0) {
      f.get(this.#left)
        .i32(owed + needed)
        .op(i32.ltS);
      this.#rewind(start, owed, charge);
      f.brIf(this.#budget);
    }
    let before = this.#sameLine.has(node) ? steps.at(0)?.pc : undefined;
    steps.forEach((step, i) => {
      this.#step(step, owed + i, end.kind === 'loop' && i === count - 1, charge, before);
      charge = plus(charge, this.#present.own);
      before = step.pc;
    });
    const last = steps[count - 1];
    const then = { node, owed: owed + count, charge };
    switch (end.kind) {
      case 'goto':
        return this.#goto(then, end.target);
      case 'branch':
        return this.#branch(then, end.taken, end.following);
      case 'indirect':
        f.set(this.#pc);
        for (const target of end.likely) {
          if (!this.#shape.targets[node].has(target)) continue;
          f.get(this.#pc).i32(target).op(i32.eq).if();
          this.#goto(then, target);
          f.end();
        }
        return this.#lookUp(then);
      case 'loop':
        return this.#loopEnd(then, last.pc, end.start, end.following);
      case 'leave':
        this.#charge(then.owed, then.charge);
        return this.#leaveAt(end.pc, left.interpret);
    }
  }

  /** @param charge what the hart has not been charged for @param before an address on the line fetched last, if known */
  #step(step: Step, owed: number, endsLoop: boolean, charge: Charge, before: number | undefined): void {
    const { pc, decoded, effects } = step;
    // A hardware loop may end with the instruction: what follows it is for the interpreter to say.
    const last = effects.writes.size === 0 && !endsLoop;
    const own = this.#chargeOf(step);
    this.#present = { pc, following: (pc + decoded.bytes) | 0, owed, last, charge, own };
    this.#temporary = 0;
    this.#temporary64 = 0;
    if (this.timed) {
      this.timed.present = { owed, charge, costs: this.#options.timing?.cost(pc) ?? 0 };
      if (before === undefined || this.#lineOf(before) !== this.#lineOf(pc))
        this.timed.fetch(this.#lineOf(pc));
    }
    decoded.insn.semantics(new Lowering(this, step));
  }

  /** Goes to a guest address: within the region, or out of it. */
  #goto({ node, owed, charge }: Then, pc: number): void {
    const target = this.#shape.targets[node].get(pc);
    const { f } = this;
    if (target === undefined) {
      this.#charge(owed, charge);
      f.i32(pc).set(this.#pc).br(this.#chain);
    } else if (target === DISPATCHER) {
      this.#charge(owed, charge);
      f.i32(this.#shape.ways.get(pc)!).set(WAY).br(this.#labels.get(0)!.loop!);
    } else {
      this.#charge(owed - this.#budgets.owed[target], minus(charge, this.#charges?.[target] ?? NOTHING));
      const turn = this.#shape.idle.get(target);
      if (turn !== undefined && this.#shape.order[target] <= this.#shape.order[node]) {
        f.get(this.#left).i32(turn).op(i32.remU).set(this.#left); // all further turns of the slice at once
      }
      this.#go(node, target);
    }
  }

  /** The condition is on the stack. */
  #branch(then: Then, taken: number, following: number): void {
    const extra = stallOf(this.timed?.timing.branchTaken ?? 0);
    this.f.if();
    this.#goto({ ...then, charge: plus(then.charge, extra) }, taken);
    this.f.end();
    this.#goto(then, following);
  }

  #lookUp({ owed, charge }: Then): void {
    this.#charge(owed, charge);
    this.f.i32(LOOK_UP).set(WAY).br(this.#labels.get(0)!.loop!);
  }

  /** Follows an edge of the graph: a branch to an open label, or the target written in place. */
  #go(from: number, to: number): void {
    const { order, isMerge } = this.#shape;
    const { loop, block } = this.#labels.get(to) ?? {};
    if (order[to] <= order[from]) this.f.br(loop!);
    else if (isMerge[to]) this.f.br(block!);
    else this.#node(to);
  }

  /** What the interpreter does after the last instruction of a loop body (src/hart/loops.ts). */
  #loopEnd(then: Then, pc: number, start: number, following: number): void {
    const { f } = this;
    const { olderLoops } = this.#options;
    for (const loop of [0, 1]) {
      const [first, last, count] = LOOP_REGISTERS.map((name) => this.loop(loop, name));
      // The older family keeps a count of 1 at the end, and then an outer loop may end here too.
      f.get(last).i32(pc).op(i32.eq);
      f.get(count)
        .i32(olderLoops ? 1 : 0)
        .op(i32.gtU)
        .op(i32.and);
      f.if();
      f.get(count).i32(1).op(i32.sub).tee(count);
      f.if();
      f.get(first).i32(start).op(i32.eq);
      f.if();
      this.#goto(then, start);
      f.end();
      f.get(first).set(this.#pc);
      this.#lookUp(then);
      f.end();
      this.#goto(then, following);
      f.end();
    }
    this.#goto(then, following);
  }
}
