/** The geometry of convolutions and poolings (ONNX Conv-22, MaxPool-22): where the window stands along each axis. */
import { integersAttribute, numberAttribute, textAttribute } from './attributes.ts';
import type { Node } from './graph.ts';
import { fail, text, type Shape } from './rule.ts';

/** One spatial axis: output o reads inputs o · stride - before + k · dilation for k in 0..kernel-1. */
export interface WindowAxis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly output: number;
}

/** Elements that padding may add along one axis; larger values are mistakes, and would only cost memory. */
const MOST_PADDING = 65_535;

const MODES = ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'] as const;

function listFor(node: Node, name: string, rank: number, fallback: number, least: number): readonly number[] {
  const values = integersAttribute(node, name, Array<number>(rank).fill(fallback));
  if (values.length !== rank) {
    throw fail(node, `${name} has ${values.length} values, expected ${rank}`);
  }
  const bad = values.find((v) => !Number.isInteger(v) || v < least);
  if (bad !== undefined) throw fail(node, `${name} holds ${bad}, expected integers from ${least}`);
  return values;
}

/**
 * The window over the axes after batch and channels.
 * @param spatial sizes of these axes
 * @param kernel sizes of the window along them
 * @throws DeployError when attributes do not fit the input, or the window is larger than the padded input
 */
export function windowOf(node: Node, spatial: Shape, kernel: Shape): readonly WindowAxis[] {
  const rank = spatial.length;
  if (rank === 0 || kernel.length !== rank || kernel.some((k) => !Number.isInteger(k) || k < 1)) {
    throw fail(node, `a window of ${text(kernel)} does not fit the ${rank} spatial dimensions of its input`);
  }
  const strides = listFor(node, 'strides', rank, 1, 1);
  const dilations = listFor(node, 'dilations', rank, 1, 1);
  const pads = listFor(node, 'pads', 2 * rank, 0, 0);
  const mode = textAttribute(node, 'auto_pad', 'NOTSET');
  if (!MODES.some((known) => known === mode)) {
    throw fail(node, `auto_pad is ${mode}, expected one of ${MODES.join(', ')}`);
  }
  const ceil = numberAttribute(node, 'ceil_mode', 0) !== 0;
  return spatial.map((size, i) => {
    const [stride, dilation] = [strides[i], dilations[i]];
    const reach = (kernel[i] - 1) * dilation + 1;
    let [before, after] = [0, 0];
    if (mode === 'NOTSET') {
      [before, after] = [pads[i], pads[rank + i]];
      if (before > MOST_PADDING || after > MOST_PADDING) {
        throw fail(node, `pads ${text(pads)} exceed ${MOST_PADDING} along one axis`);
      }
    } else if (mode !== 'VALID') {
      const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
      before = mode === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      after = total - before;
    }
    const travel = (size + before + after - reach) / stride;
    let output = (ceil ? Math.ceil(travel) : Math.floor(travel)) + 1;
    // A window that would start in the padding behind the input is dropped.
    if (ceil && (output - 1) * stride >= size + before) output--;
    if (size === 0 || output < 1) {
      throw fail(
        node,
        `a window reaching over ${reach} elements does not fit ${size} + ${before} + ${after}`,
      );
    }
    return { size, kernel: kernel[i], stride, dilation, before, after, output };
  });
}
