/** Elements moved, not computed, on the harts (firmware/kernels/copy.h), and which movements need no copy at all. */
import { integersAttribute, numberAttribute } from '../graph/attributes.ts';
import { fromNumbers, numeric } from '../graph/elements.ts';
import { elements, type Tensor } from '../graph/graph.ts';
import { axisOf } from '../graph/rule.ts';
import { evaluateNode } from '../reference/integer.ts';
import { padding, sliceRanges, splitSizes } from '../graph/shapes-movement.ts';
import {
  address,
  countOf,
  HELD,
  heldBytes,
  int32,
  type KernelCall,
  type Lowering,
  type Operation,
  result,
  source,
} from './call.ts';
import { broadcastSteps, denseSteps, joined, walkOf } from './walk.ts';

/** One strided copy: element i of `shape` from `first` + Σ i·from to `start` + Σ i·to. */
export function copy(
  { node }: Operation,
  x: Tensor,
  y: Tensor,
  shape: readonly number[],
  [first, from]: readonly [number, readonly number[]],
  [start, to]: readonly [number, readonly number[]],
  ordered = false,
): KernelCall {
  return {
    kernel: 'copy',
    header: 'copy',
    ordered,
    fields: {
      from: source(node, x),
      to: result(node, y),
      first,
      start,
      walk: walkOf(node, shape, [from, to]),
    },
  };
}

const dense = (shape: readonly number[]): readonly [number, readonly number[]] => [0, denseSteps(shape)];

/** The permutation of a Transpose. */
function permutation({ node, inputs: [x] }: Operation): readonly number[] {
  const reversed = x.shape.map((_, i) => x.shape.length - 1 - i);
  return integersAttribute(node, 'perm', reversed);
}

const transpose: Lowering = (operation) => {
  const { inputs, outputs } = operation;
  const steps = denseSteps(inputs[0].shape);
  const { shape } = outputs[0];
  return [
    copy(
      operation,
      inputs[0],
      outputs[0],
      shape,
      [0, permutation(operation).map((p) => steps[p])],
      dense(shape),
    ),
  ];
};

const slice: Lowering = (operation) => {
  const { node, inputs, outputs } = operation;
  const steps = denseSteps(inputs[0].shape);
  let first = 0;
  for (const { axis, start, step } of sliceRanges(node, inputs)) {
    first += start * steps[axis];
    steps[axis] *= step;
  }
  const { shape } = outputs[0];
  return [copy(operation, inputs[0], outputs[0], shape, [first, steps], dense(shape))];
};

const split: Lowering = (operation, index) => {
  const { node, inputs, outputs } = operation;
  const { axis, sizes } = splitSizes(node, inputs);
  const steps = denseSteps(inputs[0].shape);
  const before = sizes.slice(0, index).reduce((n, d) => n + d, 0);
  const { shape } = outputs[index];
  return [copy(operation, inputs[0], outputs[index], shape, [before * steps[axis], steps], dense(shape))];
};

const concat: Lowering = (operation) => {
  const { node, inputs, outputs } = operation;
  const [y] = outputs;
  const axis = axisOf(node, numberAttribute(node, 'axis'), y.shape.length);
  const steps = denseSteps(y.shape);
  let at = 0;
  return inputs.flatMap((part) => {
    const start = at * steps[axis];
    at += part.shape[axis];
    return countOf(part) === 0
      ? []
      : [copy(operation, part, y, part.shape, dense(part.shape), [start, steps])];
  });
};

const expand: Lowering = (operation) => {
  const { inputs, outputs } = operation;
  const { shape } = outputs[0];
  return [
    copy(operation, inputs[0], outputs[0], shape, [0, broadcastSteps(inputs[0].shape, shape)], dense(shape)),
  ];
};

/** The bits of a fill value as the kernel takes them. */
function fillBits({ type }: Tensor, value: number): number {
  return type === 'float32' ? new Int32Array(Float32Array.of(value).buffer)[0] : value;
}

/** Elements before position `at`. */
const offset = (steps: readonly number[], at: readonly number[]): number =>
  steps.reduce((n, step, i) => n + step * at[i], 0);

const pad: Lowering = (operation) => {
  const { node, inputs, outputs } = operation;
  const [x, , fill] = inputs;
  const [y] = outputs;
  const pads = padding(node, inputs);
  const value = fill?.data ? numeric(fill.data)[0] : numberAttribute(node, 'value', 0);
  const to = denseSteps(y.shape);
  const from = denseSteps(x.shape);
  // Negative padding cuts elements off.
  const cut = pads.map(([before]) => Math.max(0, -before));
  const shape = x.shape.map((d, i) => Math.max(0, Math.min(d, y.shape[i] - pads[i][0]) - cut[i]));
  return [
    {
      kernel: 'fill',
      header: 'copy',
      fields: {
        to: result(node, y),
        count: countOf(y),
        value: int32(node, 'padding value', fillBits(y, value)),
      },
    },
    ...(elements(shape) === 0
      ? []
      : [
          copy(
            operation,
            x,
            y,
            shape,
            [offset(from, cut), from],
            [
              offset(
                to,
                pads.map(([before]) => Math.max(0, before)),
              ),
              to,
            ],
            true,
          ),
        ]),
  ];
};

const gather: Lowering = (operation) => {
  const { node, inputs, outputs } = operation;
  const [table, indices] = inputs;
  const axis = axisOf(node, numberAttribute(node, 'axis', 0), table.shape.length);
  return [
    {
      kernel: 'take',
      header: 'copy',
      fields: {
        table: address(node, table),
        indices: source(node, indices),
        to: { tensor: outputs[0].name },
        outer: elements(table.shape.slice(0, axis)),
        size: table.shape[axis],
        run_bytes: elements(table.shape.slice(axis + 1)) * heldBytes(table.type),
        count: countOf(indices),
      },
    },
  ];
};

const same: Lowering = (operation) => {
  const { inputs, outputs } = operation;
  const count = [countOf(outputs[0])];
  return [copy(operation, inputs[0], outputs[0], count, dense(count), dense(count))];
};

const RESHAPES: readonly string[] = ['Flatten', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'];

/** Whether the output of a node is its first input under another shape, byte for byte. */
export function isView(operation: Operation): boolean {
  const { node, inputs, outputs } = operation;
  const [x] = inputs;
  if (RESHAPES.includes(node.op)) return true;
  if (node.op === 'Cast') return HELD[x.type] !== undefined && HELD[x.type] === HELD[outputs[0].type];
  if (node.op !== 'Transpose') return false;
  const steps = denseSteps(x.shape);
  const walk = joined(outputs[0].shape, [permutation(operation).map((p) => steps[p])]);
  return walk.size.length === 1 && walk.steps[0][0] === 1;
}

/** A Shape or ConstantOfShape that folding leaves because it is an output of the network. */
const known: Lowering = ({ node, inputs, outputs }) => {
  const value = evaluateNode(node, (input) => {
    const tensor = inputs[node.inputs.indexOf(input)];
    return { type: tensor.type, shape: tensor.shape, data: numeric(tensor.data ?? new Int8Array()) };
  });
  const [y] = outputs;
  const x: Tensor = { ...y, name: `${y.name}/value`, data: fromNumbers(y.type, value.data) };
  const count = [countOf(y)];
  return [copy({ node, inputs: [x], outputs }, x, y, count, dense(count), dense(count))];
};

export const MOVEMENTS: Readonly<Record<string, Lowering>> = {
  Cast: same,
  Concat: concat,
  ConstantOfShape: known,
  Expand: expand,
  Flatten: same,
  Gather: gather,
  Identity: same,
  Pad: pad,
  Reshape: same,
  Shape: known,
  Slice: slice,
  Split: split,
  Squeeze: same,
  Transpose: transpose,
  Unsqueeze: same,
};
