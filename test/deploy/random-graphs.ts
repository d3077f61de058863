/** Random small networks from the operator set of the harts and the accelerator, for deployments against the reference. */
import type {
  Attribute,
  ElementType,
  Graph,
  Node,
  Tensor,
  TensorData,
} from '../../src/deploy/graph/graph.ts';
import { GraphBuilder } from '../../src/deploy/graph/builder.ts';
import { fromNumbers } from '../../src/deploy/graph/elements.ts';
import { elements } from '../../src/deploy/graph/graph.ts';
import { DeployError } from '../../src/errors.ts';
import { xorshift } from '../support/random.ts';

/** Elements no tensor of a random network has: it should run in an instant. */
const MOST_ELEMENTS = 1 << 13;

type Attributes = Readonly<Record<string, Attribute>>;
const narrow = ({ type }: Tensor): boolean => type === 'int8' || type === 'uint8';

/** A network under construction: whole numbers, constants and nodes under fresh names. */
export class RandomNetwork {
  readonly builder = new GraphBuilder();
  readonly tensors: string[] = [];
  readonly #next: () => number;
  readonly #read = new Set<string>();
  readonly #prefix: string;
  #count = 0;

  constructor(seed: number, prefix: string) {
    this.#next = xorshift(seed);
    for (let i = 0; i < 20; i++) this.#next();
    this.#prefix = prefix;
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + (this.#next() % (most - least + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)];
  }

  tensor(name: string): Tensor {
    const tensor = this.builder.tensors.get(name);
    if (!tensor) throw new Error(`there is no tensor ${name}`);
    return tensor;
  }

  constant(type: ElementType, shape: readonly number[], least = -128, most = 127): string {
    const values = Array.from({ length: elements(shape) }, () => this.whole(least, most));
    return this.builder.constant(`${this.#prefix}c${this.#count++}`, type, shape, values);
  }

  list(...values: number[]): string {
    return this.builder.constant(`${this.#prefix}c${this.#count++}`, 'int64', [values.length], values);
  }

  scale(value: number): string {
    return this.builder.constant(`${this.#prefix}c${this.#count++}`, 'float32', [], [value]);
  }

  scales(count: number): string {
    const values = Array.from({ length: count }, () => this.whole(1, 999) / 5000);
    return this.builder.constant(`${this.#prefix}c${this.#count++}`, 'float32', [count], values);
  }

  zero(type: ElementType, least: number, most: number): string {
    return this.builder.constant(`${this.#prefix}c${this.#count++}`, type, [], [this.whole(least, most)]);
  }

  node(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = this.builder.node(op, `${this.#prefix}${op}_${this.#count++}`, inputs, { attributes });
    for (const input of inputs) this.#read.add(input);
    return name;
  }

  input(type: ElementType, shape: readonly number[]): string {
    const name = this.builder.input(`${this.#prefix}x${this.#count++}`, type, shape);
    this.tensors.push(name);
    return name;
  }

  /** Adds one random node; operators that turn out not to fit add nothing. */
  grow(): void {
    const x = this.pick(this.tensors.slice(-4));
    try {
      const y = this.pick(OPERATIONS)(this, x, this.tensor(x));
      if (y !== undefined && elements(this.tensor(y).shape) <= MOST_ELEMENTS) this.tensors.push(y);
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
    }
  }

  /** Every tensor nobody reads is an output. */
  finish(): Graph {
    for (const { outputs } of this.builder.nodes) {
      for (const name of outputs) if (!this.#read.has(name)) this.builder.output(name);
    }
    return this.builder.build(`random${this.#prefix}`);
  }

  /** Data for the inputs, over the whole range of their types. */
  inputs(graph: Graph): Map<string, TensorData> {
    const range = {
      int8: [-128, 127],
      uint8: [0, 255],
      int16: [-3000, 3000],
      int32: [-100_000, 100_000],
    } as const;
    return new Map(
      graph.inputs.map((name) => {
        const { type, shape } = this.tensor(name);
        const [least, most] = range[type as keyof typeof range];
        return [
          name,
          fromNumbers(
            type,
            Array.from({ length: elements(shape) }, () => this.whole(least, most)),
          ),
        ];
      }),
    );
  }
}

type Operation = (n: RandomNetwork, x: string, tensor: Tensor) => string | undefined;

const levels = (n: RandomNetwork): Attributes => ({
  n_levels_out: n.pick([256, 256, 16]),
  signed: n.pick([0, 1, 1]),
});

const requant: Operation = (n, x, { shape }) => {
  const grain = n.pick([[1], [shape.at(-1) ?? 1], shape.map((d, i) => (i === 1 ? d : 1))]);
  const div = n.pick([256, 4096, 4096, 1, 1000]);
  return n.node(
    'RequantShift',
    [x, n.constant('int32', grain, 0, 400), n.constant('int32', [1], -9000, 9000)],
    {
      div,
      rounding: n.pick([0, 1]),
      ...levels(n),
    },
  );
};

/** A requantisation as the accelerator does it. */
const plainRequant = (n: RandomNetwork, x: string): string =>
  n.node('RequantShift', [x, n.constant('int32', [1], 1, 255), n.constant('int32', [1], 2048, 2048)], {
    div: 4096,
    n_levels_out: 256,
    signed: 1,
  });

const matMul: Operation = (n, x, tensor) => {
  const { shape, type } = tensor;
  if (shape.length < 2 || type === 'int32') return undefined;
  const columns = n.pick([1, 3, 8, 64]);
  let y = n.node('MatMul', [x, n.constant('int8', [shape[shape.length - 1], columns])]);
  if (n.whole(0, 1) === 1) y = n.node('Add', [y, n.constant('int32', [columns], -9999, 9999)]);
  return n.whole(0, 2) === 0 ? y : n.pick([requant, plainRequant])(n, y, n.tensor(y));
};

const gemm: Operation = (n, x, { shape, type }) => {
  if (shape.length !== 2 || type === 'int32') return undefined;
  const [transA, transB] = [n.whole(0, 1), n.whole(0, 1)];
  const inner = transA ? shape[0] : shape[1];
  const columns = n.pick([2, 5, 64]);
  const b = n.constant('int8', transB ? [columns, inner] : [inner, columns]);
  const c = n.constant('int32', n.pick([[columns], [1]]), -999, 999);
  if (n.whole(0, 1) === 0) return n.node('Gemm', [x, b, c], { transA, transB, beta: n.pick([1, 3]) });
  const mul = n.constant('int32', n.pick([[columns], [1]]), 1, 99);
  return n.node('RequantizedGemm', [x, b, c, mul], {
    transA,
    transB,
    div: 1024,
    n_levels_out: 256,
    signed: 1,
  });
};

const product: Operation = (n, x, { shape, type }) => {
  if (shape.length < 2 || type === 'int32') return undefined;
  const perm = shape.map((_, i) => i);
  perm.push(...perm.splice(-2).toReversed());
  return n.node('MatMul', [x, n.node('Transpose', [x], { perm })]);
};

/** An attention head with projections; some as the accelerator computes them, some not. */
const head: Operation = (n, x, { shape, type }) => {
  if (shape.length !== 2 || type !== 'int8' || shape[0] > 64) return undefined;
  const width = n.pick([64, 32, 12]);
  const [q, k, v] = [0, 1, 2].map(() =>
    plainRequant(n, n.node('MatMul', [x, n.constant('int8', [shape[1], width])])),
  );
  const logits = plainRequant(n, n.node('MatMul', [q, n.node('Transpose', [k], { perm: [1, 0] })]));
  const softmax = n.node('ITAPartialMax', [logits], { softmax_shift: n.pick([0, 0, 5]) });
  return n.pick([plainRequant, plainRequant, (_: RandomNetwork, y: string) => y])(
    n,
    n.node('MatMul', [softmax, v]),
  );
};

const conv: Operation = (n, x, { shape, type }) => {
  if (shape.length < 3 || shape.length > 5 || type === 'int32' || elements(shape) > 2048) return undefined;
  const [, channels, ...spatial] = shape;
  const group = n.pick([1, channels]);
  const filters = group * n.pick([1, 2, 3]);
  const kernel = spatial.map((d) => n.whole(1, Math.min(3, d)));
  const attributes = {
    group,
    strides: spatial.map(() => n.whole(1, 2)),
    dilations: spatial.map(() => n.pick([1, 1, 2])),
    ...(n.whole(0, 1) === 0
      ? { pads: [...spatial, ...spatial].map(() => n.whole(0, 2)) }
      : { auto_pad: n.pick(['VALID', 'SAME_UPPER', 'SAME_LOWER']) }),
  };
  const w = n.constant('int8', [filters, channels / group, ...kernel]);
  const kind = n.pick(['Conv', 'RequantizedConv', 'ConvInteger', 'QLinearConv']);
  if (kind === 'RequantizedConv') {
    const parameters = [n.constant('int32', [filters], 1, 99), n.constant('int32', [filters], -999, 999)];
    return n.node(kind, [x, w, ...parameters], { ...attributes, div: 512, n_levels_out: 256, signed: 1 });
  }
  if (kind === 'Conv' || (type !== 'int8' && type !== 'uint8')) {
    const y = n.node('Conv', [x, w, n.constant('int32', [filters], -999, 999)], attributes);
    return n.whole(0, 1) === 0 ? y : requant(n, y, n.tensor(y));
  }
  const zero = n.zero(type, 0, 20);
  if (kind === 'ConvInteger')
    return n.node(kind, [x, w, zero, n.constant('int8', [filters], -9, 9)], attributes);
  const y = [n.scale(0.7), n.zero('uint8', 0, 200), n.constant('int32', [filters], -99, 99)];
  return n.node(
    kind,
    [x, n.scale(0.02), zero, w, n.scales(filters), n.constant('int8', [filters], 0, 0), ...y],
    attributes,
  );
};

const pool: Operation = (n, x, { shape }) => {
  if (shape.length < 3 || shape.length > 5) return undefined;
  const op = n.pick(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool']);
  if (op.startsWith('Global')) return n.node(op, [x]);
  const spatial = shape.slice(2);
  const kernel = spatial.map((d) => n.whole(1, Math.min(3, d)));
  return n.node(op, [x], {
    kernel_shape: kernel,
    strides: spatial.map(() => n.whole(1, 2)),
    pads: [...kernel, ...kernel].map((k) => n.whole(0, k - 1)),
    ceil_mode: n.whole(0, 1),
    ...(op === 'AveragePool' ? { count_include_pad: n.whole(0, 1) } : {}),
  });
};

const pair: Operation = (n, x, { shape, type }) => {
  const op = n.pick(['Add', 'Sub', 'Mul', 'Div', 'IntegerDiv', 'QLinearAdd', 'QLinearMul', 'RequantizedAdd']);
  const other = n.pick([
    [shape.at(-1) ?? 1],
    [1],
    shape.map((d, i) => (i === 0 ? d : 1)),
    [2, ...shape.map(() => 1)],
  ]);
  if (op === 'Div') return n.node(op, [x, n.constant('int8', other, 1, 100)]);
  if (op === 'IntegerDiv') {
    return n.node(op, [x, n.constant('uint8', other, 1, 255)], {
      Delta: n.whole(1, 50),
      eps: n.whole(0, 9),
      eta: n.whole(1, 50),
    });
  }
  if (op === 'RequantizedAdd') {
    const step = (prefix: string): Attributes =>
      Object.fromEntries([
        [`${prefix}_mul`, n.whole(1, 50)],
        [`${prefix}_add`, n.whole(-99, 99)],
        [`${prefix}_div`, n.pick([1, 8, 64])],
      ]);
    const b = n.constant('int8', shape);
    return n.node(op, [x, b], { ...step('rqs1'), ...step('rqs2'), ...step('rqsOut') });
  }
  if (op.startsWith('QLinear')) {
    if (type !== 'int8') return undefined;
    const b = [n.constant('int8', other), n.scale(n.whole(1, 99) / 50), n.zero('int8', -9, 9)];
    return n.node(op, [
      x,
      n.scale(n.whole(1, 99) / 50),
      n.zero('int8', -9, 9),
      ...b,
      n.scale(1.3),
      n.zero('int8', -9, 9),
    ]);
  }
  return n.node(op, [x, n.whole(0, 1) === 0 ? x : n.constant('int8', other)]);
};

const sum: Operation = (n, x, { type }) => {
  if (type !== 'int8') return undefined;
  const y = n.node('Add', [x, x]);
  return n.pick([requant, plainRequant])(n, y, n.tensor(y));
};

const activation: Operation = (n, x, tensor) => {
  const op = n.pick(['Relu', 'Clip', 'iGELU', 'iHardswish', 'TrueIntegerDiv', 'RequantizediGELU']);
  if (op === 'Relu') return n.node(op, [x]);
  if (op === 'Clip') return n.node(op, [x], { min: n.whole(-50, 0), max: n.whole(0, 90) });
  if (!narrow(tensor)) return undefined;
  const gelu = { b: -n.whole(5, 90), one: n.whole(100, 9000) };
  if (op === 'iGELU') return n.node(op, [x], gelu);
  if (op === 'iHardswish')
    return n.node(op, [x], { three: n.whole(1, 50), six: n.whole(1, 90), one_over_six: n.whole(1, 20) });
  if (op === 'TrueIntegerDiv')
    return n.node(op, [x], { y: n.whole(1, 9), Delta: n.whole(1, 99), eps: 1, eta: n.whole(1, 99) });
  const parameters = [n.constant('int32', [1], 1, 50), n.constant('int32', [1], -99, 99)];
  return n.node(op, [x, ...parameters], { ...gelu, div: 4096, n_levels_out: 256, signed: 1 });
};

const rows: Operation = (n, x, { shape, type }) => {
  const op = n.pick(['iSoftmax', 'ITAMax', 'ITAPartialMax', 'iLayerNorm', 'iRMSNorm', 'iNoNorm']);
  const columns = shape.at(-1) ?? 0;
  if (shape.length === 0 || type !== 'int8') return undefined;
  if (op === 'iSoftmax')
    return n.node(op, [x], { coeffB: n.whole(50, 90), coeffC: 3888, log2: n.whole(10, 60), n_levels: 256 });
  if (op === 'ITAMax') return n.node(op, [x], { n_levels: 256 });
  if (op === 'ITAPartialMax')
    return n.node(
      op,
      [x],
      n.pick([{ group_width: 16 }, { softmax_shift: 5 }, { softmax_shift: 0 }] as Attributes[]),
    );
  const weight = n.constant('int32', [columns], -900, 900);
  const bias = n.constant('int32', [columns], -900, 900);
  if (op === 'iRMSNorm') return n.node(op, [x, weight], { D: n.pick([16, 10]), n_levels: 256 });
  if (op === 'iLayerNorm') return n.node(op, [x, weight, bias], { D: n.pick([16, 10]), n_levels: 256 });
  return n.node(op, [x, weight, bias], { D: 1024, mul: n.whole(1, 9), n_levels: 256 });
};

const reduce: Operation = (n, x, { shape }) => {
  if (shape.length === 0) return undefined;
  const axes = shape.map((_, i) => i).filter(() => n.whole(0, 1) === 1);
  const keepdims = n.whole(0, 1);
  if (n.whole(0, 1) === 0) return n.node('ReduceSum', [x, n.list(...axes)], { keepdims });
  return n.node(n.pick(['ReduceMean', 'IntegerMean']), [x], { axes: axes.length > 0 ? axes : [0], keepdims });
};

const move: Operation = (n, x, { shape, type }) => {
  const rank = shape.length;
  if (rank === 0) return undefined;
  const axis = n.whole(0, rank - 1);
  const size = shape[axis];
  switch (
    n.pick([
      'Transpose',
      'Reshape',
      'Slice',
      'Pad',
      'Concat',
      'Gather',
      'Flatten',
      'Unsqueeze',
      'Expand',
      'Cast',
    ])
  ) {
    case 'Transpose': {
      const perm = shape.map((_, i) => i);
      perm.forEach((_, i) => {
        const j = n.whole(i, rank - 1);
        [perm[i], perm[j]] = [perm[j], perm[i]];
      });
      return n.node('Transpose', [x], { perm });
    }
    case 'Reshape':
      return n.node('Reshape', [
        x,
        n.list(...n.pick([[-1], [shape[0], -1], [1, ...shape], [elements(shape), 1]])),
      ]);
    case 'Slice': {
      const step = n.pick([1, 2, -1]);
      const [from, to] = step > 0 ? [n.whole(0, size - 1), size] : [size - 1, -size - 1];
      return n.node('Slice', [x, n.list(from), n.list(to), n.list(axis), n.list(step)]);
    }
    case 'Pad': {
      if (type === 'int16') return undefined;
      const pads = [...shape, ...shape].map(() => n.whole(-1, 2));
      return n.node('Pad', [x, n.list(...pads), n.zero(type, 0, 9)]);
    }
    case 'Concat':
      return n.node('Concat', [x, n.constant('int8', shape), x], { axis });
    case 'Gather':
      return n.node('Gather', [x, n.list(n.whole(0, size - 1), -1, 0)], { axis });
    case 'Flatten':
      return n.node('Flatten', [x], { axis });
    case 'Unsqueeze':
      return n.node('Unsqueeze', [x, n.list(axis)]);
    case 'Expand':
      return n.node('Expand', [x, n.list(2, ...shape.map(() => 1))]);
    default:
      return n.node('Cast', [x], { to: n.pick([3, 2, 5, 6]) });
  }
};

const OPERATIONS: readonly Operation[] = [
  requant,
  requant,
  matMul,
  matMul,
  gemm,
  product,
  head,
  conv,
  conv,
  pool,
  pair,
  pair,
  sum,
  activation,
  activation,
  rows,
  rows,
  reduce,
  move,
  move,
  move,
];

/** Shapes of the inputs; some suit the accelerator. */
const SHAPES: readonly (readonly number[])[] = [
  [64, 64],
  [64, 40],
  [1, 64, 20],
  [3, 5],
  [1, 4, 7, 6],
  [2, 3, 9],
  [2, 2, 3, 4, 5],
  [17],
  [1, 8, 1, 12],
];

/** A network of up to ten nodes and data for its inputs. */
export function randomNetwork(seed: number, prefix = ''): { graph: Graph; inputs: Map<string, TensorData> } {
  const n = new RandomNetwork(seed, prefix);
  const types: readonly ElementType[] = ['int8', 'int8', 'int8', 'uint8', 'int16', 'int32'];
  n.input(n.pick(types), n.pick(SHAPES));
  for (let tries = 0; tries < 30 && n.builder.nodes.length < 10; tries++) n.grow();
  if (n.builder.nodes.length === 0) n.node('Identity', [n.tensors[0]]);
  const graph = n.finish();
  return { graph, inputs: n.inputs(graph) };
}

/** Several networks side by side as one, so that one build and run serves them all. Their names must differ. */
export function sideBySide(name: string, graphs: readonly Graph[]): Graph {
  return {
    name,
    inputs: graphs.flatMap(({ inputs }) => inputs),
    outputs: graphs.flatMap(({ outputs }) => outputs),
    tensors: new Map(graphs.flatMap(({ tensors }) => [...tensors])),
    nodes: graphs.flatMap(({ nodes }) => nodes),
    metadata: {},
  };
}

/** A graph with every name behind a prefix. */
export function prefixed(graph: Graph, prefix: string): Graph {
  const own = (name: string): string => (name === '' ? '' : prefix + name);
  const tensors = [...graph.tensors.values()].map((t): Tensor => ({ ...t, name: own(t.name) }));
  const nodes = graph.nodes.map((n): Node => ({
    ...n,
    name: own(n.name),
    inputs: n.inputs.map(own),
    outputs: n.outputs.map(own),
  }));
  return {
    ...graph,
    inputs: graph.inputs.map(own),
    outputs: graph.outputs.map(own),
    tensors: new Map(tensors.map((t) => [t.name, t])),
    nodes,
  };
}
