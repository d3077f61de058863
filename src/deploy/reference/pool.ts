/** Poolings of the references (onnx.ai, operator reference). Averages of integers are rounded half up. */
import { numberAttribute } from '../graph/attributes.ts';
import { elements, type Node } from '../graph/graph.ts';
import { poolWindow } from '../graph/shapes-elementwise.ts';
import type { WindowAxis } from '../graph/window.ts';
import { windowOffsets } from './convolution.ts';
import { meanOf } from './elementwise.ts';
import { allocate, type Operator, type Value } from './value.ts';

/** One result per channel and window: `of` the elements inside, of which there are `taps` with the padding. */
export function pooled(
  x: Value,
  window: readonly WindowAxis[],
  of: (inside: readonly number[], taps: number) => number,
): Value {
  const shape = [x.shape[0], x.shape[1], ...window.map((axis) => axis.output)];
  if (elements(shape) === 0) return { type: x.type, shape, data: allocate(x.type, 0) };
  const offsets = windowOffsets(window);
  const area = elements(window.map((axis) => axis.size));
  const places = elements(window.map((axis) => axis.output));
  const taps = elements(window.map((axis) => axis.kernel));
  const channels = x.shape[0] * x.shape[1];
  const data = allocate(x.type, channels * places);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < places; p++) {
      const inside: number[] = [];
      for (let t = 0; t < taps; t++) {
        const from = offsets[p * taps + t];
        if (from >= 0) inside.push(x.data[c * area + from]);
      }
      data[c * places + p] = of(inside, taps);
    }
  }
  return { type: x.type, shape, data };
}

const largest = (values: readonly number[]): number => values.reduce((m, v) => Math.max(m, v), -Infinity);
const sum = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0);

/** The window over the whole of each channel. */
export const wholeWindow = (x: Value): WindowAxis[] =>
  x.shape.slice(2).map((size) => ({
    size,
    kernel: size,
    stride: 1,
    dilation: 1,
    before: 0,
    after: 0,
    output: 1,
  }));

/** Terms an average divides by: the elements inside, or all of the window when padding counts. */
export const termsOf = (node: Node, inside: readonly number[], taps: number): number =>
  numberAttribute(node, 'count_include_pad', 0) !== 0 ? taps : inside.length;

const average =
  (windowFor: (node: Node, x: Value) => readonly WindowAxis[]): Operator =>
  (node, [x]) =>
    pooled(x, windowFor(node, x), (inside, taps) => meanOf(x.type, sum(inside), termsOf(node, inside, taps)));

const maximum =
  (windowFor: (node: Node, x: Value) => readonly WindowAxis[]): Operator =>
  (node, [x]) =>
    pooled(x, windowFor(node, x), largest);

export const stated = (node: Node, x: Value): readonly WindowAxis[] =>
  poolWindow(node, { name: 'x', shape: x.shape });

export const POOL: Readonly<Record<string, Operator>> = {
  AveragePool: average(stated),
  GlobalAveragePool: average((_, x) => wholeWindow(x)),
  GlobalMaxPool: maximum((_, x) => wholeWindow(x)),
  MaxPool: maximum(stated),
};
