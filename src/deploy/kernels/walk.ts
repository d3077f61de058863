/** Walks over a shape with strides into several tensors (firmware/kernels/walk.h), with as few axes as possible. */
import type { Node } from '../graph/graph.ts';
import { elements } from '../graph/graph.ts';
import { type Argument, ints, unsupported } from './call.ts';

/** WALK_MAX_RANK and WALK_MAX_TENSORS of walk.h. */
const MOST_AXES = 8;
const MOST_TENSORS = 3;

/** Elements between neighbours along each axis of a row-major shape. */
export const denseSteps = (shape: readonly number[]): number[] =>
  shape.map((_, i) => elements(shape.slice(i + 1)));

/** The strides of a tensor of shape `own` stretched to `shape`: 0 along axes it repeats over. */
export function broadcastSteps(own: readonly number[], shape: readonly number[]): number[] {
  const missing = shape.length - own.length;
  const steps = denseSteps(own);
  return shape.map((_, i) => (i < missing || own[i - missing] === 1 ? 0 : steps[i - missing]));
}

/** Axes of 1 dropped, and neighbours joined where every tensor walks through them as through one. */
export function joined(
  shape: readonly number[],
  steps: readonly (readonly number[])[],
): { size: number[]; steps: number[][] } {
  if (shape.includes(0)) return { size: [0], steps: steps.map(() => [1]) };
  const size: number[] = [];
  const kept: number[][] = steps.map(() => []);
  shape.forEach((d, i) => {
    if (d === 1) return;
    const last = size.length - 1;
    if (last >= 0 && steps.every((own, t) => kept[t][last] === own[i] * d)) {
      size[last] *= d;
      kept.forEach((own, t) => (own[last] = steps[t][i]));
    } else {
      size.push(d);
      kept.forEach((own, t) => own.push(steps[t][i]));
    }
  });
  return size.length > 0 ? { size, steps: kept } : { size: [1], steps: steps.map(() => [1]) };
}

/** Initialiser of struct walk. @throws DeployError when too many axes remain */
export function walkOf(
  node: Node,
  shape: readonly number[],
  steps: readonly (readonly number[])[],
): Argument {
  const walk = joined(shape, steps);
  if (walk.size.length > MOST_AXES || steps.length > MOST_TENSORS) {
    throw unsupported(node, `it walks over ${walk.size.length} axes, the kernels over at most ${MOST_AXES}`);
  }
  return {
    struct: { rank: walk.size.length, size: ints(walk.size), step: { list: walk.steps.map(ints) } },
  };
}
