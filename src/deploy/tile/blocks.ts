/**
 * Kernel calls cut into blocks that pass through TCDM (firmware/kernels/blocks.h): which parts of which tensors a block
 * takes, what it costs, and the choice among all block sizes that fit the budget.
 */
import type { Argument, Fields, KernelCall } from '../kernels/call.ts';
import { placeL1, type L1Plan } from './l1.ts';
import { roundUp } from './layout.ts';

/** What a block takes of a tensor along one direction: struct block_window, in rows or bytes. */
export interface Window {
  readonly loop: number;
  readonly step: number;
  readonly length: number;
  readonly extent: number;
  /** Units that the first block would start before the tensor. */
  readonly before?: number;
}

/** A tensor whose parts pass through TCDM: struct block_stream. */
export interface Stream {
  /** Field of the kernel's struct with its address, which each block sets: `a.data`. */
  readonly field: string;
  readonly direction: 'load' | 'store' | 'stay';
  /** In DRAM, with bytes to add; absent for what stays in TCDM. */
  readonly address?: Argument;
  readonly offset?: number;
  readonly pitch: number;
  /** Bytes of DRAM from one index of each loop to the next, beside the windows. */
  readonly batch?: readonly number[];
  readonly rows: Window;
  readonly bytes: Window;
}

/** A field that depends on the block: what a stream's view holds, over `per`. */
export interface Setting {
  readonly field: string;
  /** The stream's field. */
  readonly of: string;
  readonly part: 'rows' | 'bytes' | 'rows_before' | 'bytes_before';
  readonly per?: number;
}

/** A kernel call as a loop over blocks. */
export interface Blocking {
  /** Blocks along each loop, the last one innermost. */
  readonly counts: readonly number[];
  readonly streams: readonly Stream[];
  readonly settings: readonly Setting[];
  /** Fields that differ from the call's in every block. */
  readonly fields?: Fields;
  /** A sum in parts: the loop over them. The kernel's `_part` function makes each a call (gemm_part). */
  readonly parts?: { readonly loop: number };
  /** Cycles of all harts together for one full block. */
  readonly work: number;
}

/** One way to cut a call: axes with the sizes a block may have, and what becomes of a choice. */
export interface Family {
  readonly axes: readonly Axis[];
  readonly block: (sizes: readonly number[]) => Blocking;
}

/** An axis of `size` units; blocks take multiples of `unit` or the whole. */
export interface Axis {
  readonly name: string;
  readonly size: number;
  readonly unit: number;
}

/** What the choice depends on beside the budget. */
export interface BlockTarget {
  readonly harts: number;
  readonly xpulp: boolean;
}

export const DEFAULT_TARGET: BlockTarget = { harts: 8, xpulp: false };

/** The chosen loop. */
export interface BlockPlan extends Blocking {
  /** Size of a block along each axis by name. */
  readonly block: Readonly<Record<string, number>>;
  readonly blocks: number;
  readonly dmaBytes: number;
  /** Estimated cycles, and those of the best plan with other sizes. */
  readonly cycles: number;
  readonly secondBest?: Rival;
  readonly l1: L1Plan;
}

/** A part that no loop moves. */
export const whole = (length: number): Window => ({ loop: 0, step: 0, length, extent: length });

/** Blocks of `size` of the units 0 .. extent - 1 along a loop. */
export const along = (loop: number, size: number, extent: number): Window => ({
  loop,
  step: size,
  length: size,
  extent,
});

/** Units of a window at an index of its loop. */
export function unitsAt({ step, length, extent, before = 0 }: Window, index: number): number {
  const first = Math.max(0, index * step - before);
  return Math.max(0, Math.min(extent, index * step - before + length) - first);
}

const isMoved = ({ loop, step }: Window, counts: readonly number[]): boolean => step > 0 && counts[loop] > 1;

/** The innermost loop that moves the stream's part; -1: none does. */
export function innermost({ rows, bytes, batch = [] }: Stream, counts: readonly number[]): number {
  const moved = [rows, bytes].filter((window) => isMoved(window, counts)).map(({ loop }) => loop);
  const stepped = batch.flatMap((step, loop) => (step > 0 && counts[loop] > 1 ? [loop] : []));
  return Math.max(-1, ...moved, ...stepped);
}

/** Bytes of one of a stream's slots: of its largest part, in whole words of 8 bytes. */
export const slotBytes = ({ rows, bytes }: Stream): number =>
  roundUp(Math.min(rows.length, rows.extent) * Math.min(bytes.length, bytes.extent), 8);

/** Buffers of all streams: two slots for those that move. */
export const placeBlocks = ({ streams, counts }: Blocking): L1Plan =>
  placeL1(
    Object.fromEntries(
      streams.map((stream) => [
        stream.field,
        slotBytes(stream) * (innermost(stream, counts) >= 0 && stream.direction !== 'stay' ? 2 : 1),
      ]),
    ),
  );

const product = (values: readonly number[]): number => values.reduce((n, v) => n * v, 1);

/** Units of all of a window's parts together. */
const unitsOver = (window: Window, count: number): number =>
  Array.from({ length: count }, (_, i) => unitsAt(window, i)).reduce((n, u) => n + u, 0);

/** Transfers of a stream, and the bytes they move. */
export function traffic(stream: Stream, counts: readonly number[]): { transfers: number; bytes: number } {
  if (stream.direction === 'stay') return { transfers: 0, bytes: 0 };
  const inner = innermost(stream, counts);
  const moving = counts.slice(0, inner + 1);
  const { rows, bytes } = stream;
  const windows = [rows, bytes];
  const own = new Set(windows.filter((window) => isMoved(window, counts)).map(({ loop }) => loop));
  const rest = product(moving.filter((_, loop) => !own.has(loop)));
  const both = own.size === 1 && windows.every((window) => isMoved(window, counts));
  if (both) throw new Error(`${stream.field} moves along one loop in both directions`);
  const each = windows.map((window) =>
    isMoved(window, counts) ? unitsOver(window, counts[window.loop]) : unitsAt(window, 0),
  );
  return { transfers: product(moving), bytes: rest * each[0] * each[1] };
}

/** Cycles to enter the loop; to start a transfer; of the DMA before the first beat; and for a block on every hart. */
const START = 2200;
const TRANSFER = 40;
const LATENCY = 40;
const BLOCK = 160;
/** Cycles to enter a kernel on DRAM, whose loads then make it take several times as long. */
const DIRECT_START = 500;
const DIRECT_FACTOR = 4;
/** Bytes of the DMA's bus. */
const BUS = 64;

/** Cycles the DMA takes for one full part. */
function transferCycles({ rows, bytes, pitch }: Stream): number {
  const [height, width] = [rows, bytes].map(({ length, extent }) => Math.min(length, extent));
  const lines = pitch === width ? 1 : height;
  return TRANSFER + lines * Math.ceil((height * width) / lines / BUS);
}

/**
 * Estimated cycles: the DMA and the harts work at the same time, but for the first parts and the last result.
 * @param work of one block, of all harts together
 */
export function blockCycles({ counts, streams, work }: Blocking, { harts }: BlockTarget): number {
  const blocks = product(counts);
  const moved = streams.filter(({ direction }) => direction !== 'stay');
  const dma = moved.reduce(
    (cycles, stream) => cycles + (transferCycles(stream) * traffic(stream, counts).transfers) / blocks,
    0,
  );
  const edge = Math.max(...moved.map(transferCycles)) + 2 * LATENCY;
  return Math.round(START + blocks * (Math.max(work / harts, dma) + BLOCK) + edge);
}

/** Whether a call is so small that it takes less on DRAM than any loop over blocks, by estimate. */
export function isSmall({ axes, block }: Family, { harts }: BlockTarget): boolean {
  const { counts, work } = block(axes.map(({ size }) => size));
  const computing = (work * product(counts)) / harts;
  return DIRECT_START + DIRECT_FACTOR * computing <= START + computing;
}

/** Sizes tried along an axis: halves of the whole, rounded up to whole units. */
export function sizesOf({ size, unit }: Axis): number[] {
  const sizes = [size];
  for (let parts = 2; sizes[sizes.length - 1] > unit; parts *= 2) {
    const next = Math.min(size, roundUp(Math.ceil(size / parts), unit));
    if (next < sizes[sizes.length - 1]) sizes.push(next);
  }
  return sizes;
}

function* choices(axes: readonly Axis[]): Generator<readonly number[]> {
  if (axes.length === 0) {
    yield [];
    return;
  }
  const [first, ...others] = axes;
  const rest = [...choices(others)];
  for (const size of sizesOf(first)) for (const sizes of rest) yield [size, ...sizes];
}

/** Which family and sizes; or, where none fits, the bytes that the smallest blocks take. */
export type Choice =
  | { readonly family: number; readonly sizes: readonly number[]; readonly secondBest?: Rival }
  | { readonly leastBytes: number };

/** Other sizes, and their estimated cycles. */
export interface Rival {
  readonly block: Readonly<Record<string, number>>;
  readonly cycles: number;
}

interface Candidate extends Rival {
  readonly family: number;
  readonly sizes: readonly number[];
  readonly bytes: number;
}

const better = (a: Candidate, b: Candidate): Candidate =>
  b.cycles < a.cycles || (b.cycles === a.cycles && b.bytes < a.bytes) ? b : a;

const named = (axes: readonly Axis[], sizes: readonly number[]): Record<string, number> =>
  Object.fromEntries(axes.map(({ name }, i) => [name, sizes[i]]));

/** The blocks of least estimated cycles within the budget; where equal, those that need the least TCDM. */
export function chooseBlocks(families: readonly Family[], budget: number, target: BlockTarget): Choice {
  const fitting: Candidate[] = [];
  let leastBytes = Infinity;
  families.forEach(({ axes, block }, family) => {
    for (const sizes of choices(axes)) {
      const blocking = block(sizes);
      const { bytes } = placeBlocks(blocking);
      leastBytes = Math.min(leastBytes, bytes);
      if (bytes > budget) continue;
      const cycles = blockCycles(blocking, target);
      fitting.push({ family, sizes, bytes, cycles, block: named(axes, sizes) });
    }
  });
  if (fitting.length === 0) return { leastBytes };
  const { family, sizes, block: own } = fitting.reduce(better);
  const others = fitting.filter(({ block }) =>
    Object.keys({ ...own, ...block }).some((k) => own[k] !== block[k]),
  );
  if (others.length === 0) return { family, sizes };
  const { block, cycles } = others.reduce(better);
  return { family, sizes, secondBest: { block, cycles } };
}

/** The loop over blocks of the chosen sizes. */
export function planBlocks(
  { axes, block }: Family,
  sizes: readonly number[],
  target: BlockTarget,
): BlockPlan {
  const blocking = block(sizes);
  const { counts, streams } = blocking;
  return {
    ...blocking,
    block: named(axes, sizes),
    blocks: product(counts),
    dmaBytes: streams.reduce((n, stream) => n + traffic(stream, counts).bytes, 0),
    cycles: blockCycles(blocking, target),
    l1: placeBlocks(blocking),
  };
}

/** Ways to cut a call of one kernel; none: it works on DRAM directly. */
export type Blocker = (call: KernelCall, target: BlockTarget) => readonly Family[];
