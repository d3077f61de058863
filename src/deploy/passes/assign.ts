/** Engine assignment: turns fused nodes into steps with their constants, and records why each engine was chosen. */
import { DeployError } from '../../errors.ts';
import { integersAttribute, numberAttribute } from '../graph/attributes.ts';
import { numeric } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { acceleratorRequant, shiftOf, type AcceleratorRequant } from './requant.ts';
import type { AttentionStep, GatherStep, LinearStep, SumStep, TiledKind } from './steps.ts';

/** What of the machine decides where a step can run. */
export interface AcceleratorLimits {
  /** 0 or 5: one octave of the softmax is 1 or 32 LSB. */
  readonly softmaxShift: number;
  /** false: there is no accelerator, or none is to be used. */
  readonly accelerator?: boolean;
  /** Of the machine, for what a step costs the harts: 8 in plain C unless given. */
  readonly harts?: number;
  readonly xpulp?: boolean;
}

/** Edge of the accelerator's tile. */
export const TILE = 64;
/** Most terms one sum takes: SUM_MAX_TERMS of firmware/kernels/sum.h. */
export const MAX_TERMS = 8;
/** Most parts of a gather, and the unit of its rows, bytes: GATHER_MAX_PARTS of firmware/kernels/gather.h, and a word. */
const MAX_PARTS = 8;
const WORD = 4;
/** Most tiles along one dimension of a layer run (accelerator specification §10). */
export const MAX_TILES = 15;

/**
 * The step of a fused node.
 * @throws DeployError naming the node and what the accelerator, or the kernel that would compute it, cannot do
 */
export function stepOf(node: Node, graph: Graph, limits: AcceleratorLimits): TiledKind {
  const make = MAKERS[node.op];
  if (!make) throw new Error(`no engine knows ${node.op} of node ${node.name}`);
  return make(
    node,
    (name) => {
      const found = graph.tensors.get(name);
      if (!found) throw new Error(`graph ${graph.name} has no tensor ${name}`);
      return found;
    },
    limits,
  );
}

type Lookup = (name: string) => Tensor;

const base = (node: Node): { name: string; sources: string; output: string } => ({
  name: node.name,
  sources: typeof node.attributes.sources === 'string' ? node.attributes.sources : node.name,
  output: node.outputs[0],
});

const refuse = (node: Node, reason: string): DeployError =>
  new DeployError(`node ${node.name}: the accelerator does not take it: ${reason}`);

function requantOf(node: Node, prefix = ''): AcceleratorRequant {
  const requant = acceleratorRequant({
    mul: numberAttribute(node, `${prefix}mul`),
    add: numberAttribute(node, `${prefix}add`),
    shift: numberAttribute(node, `${prefix}shift`),
  });
  if (typeof requant === 'string') throw refuse(node, requant);
  return requant;
}

function requireRows(node: Node, rows: number): void {
  if (rows % TILE !== 0) {
    throw refuse(
      node,
      `its ${rows} rows are no multiple of ${TILE}; padding the sequence would change the softmax, so choose a sequence length of ${Math.ceil(rows / TILE) * TILE}`,
    );
  }
}

function requireInner(node: Node, inner: number, what: string): void {
  if (inner > MAX_TILES * TILE) {
    throw refuse(node, `${what} ${inner} exceeds the ${MAX_TILES * TILE} the accelerator accumulates`);
  }
}

function linear(node: Node, tensor: Lookup): LinearStep {
  const [input, weight, bias] = node.inputs.map(tensor);
  const inner = input.shape[input.shape.length - 1];
  const rows = elements(input.shape.slice(0, -1));
  const columns = weight.shape[1];
  if (input.shape.length < 2 || input.type !== 'int8' || weight.type !== 'int8') {
    throw refuse(
      node,
      `its operands are ${input.type} [${input.shape.join(', ')}] and ${weight.type}, not int8 matrices`,
    );
  }
  if (input.data) throw refuse(node, `its input ${input.name} is a constant`);
  requireRows(node, rows);
  requireInner(node, inner, 'its inner size');
  if (bias) {
    const values = numeric(bias.data ?? new Int32Array());
    if (bias.shape.length !== 1 || values.length !== columns) {
      throw refuse(node, `its bias ${bias.name} has the shape [${bias.shape.join(', ')}], not [${columns}]`);
    }
    const wide = values.find((value) => value < -(2 ** 23) || value >= 2 ** 23);
    if (wide !== undefined)
      throw refuse(node, `its bias ${bias.name} holds ${wide}, which needs more than 24 bits`);
  }
  const requant = requantOf(node);
  return {
    ...base(node),
    kind: 'linear',
    engine: 'ita',
    reason: `int8 matrix product [${rows}, ${inner}] x [${inner}, ${columns}] with one u8 multiplier (${requant.mult} / 2^${requant.shift} + ${requant.add})`,
    input: input.name,
    weight,
    bias,
    requant,
    relu: node.attributes.relu === 1,
    transposed: node.attributes.transposed === 1,
  };
}

function attention(node: Node, tensor: Lookup, limits: AcceleratorLimits): AttentionStep {
  const [q, k, v] = node.inputs.map(tensor);
  const [rows, width] = q.shape;
  if ([q, k, v].some(({ data }) => data)) throw refuse(node, 'one of its operands is a constant');
  if (node.attributes.transposed !== 1) {
    throw refuse(
      node,
      `its values ${v.name} are not the output of a linear layer, which alone can write them transposed`,
    );
  }
  if (q.shape.join() !== k.shape.join() || v.shape.join() !== [width, rows].join()) {
    throw refuse(
      node,
      `queries, keys and values are [${q.shape.join(', ')}], [${k.shape.join(', ')}] and [${v.shape.toReversed().join(', ')}], not of one shape`,
    );
  }
  requireRows(node, rows);
  requireInner(node, rows, 'its sequence length');
  requireInner(node, width, 'its head width');
  const softmaxShift = numberAttribute(node, 'softmax_shift');
  if (softmaxShift !== limits.softmaxShift) {
    throw refuse(
      node,
      `its softmax has shift ${softmaxShift}, the machine's accelerator ${limits.softmaxShift} (see --softmax-shift)`,
    );
  }
  return {
    ...base(node),
    kind: 'attention',
    engine: 'ita',
    reason: `single attention head of ${rows} rows, width ${width}, softmax shift ${softmaxShift}`,
    q: q.name,
    k: k.name,
    v: v.name,
    logits: requantOf(node, 'logits_'),
    values: requantOf(node),
    softmaxShift,
  };
}

/** Largest |Σ terms| of int8 tensors. */
const reach = (terms: number): number => 128 * terms;

function sum(
  node: Node,
  tensor: Lookup,
  terms: readonly string[],
  scale: number[],
  offset: number[],
  shift: number,
  what: string,
): SumStep {
  for (const term of terms) {
    const { type, shape } = tensor(term);
    if (type !== 'int8' || shape.length === 0 || elements(shape) === 0) {
      throw new DeployError(
        `node ${node.name}: its input ${term} is ${type} [${shape.join(', ')}], expected int8 rows`,
      );
    }
  }
  if (terms.length > MAX_TERMS) {
    throw new DeployError(
      `node ${node.name}: it adds ${terms.length} tensors, at most ${MAX_TERMS} are supported`,
    );
  }
  const outside = [...scale, ...offset].find((value) => value !== (value | 0));
  if (outside !== undefined)
    throw new DeployError(`node ${node.name}: the constant ${outside} needs more than 32 bits`);
  const largest = Math.max(...scale.map((s, i) => Math.abs(s) * reach(terms.length) + Math.abs(offset[i])));
  return {
    ...base(node),
    kind: 'sum',
    engine: 'harts',
    reason: `${what}, element by element`,
    terms,
    scale: Int32Array.from(scale),
    offset: Int32Array.from(offset),
    shift,
    wide: largest >= 2 ** 31 || shift > 31,
  };
}

function requantSum(node: Node, tensor: Lookup): SumStep {
  const [mul, add, shift] = ['mul', 'add', 'shift'].map((name) => numberAttribute(node, name));
  return sum(
    node,
    tensor,
    node.inputs,
    [mul],
    [add],
    shift,
    `sum of ${node.inputs.length} tensors, requantised`,
  );
}

function normSum(node: Node, tensor: Lookup): SumStep {
  const [weight, bias, ...terms] = node.inputs;
  const channels = tensor(terms[0]).shape.at(-1) ?? 0;
  const mul = numberAttribute(node, 'mul');
  if (numberAttribute(node, 'n_levels') !== 256) {
    throw new DeployError(
      `node ${node.name}: iNoNorm of ${numberAttribute(node, 'n_levels')} levels; only 256 are supported`,
    );
  }
  // ((Σx · weight + bias) · mul) / D = (Σx · (weight · mul) + bias · mul) / D, exactly: the products are folded here.
  const [scale, offset] = [weight, bias].map((name) => {
    const { data, shape } = tensor(name);
    if (data?.length !== channels) {
      throw new DeployError(
        `node ${node.name}: ${name} has the shape [${shape.join(', ')}], expected one value for each of ${channels} channels`,
      );
    }
    return Array.from(numeric(data), (value) => value * mul);
  });
  return sum(
    node,
    tensor,
    terms,
    scale,
    offset,
    shiftOf(node, numberAttribute(node, 'D')),
    `NoNorm of ${terms.length === 1 ? 'a tensor' : `the sum of ${terms.length} tensors`}`,
  );
}

function gather(node: Node, tensor: Lookup): GatherStep {
  const [table, ids] = node.inputs.map(tensor);
  if (table.type !== 'int8' || ids.type !== 'int32') {
    throw new DeployError(
      `node ${node.name}: gathers ${table.type} rows by ${ids.type} indices, expected int8 by int32`,
    );
  }
  const offsets = integersAttribute(node, 'offsets', [0]);
  if (ids.data || table.shape[1] % WORD !== 0 || offsets.length > MAX_PARTS) {
    throw new DeployError(
      `node ${node.name}: gathers ${offsets.length} rows of ${table.shape[1]} bytes, the DMA kernel whole words of at most ${MAX_PARTS} by indices that are fed`,
    );
  }
  return {
    ...base(node),
    kind: 'gather',
    engine: 'harts',
    reason: `rows of ${table.name} picked by ${ids.name}: each hart has the DMA fetch its share`,
    table,
    ids: ids.name,
    offsets,
  };
}

const MAKERS: Readonly<Record<string, (node: Node, tensor: Lookup, limits: AcceleratorLimits) => TiledKind>> =
  {
    Linear: linear,
    AttentionHead: attention,
    RequantSum: requantSum,
    NormSum: normSum,
    GatherRows: gather,
  };
