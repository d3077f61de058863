/** How each operator of a real-valued network becomes integer nodes of the PULP dialect: one row for each operator. */
import { DeployError } from '../../errors.ts';
import { numberAttribute } from '../graph/attributes.ts';
import { numeric, type NumericData } from '../graph/elements.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { splitSizes } from '../graph/shapes-movement.ts';
import { lowerGelu, lowerLayerNormalization } from './activations.ts';
import { HART_BITS, sumsOf, type ColumnFactors, type Held, type Lowering } from './lowering.ts';
import { ACCELERATOR_BITS, largest, multiplierFor, quantiseWeights, toInt8 } from './multiplier.ts';
import { isBias, isColumnVector, operands, SAME_UNITS, scalarOf, tensorOf, type Uses } from './scales.ts';
import { fitSoftmax } from './softmax.ts';

export type Lower = (at: Lowering, node: Node) => void;

/** Biases are 24 bits wide on the accelerator. */
const MOST_BIAS = 2 ** 23 - 1;

export const unsupported = (node: Node, reason: string): DeployError =>
  new DeployError(`node ${node.name} (${node.op}) cannot be quantised: ${reason}`);

const valuesOf = (at: Lowering, name: string): NumericData => {
  const { data } = at.tensor(name);
  if (!data) throw new Error(`${name} is no constant`);
  return numeric(data);
};

/** Sums of products: int32, in units of the product of both scales. */
function holdSums(at: Lowering, name: string, tensor: string, scale: number, bits: number): void {
  at.hold(name, { tensor, scale, wide: true, bits });
}

/** The weights of a product with a constant; scales of the input's columns go into the rows. */
function weights(at: Lowering, name: string, input: Held): { tensor: string; scale: number } {
  const { shape } = at.tensor(name);
  const values = Float64Array.from(valuesOf(at, name));
  const { columns } = input;
  if (columns) {
    const width = shape[shape.length - 1];
    for (let i = 0; i < values.length; i++) values[i] *= columns[Math.floor(i / width) % columns.length];
  }
  const { data, scale } = quantiseWeights(values);
  return { tensor: at.constant(name, 'int8', shape, data), scale: columns ? scale : scale * input.scale };
}

const matMul: Lower = (at, node) => {
  const [a, b] = node.inputs;
  const [output] = node.outputs;
  if (at.tensor(a).data) throw unsupported(node, `its first operand ${a} is a constant`);
  const x = at.narrow(a);
  const w = at.tensor(b).data ? weights(at, b, x) : product(x, at.narrow(b));
  const tensor = at.emit(node, 'MatMul', [x.tensor, w.tensor], { output: sumsOf(output) });
  holdSums(at, output, tensor, w.scale, ACCELERATOR_BITS);
};

const product = (a: Held, b: Held): { tensor: string; scale: number } => ({
  tensor: b.tensor,
  scale: a.scale * b.scale,
});

function bias(at: Lowering, name: string, scale: number): string {
  const values = Array.from(valuesOf(at, name), (v) =>
    Math.min(Math.max(Math.round(v / scale), -MOST_BIAS - 1), MOST_BIAS),
  );
  return at.constant(name, 'int32', [values.length], values);
}

const conv: Lower = (at, node) => {
  const [x, w, b] = node.inputs;
  const [output] = node.outputs;
  const input = at.narrow(x);
  const filters = weights(at, w, input);
  const inputs = [input.tensor, filters.tensor];
  if (b !== undefined && b !== '') inputs.push(bias(at, b, filters.scale));
  const tensor = at.emit(node, 'Conv', inputs, { attributes: node.attributes, output: sumsOf(output) });
  holdSums(at, output, tensor, filters.scale, ACCELERATOR_BITS);
};

/** A bias joins the sums; other terms become int8 in common units, and their sum stays int32. */
const add: Lower = (at, node) => {
  const [output] = node.outputs;
  const [flowing, constant] = operands(at.source, node);
  const factors = at.columnFactors.get(flowing);
  if (factors && constant !== undefined) {
    affine(at, node, factors, constant);
    return;
  }
  if (isBias(at.source, at.uses, node) && constant !== undefined) {
    const held = at.read(flowing);
    const tensor = at.emit(node, 'Add', [held.tensor, bias(at, constant, held.scale)], {
      output: sumsOf(output),
    });
    at.hold(output, { ...held, tensor });
    return;
  }
  const scale = at.scaleOf(flowing);
  const units = (name: string): string => {
    const held = at.tensor(name).data ? undefined : at.read(name);
    // Sums of sums stay int32 where nothing else reads them.
    const inner = held?.wide && at.uses.producer(name)?.op === node.op && at.uses.onlyReader(name);
    if (held && inner && held.bits === HART_BITS && held.scale === scale) return held.tensor;
    const { data, shape } = at.tensor(name);
    return data
      ? at.constant(name, 'int8', shape, toInt8(valuesOf(at, name), scale))
      : at.inUnits(name, scale).tensor;
  };
  const tensor = at.emit(node, node.op, node.inputs.map(units), { output: sumsOf(output) });
  holdSums(at, output, tensor, scale, HART_BITS);
};

/** x · w + b column by column: iNoNorm, straight from the int32 sums. */
function affine(at: Lowering, node: Node, { input, factors }: ColumnFactors, constant: string): void {
  const [output] = node.outputs;
  const scale = at.scaleOf(output);
  const { shift } = multiplierFor(Math.max(1e-30, largest(factors)) / scale, HART_BITS - 1);
  const div = 2 ** shift;
  const biases = valuesOf(at, constant);
  at.emit(
    node,
    'iNoNorm',
    [
      input,
      at.constant(
        `${output}/weight`,
        'int32',
        [factors.length],
        factors.map((f) => Math.round((f / scale) * div)),
      ),
      at.constant(
        `${output}/bias`,
        'int32',
        [factors.length],
        factors.map((_, i) => Math.round((biases[biases.length === 1 ? 0 : i] / scale) * div + div / 2)),
      ),
    ],
    { attributes: { D: div, mul: 1, n_levels: 256 } },
  );
  at.hold(output, { tensor: output, scale, wide: false, bits: ACCELERATOR_BITS });
}

/** A factor for all elements changes the scale only; one for each column is a requantisation on the harts. */
const scaled: Lower = (at, node) => {
  const [output] = node.outputs;
  const [a, b] = node.inputs;
  const [flowing, constant] = operands(at.source, node);
  const inverse = node.op === 'Div';
  if (constant === undefined || (inverse && constant === a)) {
    if (inverse) throw unsupported(node, 'it divides by a tensor that is computed');
    const [x, y] = [at.narrow(a), at.narrow(b)];
    const tensor = at.emit(node, 'Mul', [x.tensor, y.tensor], { output: sumsOf(output) });
    holdSums(at, output, tensor, x.scale * y.scale, HART_BITS);
    return;
  }
  const one = scalarOf(at.source, constant);
  const held =
    at.uses.onlyReader(flowing) && (one !== undefined || at.isSum(flowing))
      ? at.read(flowing)
      : at.narrow(flowing);
  if (one !== undefined && one > 0) {
    at.hold(output, { ...held, scale: inverse ? held.scale / one : held.scale * one });
    return;
  }
  const { shape } = at.tensor(flowing);
  if (one === undefined && !isColumnVector(at.source, constant, shape)) {
    throw unsupported(node, `its factor ${constant} is neither one number nor one for each column`);
  }
  const factors = Array.from(valuesOf(at, constant), (v) => (inverse ? 1 / v : v) * held.scale);
  const reader = at.uses.onlyReader(output);
  const bias = reader?.op === 'Add' ? operands(at.source, reader)[1] : undefined;
  if (
    bias !== undefined &&
    (isColumnVector(at.source, bias, shape) || scalarOf(at.source, bias) !== undefined)
  ) {
    at.columnFactors.set(output, { input: held.tensor, factors });
    return;
  }
  columnRequant(at, output, held.tensor, factors);
};

/** int8 at the chosen scale of `output`: each column of `input` times its own factor. */
function columnRequant(at: Lowering, output: string, input: string, factors: readonly number[]): void {
  const scale = at.scaleOf(output);
  const { shift } = multiplierFor(Math.max(1e-30, largest(factors)) / scale, HART_BITS);
  const div = 2 ** shift;
  const mul = factors.map((factor) => Math.round((factor / scale) * div));
  at.requantShift(output, input, mul, [shift > 0 ? div / 2 : 0], div);
  at.hold(output, { tensor: output, scale, wide: false, bits: ACCELERATOR_BITS });
}

/** Operators that leave integers in the units they are in; constants such as shapes stay as they are. */
const moved: Lower = (at, node) => {
  const [first, ...rest] = node.inputs;
  const { data, shape } = at.tensor(first);
  if (data) {
    const scale = at.scaleOf(node.outputs[0]);
    const table = at.constant(first, 'int8', shape, toInt8(numeric(data), scale));
    at.hold(first, { tensor: table, scale, wide: false, bits: ACCELERATOR_BITS });
  }
  const held = at.narrow(first);
  const inputs = [
    held.tensor,
    ...rest.map((name) =>
      name === '' ? name : at.tensor(name).data ? at.copied(name) : at.read(name).tensor,
    ),
  ];
  at.emit(node, node.op, inputs, { attributes: node.attributes });
  at.hold(node.outputs[0], { ...held, tensor: node.outputs[0] });
};

/** Bounds in units of the tensor: none where int8 ends before them, and Relu where only the lower one is left, at zero. */
const clip: Lower = (at, node) => {
  const [input, low, high] = node.inputs;
  const [output] = node.outputs;
  const held = at.narrow(input);
  const bound = (name: string | undefined, role: string, otherwise: number): number => {
    const value = name ? scalarOf(at.source, name) : numberAttribute(node, role, otherwise);
    if (value === undefined) throw unsupported(node, `its bound ${name} is computed`);
    return Math.min(Math.max(Math.round(value / held.scale), -128), 127);
  };
  const [least, most] = [bound(low, 'min', -Infinity), bound(high, 'max', Infinity)];
  if (least === 0 && most === 127) at.emit(node, 'Relu', [held.tensor]);
  else {
    const constant = (role: string, value: number): string =>
      at.constant(`${node.name}/${role}`, 'int8', [], [value]);
    at.emit(node, 'Clip', [held.tensor, constant('min', least), constant('max', most)]);
  }
  at.hold(output, { ...held, tensor: output });
};

/** Each part as a Slice of its own, in the units of the whole. */
const split: Lower = (at, node) => {
  const [input] = node.inputs;
  if (at.tensor(input).data) throw unsupported(node, `its input ${input} is a constant`);
  const held = at.narrow(input);
  const { axis, sizes } = splitSizes(
    node,
    node.inputs.map((name) => at.tensor(name)),
  );
  let start = 0;
  node.outputs.forEach((output, part) => {
    const end = start + sizes[part];
    if (output !== '') {
      const list = (role: string, value: number): string =>
        at.constant(`${output}/${role}`, 'int64', [1], [value]);
      const range = [list('start', start), list('end', end), list('axis', axis)];
      at.graph.node('Slice', `${node.name}/part_${part}`, [held.tensor, ...range], { output });
      at.hold(output, { ...held, tensor: output });
    }
    start = end;
  });
};

const concat: Lower = (at, node) => {
  const [output] = node.outputs;
  const scale = at.scaleOf(output);
  const inputs = node.inputs.map((name) => {
    const { data, shape } = at.tensor(name);
    if (!data) return at.inUnits(name, scale).tensor;
    return at.constant(name, 'int8', shape, toInt8(valuesOf(at, name), scale));
  });
  at.emit(node, 'Concat', inputs, { attributes: node.attributes });
  at.hold(output, { tensor: output, scale, wide: false, bits: ACCELERATOR_BITS });
};

/** The values [keys, width] that the probabilities of a softmax are multiplied with, where nothing else reads these. */
export function valuesBehind(graph: Graph, uses: Uses, softmax: Node): string | undefined {
  const reader = uses.onlyReader(softmax.outputs[0]);
  if (reader?.op !== 'MatMul' || reader.inputs[0] !== softmax.outputs[0]) return undefined;
  const [, values] = reader.inputs;
  const { shape, data } = tensorOf(graph, values);
  return shape.length === 2 && !data ? values : undefined;
}

const softmax: Lower = (at, node) => {
  const [input] = node.inputs;
  const [output] = node.outputs;
  const shift = at.options.softmaxShift;
  const logitRows = at.statistics.rows(input);
  const whole = at.statistics.whole(valuesBehind(at.source, at.uses, node) ?? '');
  const values = logitRows.map((_, r) => whole[Math.floor((r * whole.length) / logitRows.length)]);
  const fit = fitSoftmax({ logits: logitRows, ...(whole.length > 0 ? { values } : {}) }, shift);
  const logits = at.moved(input, at.fresh(`${node.name}/logits`), fit.scale, fit.addend);
  const tensor = at.emit(node, 'ITAPartialMax', [logits.tensor], {
    domain: 'octet',
    attributes: { softmax_shift: shift },
  });
  at.hold(output, { tensor, scale: fit.probability, wide: false, bits: ACCELERATOR_BITS });
};

const numberOf = (node: Node, name: string, fallback: number): number =>
  numberAttribute(node, name, fallback);

const rowSoftmax: Lower = (at, node) => {
  const rank = at.tensor(node.inputs[0]).shape.length;
  const axis = numberOf(node, 'axis', -1);
  if (axis !== -1 && axis !== rank - 1) throw unsupported(node, `it is over axis ${axis}, not over rows`);
  softmax(at, node);
};

export const LOWERING: Readonly<Record<string, Lower>> = {
  ...Object.fromEntries([...SAME_UNITS].map((op) => [op, moved])),
  Add: add,
  Clip: clip,
  Concat: concat,
  Conv: conv,
  Div: scaled,
  Gelu: lowerGelu,
  LayerNormalization: lowerLayerNormalization,
  MatMul: matMul,
  Mul: scaled,
  Softmax: rowSoftmax,
  Split: split,
  Sub: add,
};
