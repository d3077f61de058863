/** Guest code around a hot address as basic blocks, found by following its static control flow. */
import type { CodeCache } from '../hart/code-cache.ts';
import type { Decoded } from '../isa/decode.ts';
import { effectsOf, type Effects } from './flow.ts';

export interface Step {
  readonly pc: number;
  readonly decoded: Decoded;
  readonly effects: Effects;
}

/** How a block ends; all targets are guest addresses. */
export type End =
  | { readonly kind: 'goto'; readonly target: number }
  | { readonly kind: 'branch'; readonly taken: number; readonly following: number }
  | { readonly kind: 'indirect' }
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

/** Instructions of one block at most: longer straight code is cut. */
const BLOCK_STEPS = 200;

/**
 * Follows control flow from `root` until `maxBlocks` block starts are known, along jumps to warm places only.
 * Undefined where nothing can be translated.
 */
export function discover(
  root: number,
  scan: Scan,
  profile: Profile,
  maxBlocks: number,
  isWarm: (pc: number) => boolean,
): Region | undefined {
  const starts = new Set([root]);
  const entries = new Set([root]);
  const order = [root];
  const follow = (pc: number): void => {
    if (starts.size >= maxBlocks || starts.has(pc)) return;
    starts.add(pc);
    order.push(pc);
  };
  const add = (pc: number): void => {
    if (isWarm(pc)) follow(pc);
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
  const blocks = [...starts].map((start) => block(start, starts, scan)).filter((b) => b.steps.length > 0);
  if (!blocks.some((b) => b.start === root)) return undefined;
  const present = new Set(blocks.map((b) => b.start));
  return { blocks, entries: new Set([...entries].filter((pc) => present.has(pc))) };
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

function block(start: number, starts: ReadonlySet<number>, scan: Scan): Block {
  const steps = scan.from(start, (pc) => starts.has(pc));
  const last = steps.at(-1);
  if (!last) return { start, steps, end: { kind: 'leave', pc: start } };
  const following = (last.pc + last.decoded.bytes) | 0;
  return { start, steps, end: endOf(last, following, starts, scan) };
}

function endOf(last: Step, following: number, starts: ReadonlySet<number>, scan: Scan): End {
  const { flow } = last.effects;
  if (flow.kind === 'branch') return { kind: 'branch', taken: flow.target, following };
  if (flow.kind === 'jump') return { kind: 'goto', target: flow.target };
  if (flow.kind === 'indirect') return { kind: 'indirect' };
  const loopStart = scan.loopStart(last.pc);
  if (loopStart !== undefined) return { kind: 'loop', start: loopStart, following };
  const next = scan.step(following);
  if (!starts.has(following) && (!next || next.effects.flow.kind === 'interpret')) {
    return { kind: 'leave', pc: following };
  }
  return { kind: 'goto', target: following };
}
