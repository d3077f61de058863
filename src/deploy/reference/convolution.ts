/** Convolutions of the references, of any number of spatial axes and groups: columns of inputs times a filter matrix. */
import { elements, type ElementType, type Node } from '../graph/graph.ts';
import { convLayout } from '../graph/shapes-linear.ts';
import type { WindowAxis } from '../graph/window.ts';
import { productType, withoutZero } from './linear.ts';
import { matmul } from './matmul.ts';
import { allocate, asTensors, strides, type Operator, type Value } from './value.ts';

/** A table of this many entries takes 1 GiB. */
const MOST_ENTRIES = 2 ** 28;

/**
 * Which element a window reads: for each output position, row-major, and each element of the window, the offset of the
 * input in its channel, or -1 where it lies in the padding.
 */
export function windowOffsets(window: readonly WindowAxis[]): Int32Array {
  const entries = elements(window.map(({ kernel, output }) => kernel * output));
  if (entries > MOST_ENTRIES) throw new RangeError(`its windows read ${entries} elements of each channel`);
  const step = strides(window.map((axis) => axis.size));
  let offsets = Int32Array.of(0);
  // Axis by axis: outputs × window elements of the axes so far, each output's elements side by side.
  let outputs = 1;
  let taps = 1;
  window.forEach(({ size, kernel, stride, dilation, before, output }, a) => {
    const next = new Int32Array(outputs * output * taps * kernel);
    for (let p = 0; p < outputs; p++) {
      for (let o = 0; o < output; o++) {
        for (let t = 0; t < taps; t++) {
          for (let k = 0; k < kernel; k++) {
            const from = offsets[p * taps + t];
            const at = o * stride - before + k * dilation;
            const inside = from >= 0 && at >= 0 && at < size;
            next[((p * output + o) * taps + t) * kernel + k] = inside ? from + at * step[a] : -1;
          }
        }
      }
    }
    offsets = next;
    outputs *= output;
    taps *= kernel;
  });
  return offsets;
}

/** x [N, C, …] * w [M, C / group, …] + b [M]; padding counts as 0. The result holds `type`. */
export function convolution(node: Node, [x, w, b]: readonly Value[], type: ElementType): Value {
  const [xt, wt] = asTensors([x, w]);
  const { batch, group, inputs, outputs, window } = convLayout(node, xt, wt);
  const shape = [batch, group * outputs, ...window.map((axis) => axis.output)];
  const data = allocate(type, elements(shape));
  if (data.length === 0) return { type, shape, data };
  const offsets = windowOffsets(window);
  const area = elements(window.map((axis) => axis.size));
  const places = elements(window.map((axis) => axis.output));
  const taps = elements(window.map((axis) => axis.kernel));
  // Rows are the taps of all channels of a group, columns the output positions.
  const columns = new Float64Array(inputs * taps * places);
  const products = new Float64Array(outputs * places);
  for (let n = 0; n < batch * group; n++) {
    const g = n % group;
    for (let c = 0; c < inputs; c++) {
      const first = (n * inputs + c) * area;
      for (let t = 0; t < taps; t++) {
        const row = (c * taps + t) * places;
        for (let p = 0; p < places; p++) {
          const from = offsets[p * taps + t];
          columns[row + p] = from < 0 ? 0 : x.data[first + from];
        }
      }
    }
    matmul(
      { data: w.data, offset: g * outputs * inputs * taps },
      { data: columns, offset: 0 },
      { data: products, offset: 0 },
      outputs,
      inputs * taps,
      places,
    );
    for (let m = 0; m < outputs; m++) {
      const bias = b ? b.data[g * outputs + m] : 0;
      const to = (n * outputs + m) * places;
      for (let p = 0; p < places; p++) data[to + p] = products[m * places + p] + bias;
    }
  }
  return { type, shape, data };
}

const conv: Operator = (node, [x, w, b]) => convolution(node, b ? [x, w, b] : [x, w], productType(x, w));

const convInteger: Operator = (node, [x, w, zx, zw]) =>
  convolution(node, [withoutZero(x, zx), withoutZero(w, zw, w.shape.length)], 'int32');

export const CONVOLUTION: Readonly<Record<string, Operator>> = { Conv: conv, ConvInteger: convInteger };
