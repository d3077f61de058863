/** Guest code around a hot address as basic blocks, found by following its static control flow. */
import type { CodeCache } from '../hart/code-cache.ts';
import type { Decoded } from '../isa/decode.ts';
import { effectsOf, type Effects } from './flow.ts';
import { reach } from './reach.ts';

export interface Step {
  readonly pc: number;
  readonly decoded: Decoded;
  readonly effects: Effects;
}

/** How a block ends; all targets are guest addresses. */
export type End =
  | { readonly kind: 'goto'; readonly target: number }
  | { readonly kind: 'branch'; readonly taken: number; readonly following: number }
  /** A computed jump, and where it has led while that is to few places. */
  | { readonly kind: 'indirect'; readonly likely: readonly number[] }
  /** The last instruction may end a hardware loop whose body starts at `start`. */
  | { readonly kind: 'loop'; readonly start: number; readonly following: number }
  /** The instruction at `pc` is for the interpreter. */
  | { readonly kind: 'leave'; readonly pc: number };

export interface Block {
  readonly start: number;
  readonly steps: readonly Step[];
  readonly end: End;
}

/** What the interpreter has seen of the program. */
export interface Profile {
  /** How often control jumped to the address. */
  heat(pc: number): number;
  /** Whether a computed jump led to the address. */
  indirectTarget(pc: number): boolean;
  /** Where the computed jump at `pc` led. */
  targetsOf(pc: number): Iterable<number>;
  /** Whether a hardware loop may end with the instruction at `pc`. */
  loopEnd(pc: number): boolean;
}

export interface Region {
  readonly blocks: readonly Block[];
  /** Starts of blocks that may be entered from outside or by a computed jump. */
  readonly entries: ReadonlySet<number>;
}

/** Targets of a computed jump that are tried one by one before it is looked up. */
const LIKELY = 2;

/** Instructions of one block at most: longer straight code is cut. */
const BLOCK_STEPS = 200;

/** What a region is to hold. */
export interface Scope {
  readonly maxBlocks: number;
  /** Whether a jump to the address is worth following. */
  warm(pc: number): boolean;
  /** Whether the address is left to another translation. */
  outside(pc: number): boolean;
  /** The region is entered at its root alone. */
  readonly leads: boolean;
}

/** Follows control flow from `root`. Undefined where nothing can be translated. */
export function discover(root: number, scan: Scan, profile: Profile, scope: Scope): Region | undefined {
  const starts = new Set([root]);
  const entries = new Set<number>();
  const order = [root];
  const follow = (pc: number): void => {
    if (starts.size >= scope.maxBlocks || starts.has(pc) || scope.outside(pc)) return;
    starts.add(pc);
    order.push(pc);
  };
  const add = (pc: number): void => {
    if (scope.warm(pc)) follow(pc);
  };
  for (const start of order) {
    const steps = scan.from(start);
    if (steps.length === 0) continue;
    const last = steps[steps.length - 1];
    const following = (last.pc + last.decoded.bytes) | 0;
    const { flow, links } = last.effects;
    if (flow.kind === 'branch') {
      follow(following);
      add(flow.target);
    } else if (flow.kind === 'jump') {
      add(flow.target);
      if (links && starts.has(flow.target)) entries.add(flow.target); // a function others may call too
    } else if (flow.kind === 'indirect') {
      for (const target of profile.targetsOf(last.pc)) {
        add(target);
        if (starts.has(target)) entries.add(target);
      }
    } else {
      follow(following);
    }
    if (links) {
      add(following);
      if (starts.has(following)) entries.add(following);
    }
    const loopStart = scan.loopStart(last.pc);
    if (loopStart !== undefined) follow(loopStart);
  }
  for (const pc of starts) if (profile.indirectTarget(pc)) entries.add(pc);
  const blocks = [...starts]
    .map((start) => block(start, starts, scan, profile))
    .filter((b) => b.steps.length > 0);
  if (!blocks.some((b) => b.start === root)) return undefined;
  if (scope.leads) return { blocks, entries: new Set([root]) };
  const present = new Set(blocks.map((b) => b.start));
  const known = [...entries].filter((pc) => present.has(pc));
  return { blocks, entries: enterAll(blocks, known) };
}

/**
 * The entries, and more where they do not lead to every block: the first block of code that nothing leads to, and of a
 * loop its first block by address, as compilers lay loops out. An entry in the middle would spoil the loop's shape.
 */
function enterAll(blocks: readonly Block[], entries: readonly number[]): Set<number> {
  const byStart = new Map(blocks.map((b) => [b.start, b]));
  const next = (pc: number): number[] => targetsOf(byStart.get(pc)!).filter((to) => byStart.has(to));
  const all = new Set(entries);
  const reached = new Set(reach(all, next));
  const before = new Map<number, number[]>();
  for (const { start } of blocks)
    for (const to of next(start)) before.set(to, [...(before.get(to) ?? []), start]);
  for (const { start } of blocks) {
    if (reached.has(start)) continue;
    // Against the flow to where it begins: the blocks that lead here and that nothing else leads to.
    let first = start;
    for (;;) {
      const behind = reach([first], (pc) => before.get(pc) ?? []);
      const cycle = new Set(reach([first], next));
      const outside = behind.find((pc) => !cycle.has(pc));
      if (outside === undefined) {
        first = behind.reduce((low, pc) => (pc >>> 0 < low >>> 0 ? pc : low));
        break;
      }
      first = outside;
    }
    all.add(first);
    for (const pc of reach([first], next)) reached.add(pc);
  }
  return all;
}

/** Guest addresses that the end of a block leads to, as far as they are known. */
export function targetsOf({ end }: Block): readonly number[] {
  switch (end.kind) {
    case 'goto':
      return [end.target];
    case 'branch':
      return [end.taken, end.following];
    case 'loop':
      return [end.start, end.following];
    case 'indirect':
      return end.likely;
    default:
      return [];
  }
}

/** Straight-line runs of instructions, each decoded once; to be made anew when code changes. */
export class Scan {
  readonly #cache: CodeCache;
  readonly #profile: Profile;
  readonly #steps = new Map<number, Step | undefined>();
  /** Starts of hardware loops by their last instruction, as far as their set-up has been seen. */
  readonly #loopStarts = new Map<number, number>();

  constructor(cache: CodeCache, profile: Profile) {
    this.#cache = cache;
    this.#profile = profile;
  }

  /** Start of the body of the hardware loop that may end at `pc`; a guess where its set-up has not been seen. */
  loopStart(pc: number): number | undefined {
    return this.#profile.loopEnd(pc) ? (this.#loopStarts.get(pc) ?? pc) : undefined;
  }

  step(pc: number): Step | undefined {
    if (this.#steps.has(pc)) return this.#steps.get(pc);
    const decoded = this.#cache.decoded(pc);
    const step = decoded && { pc, decoded, effects: this.#effects(decoded, pc) };
    this.#steps.set(pc, step);
    return step;
  }

  /** A loop whose end no engine watches yet is set up by the interpreter, which then watches it. */
  #effects(decoded: Decoded, pc: number): Effects {
    const effects = effectsOf(decoded, pc, this.#cache.isa.has('c'));
    const { loop } = effects;
    if (this.#cache.isMarked(pc)) return { ...effects, flow: { kind: 'interpret' } };
    if (!loop) return effects;
    if (!this.#profile.loopEnd(loop.last)) return { ...effects, flow: { kind: 'interpret' } };
    this.#loopStarts.set(loop.last, loop.start);
    return effects;
  }

  /** The instructions from `pc` up to and including the one that ends the block; those of the interpreter are left out. */
  from(pc: number, isStart: (pc: number) => boolean = () => false): Step[] {
    const steps: Step[] = [];
    for (let at = pc; steps.length < BLOCK_STEPS;) {
      const step = this.step(at);
      if (!step || step.effects.flow.kind === 'interpret') break;
      steps.push(step);
      if (step.effects.flow.kind !== 'next' || this.#profile.loopEnd(at)) break;
      at = (at + step.decoded.bytes) | 0;
      if (isStart(at)) break;
    }
    return steps;
  }
}

function block(start: number, starts: ReadonlySet<number>, scan: Scan, profile: Profile): Block {
  const steps = scan.from(start, (pc) => starts.has(pc));
  const last = steps.at(-1);
  if (!last) return { start, steps, end: { kind: 'leave', pc: start } };
  const following = (last.pc + last.decoded.bytes) | 0;
  return { start, steps, end: endOf(last, following, starts, scan, profile) };
}

function endOf(
  last: Step,
  following: number,
  starts: ReadonlySet<number>,
  scan: Scan,
  profile: Profile,
): End {
  const { flow } = last.effects;
  if (flow.kind === 'branch') return { kind: 'branch', taken: flow.target, following };
  if (flow.kind === 'jump') return { kind: 'goto', target: flow.target };
  if (flow.kind === 'indirect') {
    const targets = [...profile.targetsOf(last.pc)];
    return { kind: 'indirect', likely: targets.length <= LIKELY ? targets : [] };
  }
  const loopStart = scan.loopStart(last.pc);
  if (loopStart !== undefined) return { kind: 'loop', start: loopStart, following };
  const next = scan.step(following);
  if (!starts.has(following) && (!next || next.effects.flow.kind === 'interpret')) {
    return { kind: 'leave', pc: following };
  }
  return { kind: 'goto', target: following };
}
