/** Static memory allocation in DRAM: lifetimes of activations, and one fixed place for each, reusing dead bytes. */
import { DeployError } from '../../errors.ts';
import { inputsOf, type Program } from '../passes/steps.ts';
import type { TiledProgram } from '../tile/tile.ts';
import { layouts, roundUp, type Layout } from '../tile/layout.ts';

/** Alignment of activations, bytes: the DMA's bus width. */
export const DRAM_ALIGNMENT = 64;

/** What stays readable after the run: nothing but outputs, the norms' outputs, everything, or tensors by name. */
export type Keep = 'none' | 'layers' | 'all' | readonly string[];

/** Steps during which a buffer holds data: from the step that writes it to the last one that reads it. */
export interface Lifetime {
  readonly name: string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** A buffer at `offset` bytes from the start of the activation arena. */
export interface Placed extends Lifetime {
  readonly offset: number;
}

export interface Allocation {
  readonly layouts: ReadonlyMap<string, Layout>;
  /** Activations in the arena, by tensor name. Inputs and outputs of the network have symbols of their own. */
  readonly arena: ReadonlyMap<string, Placed>;
  readonly arenaBytes: number;
  readonly kept: readonly string[];
}

/** Lifetimes of all activations that are neither inputs nor outputs of the network; kept ones never die. */
export function lifetimes(program: Program, keep: ReadonlySet<string>): Lifetime[] {
  const forms = layouts(program);
  const { steps, views } = program;
  const outside = new Set([...program.inputs, ...program.outputs]);
  const held = (name: string): string => views.get(name) ?? name;
  const lastRead = new Map(
    steps.flatMap((step, i) => inputsOf(step).map((name) => [held(name), i] as const)),
  );
  return steps.flatMap(({ output }, first) => {
    const form = forms.get(output);
    if (!form || outside.has(output)) return [];
    const last = keep.has(output) ? Infinity : (lastRead.get(output) ?? first);
    return [{ name: output, bytes: roundUp(form.bytes, DRAM_ALIGNMENT), first, last }];
  });
}

const meet = (a: Lifetime, b: Lifetime): boolean => a.first <= b.last && b.first <= a.last;

/** Places the largest buffers first, each at the lowest offset free of every placed buffer alive at the same time. */
export function place(buffers: readonly Lifetime[]): Placed[] {
  const placed: Placed[] = [];
  for (const buffer of [...buffers].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const rivals = placed.filter((other) => meet(buffer, other)).sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (offset + buffer.bytes <= rival.offset) break;
      offset = Math.max(offset, rival.offset + rival.bytes);
    }
    placed.push({ ...buffer, offset });
  }
  return placed;
}

/**
 * Gives every activation its bytes in the arena.
 * @throws DeployError when `keep` names a tensor that the deployed network does not write
 */
export function allocate(tiled: TiledProgram, keep: Keep = 'none'): Allocation {
  const program: Program = { ...tiled, steps: tiled.steps.map(({ step }) => step) };
  const kept = keptTensors(program, keep);
  const placed = place(lifetimes(program, new Set(kept.map((name) => program.views.get(name) ?? name))));
  return {
    layouts: layouts(program),
    arena: new Map(placed.map((buffer) => [buffer.name, buffer])),
    arenaBytes: placed.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0),
    kept,
  };
}

/** Names of the tensors that must be in DRAM when the network has run. */
export function keptTensors({ steps, outputs, views }: Program, keep: Keep): string[] {
  const written = [...steps.map((step) => step.output), ...views.keys()];
  if (keep === 'all') return written;
  if (keep === 'none') return [...outputs];
  if (keep === 'layers') {
    const norms = steps
      .filter((step) => step.kind === 'sum' && step.scale.length > 1)
      .map((step) => step.output);
    return [...new Set([...norms, ...outputs])];
  }
  const missing = keep.find((name) => !written.includes(name));
  if (missing !== undefined) {
    throw new DeployError(
      `${missing} cannot be kept: the deployed network does not write a tensor of that name`,
    );
  }
  return [...new Set([...keep, ...outputs])];
}
