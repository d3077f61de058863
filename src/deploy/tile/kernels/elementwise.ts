/** Blocks of kernels that go over elements: a few indices of one axis of the walk, with everything inside it. */
import type { Fields, KernelCall } from '../../kernels/call.ts';
import {
  along,
  type Blocker,
  type Blocking,
  type Family,
  type Setting,
  type Stream,
  whole,
} from '../blocks.ts';
import {
  numberOf,
  pointerOf,
  requiredOperand,
  structOf,
  type Walk,
  walkArgument,
  walkAt,
} from '../fields.ts';

/** Loops that may stand outside the blocked axis. */
export const MOST_OUTER = 3;
/** Fewest bytes of a row for which a part with gaps between rows is fetched by the DMA. */
const LEAST_ROW = 4;

/** A tensor of the walk. */
export interface Walked {
  readonly field: string;
  readonly width: number;
  readonly address: Stream['address'];
  readonly store?: boolean;
  /** Elements before the walk's first one. */
  readonly first?: number;
  readonly steps: readonly number[];
}

/** Elements from the first to the last one of a walk. */
const span = (size: readonly number[], steps: readonly number[]): number =>
  1 + size.reduce((n, d, i) => n + (d - 1) * steps[i], 0);

const isDense = (size: readonly number[], steps: readonly number[]): boolean =>
  steps.every((step, i) => size[i] === 1 || step === size.slice(i + 1).reduce((n, d) => n * d, 1));

/** The stream of a tensor for blocks of `n` indices of axis `axis`, and the local step along it; undefined: none fits. */
function streamOf(
  { field, width, address, store, first = 0, steps }: Walked,
  size: readonly number[],
  axis: number,
  n: number,
): { stream: Stream; local: number } | undefined {
  const inside = size.slice(axis + 1);
  const innerSteps = steps.slice(axis + 1);
  const step = steps[axis];
  const inner = span(inside, innerSteps);
  if (steps.some((s) => s < 0) || (store && !isDense(inside, innerSteps))) return undefined;
  const common = {
    field,
    direction: store ? ('store' as const) : ('load' as const),
    address,
    offset: first * width,
    batch: steps.slice(0, axis).map((s) => s * width),
  };
  if (step === 0 || size[axis] === 1) {
    const bytes = inner * width;
    return { stream: { ...common, pitch: bytes, rows: whole(1), bytes: whole(bytes) }, local: 0 };
  }
  if (step === inner) {
    const extent = size[axis] * step * width;
    const bytes = along(axis, n * step * width, extent);
    return { stream: { ...common, pitch: extent, rows: whole(1), bytes }, local: step };
  }
  if (step < inner || inner * width < LEAST_ROW) return undefined;
  const rows = along(axis, n, size[axis]);
  return {
    stream: { ...common, pitch: step * width, rows, bytes: whole(inner * width) },
    local: inner,
  };
}

/** How the blocked axis reaches the kernel: what the loop inside a block is like. */
type Local = (walk: Walk, outer: number) => { fields: Fields; settings: readonly Setting[] };

/** The families of a walk: one for each axis that may be blocked. */
function walkFamilies(
  walk: readonly number[],
  tensors: readonly Walked[],
  cycles: number,
  local: Local,
): Family[] {
  if (walk.includes(0)) return [];
  const families: Family[] = [];
  for (let axis = 0; axis < walk.length && axis <= MOST_OUTER; axis++) {
    const inside = walk.slice(axis + 1).reduce((n, d) => n * d, 1);
    if (tensors.some((tensor) => !streamOf(tensor, walk, axis, 1))) continue;
    families.push({
      axes: [{ name: 'items', size: walk[axis], unit: 1 }],
      block: ([n]): Blocking => {
        const parts = tensors.map((tensor) => streamOf(tensor, walk, axis, n));
        const steps = tensors.map(({ steps: own }, i) => [parts[i]?.local ?? 0, ...own.slice(axis + 1)]);
        const { fields, settings } = local({ size: [n, ...walk.slice(axis + 1)], steps }, axis);
        return {
          counts: [...walk.slice(0, axis), Math.ceil(walk[axis] / n)],
          streams: parts.flatMap((part) => (part ? [part.stream] : [])),
          settings,
          fields,
          work: n * inside * cycles,
        };
      },
    });
  }
  return families;
}

/** A kernel with a struct walk: its tensors in the walk's order. @param items the tensor that says how many items a block has */
export function walkBlocker(
  call: KernelCall,
  cycles: number,
  items: string,
  tensors: (walk: Walk) => readonly Walked[],
  fields: Fields = {},
): readonly Family[] {
  const walk = walkAt(call.fields.walk);
  const all = tensors(walk);
  const counted = all.find(({ field }) => field === items);
  return walkFamilies(walk.size, all, cycles, (local) => {
    // Tensors may share strides, so that the walk has fewer of them than there are.
    const own = walk.steps.map((steps) => local.steps[all.findIndex((tensor) => tensor.steps === steps)]);
    const index = all.indexOf(counted as Walked);
    const step = local.steps[index][0];
    const { width } = all[index];
    const setting: Setting =
      step * width === 0
        ? { field: 'walk.size[0]', of: items, part: 'rows' }
        : byRows(all[index], walk, local)
          ? { field: 'walk.size[0]', of: items, part: 'rows' }
          : { field: 'walk.size[0]', of: items, part: 'bytes', per: step * width };
    return {
      fields: { ...fields, walk: walkArgument({ size: local.size, steps: own }) },
      settings: [setting],
    };
  });
}

/** Whether a tensor's part is a row for each item. */
const byRows = ({ steps }: Walked, walk: Walk, local: Walk): boolean => {
  const axis = walk.size.length - local.size.length;
  return steps[axis] !== span(walk.size.slice(axis + 1), steps.slice(axis + 1));
};

export const walkedTensor = (
  call: KernelCall,
  name: string,
  steps: readonly number[],
  store = false,
): Walked => {
  const { address, width } = requiredOperand(call.fields[name]);
  return { field: `${name}.data`, width, address, steps, store };
};

/** Cycles of one hart for an element in TCDM, measured. */
const CYCLES = { rescale: 22, pairwise: 24, activation: 18, quantize: 160, realPair: 420 } as const;

const rescale: Blocker = (call) =>
  walkBlocker(call, CYCLES.rescale, 'y.data', ({ steps: [x, mul, add] }) => {
    const by = structOf(call.fields.by);
    return [
      // x and y have the same strides, which the walk holds once.
      walkedTensor(call, 'x', x),
      { field: 'by.mul', width: 4, address: by.mul, steps: mul },
      { field: 'by.add', width: 8, address: by.add, steps: add },
      walkedTensor(call, 'y', x, true),
    ];
  });

const pair =
  (cycles: number): Blocker =>
  (call) =>
    walkBlocker(call, cycles, 'y.data', ({ steps: [y, a, b] }) => [
      walkedTensor(call, 'y', y, true),
      walkedTensor(call, 'a', a),
      walkedTensor(call, 'b', b),
    ]);

/** One tensor to another, element by element. */
const dense = (
  call: KernelCall,
  cycles: number,
  size: readonly number[],
  more: readonly Walked[],
  local: Local,
): readonly Family[] => {
  const steps = size.map((_, i) => size.slice(i + 1).reduce((n, d) => n * d, 1));
  return walkFamilies(
    size,
    [walkedTensor(call, 'x', steps), walkedTensor(call, 'y', steps, true), ...more],
    cycles,
    local,
  );
};

const countSetting = (call: KernelCall): Setting => ({
  field: 'count',
  of: 'y.data',
  part: 'bytes',
  per: requiredOperand(call.fields.y).width,
});

const activation: Blocker = (call) =>
  dense(call, CYCLES.activation, [numberOf(call.fields.count)], [], ({ size }) => ({
    fields: { count: size[0] },
    settings: [countSetting(call)],
  }));

/** Fields of struct channels inside a block: some channels, or a part of one. */
const localChannels = (some: boolean, n: number, inner: number): Fields =>
  some ? { count: n, inner } : { count: 1, inner: 1 };

/** Scales and zero points repeat: [outer, channels, inner]. */
const quantize: Blocker = (call) => {
  const channels = structOf(call.fields.channels);
  const [count, inner] = [numberOf(channels.count), numberOf(channels.inner)];
  const total = numberOf(call.fields.count);
  const size = count === 1 ? [total] : [total / (count * inner), count, inner];
  const steps = count === 1 ? [0] : [0, 1, 0];
  const constant = (name: 'scale' | 'zero'): Walked => ({
    field: `channels.${name}`,
    width: 4,
    address: pointerOf(channels[name]),
    steps,
  });
  return dense(call, CYCLES.quantize, size, [constant('scale'), constant('zero')], (local, axis) => {
    const own: Setting[] = [countSetting(call)];
    if (size.length > 1 && axis === 1)
      own.push({ field: 'channels.count', of: 'channels.scale', part: 'bytes', per: 4 });
    const changed: Fields =
      size.length > 1 && axis > 0 ? localChannels(axis === 1, local.size[0], inner) : {};
    return {
      fields: {
        count: local.size.reduce((n, d) => n * d, 1),
        channels: { struct: { ...channels, ...changed } },
      },
      settings: own,
    };
  });
};

export const ELEMENTWISE_BLOCKERS: Readonly<Record<string, Blocker>> = {
  activation,
  pairwise: pair(CYCLES.pairwise),
  quantize,
  real_pair: pair(CYCLES.realPair),
  rescale,
};
