/**
 * Fused operators as the plain ones they stand for, so that one set of kernels and accelerator patterns serves both:
 *
 *     RequantizedGemm, RequantizedConv    Gemm or Conv, RequantShift
 *     RequantizedAdd                      RequantShift of each term, Add, RequantShift
 *     RequantizediGELU, …Hardswish        the activation, RequantShift with addend add · mul + div / 2
 *     QLinearMatMul, QLinearConv, QGemm   MatMulInteger, ConvInteger or Gemm, QuantizeProduct (domain `engine`)
 *     MatMulInteger, ConvInteger          with zero points that are not one constant for all: Sub, MatMul or Conv
 */
import { numberAttribute } from '../graph/attributes.ts';
import { fromNumbers, numeric } from '../graph/elements.ts';
import {
  elements,
  type Attribute,
  type ElementType,
  type Graph,
  type Node,
  type Tensor,
  type TensorData,
} from '../graph/graph.ts';
import { integerTypeOf } from '../graph/integers.ts';
import { fail, integerResult } from '../graph/rule.ts';
import { isSigned } from '../graph/shapes-pulp.ts';

const f32 = Math.fround;

/** Collects what takes the place of one node. */
class Parts {
  readonly nodes: Node[] = [];
  readonly node: Node;
  readonly inputs: readonly Tensor[];
  readonly #tensors: Map<string, Tensor>;

  constructor(node: Node, tensors: Map<string, Tensor>) {
    this.node = node;
    this.#tensors = tensors;
    this.inputs = node.inputs.map((name) => tensors.get(name)) as Tensor[];
  }

  get output(): Tensor {
    return this.#tensors.get(this.node.outputs[0]) as Tensor;
  }

  /** A fresh tensor under a name of its own. */
  tensor(role: string, type: ElementType, shape: readonly number[], data?: TensorData): Tensor {
    let name = `${this.node.outputs[0]}/${role}`;
    while (this.#tensors.has(name)) name = `${name}_`;
    const tensor: Tensor = { name, type, shape, ...(data ? { data } : {}) };
    this.#tensors.set(name, tensor);
    return tensor;
  }

  /** A constant of one value, int32 or wider. */
  constant(role: string, value: number): Tensor {
    const type = integerTypeOf(Float64Array.of(value), true);
    if (!type) throw fail(this.node, `its ${role} is ${value}, expected an integer`);
    return this.tensor(role, type, [], fromNumbers(type, [value]));
  }

  /** Adds a node; the last one of all writes the output of the node that is replaced. */
  add(
    op: string,
    role: string,
    inputs: readonly (Tensor | undefined)[],
    output: Tensor,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Tensor {
    const { name } = this.node;
    const last = output === this.output;
    this.nodes.push({
      name: last ? name : `${name}/${role}`,
      op,
      domain,
      inputs: inputs.map((tensor) => tensor?.name ?? ''),
      outputs: [output.name],
      attributes: { ...attributes, sources: name },
    });
    return output;
  }

  sum(op: string, inputs: readonly (Tensor | undefined)[], shape = this.output.shape): Tensor {
    const type = integerResult(inputs[0]?.type ?? 'int32', 'int32');
    return this.add(op, 'sum', inputs, this.tensor('sum', type, shape), this.node.attributes);
  }
}

/** The attributes of the RequantShift that a fused operator ends with; its addend holds the rounding already. */
const requantAttributes = (node: Node): Record<string, Attribute> => ({
  div: numberAttribute(node, 'div'),
  rounding: 0,
  n_levels_out: numberAttribute(node, 'n_levels_out', numberAttribute(node, 'n_levels', 256)),
  signed: isSigned(node) ? 1 : 0,
});

/** Entry i of a list, or its only one. */
const at = (values: ArrayLike<number>, i: number): number => values[values.length === 1 ? 0 : i];

const activation =
  (op: string) =>
  (parts: Parts): void => {
    const { node, inputs } = parts;
    const parameter = (at: number, role: string): TensorData =>
      inputs[at]?.data ?? Float64Array.of(numberAttribute(node, role));
    const [mul, add] = [numeric(parameter(1, 'mul')), numeric(parameter(2, 'add'))];
    const half = Math.floor(numberAttribute(node, 'div') / 2);
    const count = Math.max(mul.length, add.length);
    const shapeOf = (
      longest: ArrayLike<number>,
      tensor: Tensor | undefined,
    ): readonly number[] | undefined => (longest.length === count ? tensor?.shape : undefined);
    const shape = shapeOf(mul, inputs[1]) ?? shapeOf(add, inputs[2]) ?? [count];
    const values = (of: (i: number) => number): Float64Array =>
      Float64Array.from({ length: count }, (_, i) => of(i));
    const constant = (role: string, numbers: Float64Array): Tensor => {
      const type = integerTypeOf(numbers, true);
      if (!type) throw fail(node, `its ${role} holds values that are no integers`);
      return parts.tensor(role, type, shape, fromNumbers(type, numbers));
    };
    const y = parts.sum(op, [inputs[0]]);
    const factor = constant(
      'mul',
      values((i) => at(mul, i)),
    );
    const addend = constant(
      'add',
      values((i) => at(add, i) * at(mul, i) + half),
    );
    parts.add('RequantShift', 'requant', [y, factor, addend], parts.output, requantAttributes(node));
  };

function requantizedAdd(parts: Parts): void {
  const { node, inputs, output } = parts;
  const step = (x: Tensor, prefix: string, target?: Tensor): Tensor => {
    const get = (role: string, fallback?: number): number =>
      numberAttribute(node, `${prefix}_${role}`, fallback);
    const signed = get('signed', 1) !== 0;
    const y = target ?? parts.tensor(prefix, integerResult(x.type, signed ? 'int8' : 'uint8'), x.shape);
    const constants = [
      parts.constant(`${prefix}_mul`, get('mul')),
      parts.constant(`${prefix}_add`, get('add')),
    ];
    return parts.add('RequantShift', prefix, [x, ...constants], y, {
      div: get('div'),
      rounding: 0,
      n_levels_out: get('n_levels_out', 256),
      signed: signed ? 1 : 0,
    });
  };
  const terms = [step(inputs[0], 'rqs1'), step(inputs[1], 'rqs2')];
  step(parts.sum('Add', terms), 'rqsOut', output);
}

/** Whether a zero point is one constant for all entries, which the kernels subtract on the way. */
const single = (zero: Tensor | undefined): boolean =>
  !zero || (zero.data !== undefined && elements(zero.shape) === 1);

/** x less its zero points, given along axis `axis` of x. */
function withoutZero(parts: Parts, role: string, x: Tensor, zero: Tensor | undefined, axis: number): Tensor {
  if (!zero || (zero.data && numeric(zero.data).every((z) => z === 0))) return x;
  const count = elements(zero.shape);
  const shape = x.shape.map((_, i) => (i === axis && count > 1 ? count : 1));
  const spread = zero.data ? parts.tensor(`${role}_zero`, zero.type, shape, zero.data) : zero;
  if (!zero.data && count > 1) throw fail(parts.node, `its zero points ${zero.name} must be constants`);
  if (!x.data || !zero.data) return parts.add('Sub', role, [x, spread], parts.tensor(role, 'int32', x.shape));
  // Both are constants: the differences in the narrowest type.
  const inner = elements(x.shape.slice(axis + 1));
  const zeros = numeric(zero.data);
  const values = Float64Array.from(
    numeric(x.data),
    (v, i) => v - zeros[count === 1 ? 0 : Math.floor(i / inner) % count],
  );
  const type = integerTypeOf(values) ?? 'int32';
  return parts.tensor(role, type, x.shape, fromNumbers(type, values));
}

function matMulInteger(
  parts: Parts,
  target: Tensor,
  [a, b, za, zb]: readonly (Tensor | undefined)[],
): Tensor {
  if (!a || !b) throw fail(parts.node, 'lacks an operand');
  if (single(za) && single(zb)) return parts.add('MatMulInteger', 'sum', [a, b, za, zb], target);
  const left = withoutZero(parts, 'a', a, za, a.shape.length - 2);
  return parts.add('MatMul', 'sum', [left, withoutZero(parts, 'b', b, zb, b.shape.length - 1)], target);
}

function convInteger(
  parts: Parts,
  target: Tensor,
  inputs: readonly (Tensor | undefined)[],
  bias?: Tensor,
): Tensor {
  const [x, w, zx, zw] = inputs;
  if (!x || !w) throw fail(parts.node, 'lacks an operand');
  const { attributes } = parts.node;
  const filters = withoutZero(parts, 'w', w, zw, 0);
  if (single(zx) && !bias) return parts.add('ConvInteger', 'sum', [x, filters, zx], target, attributes);
  return parts.add('Conv', 'sum', [withoutZero(parts, 'x', x, zx, 1), filters, bias], target, attributes);
}

/** f32(f32(a · b) / y) for each b, and the node that multiplies sums by it. */
function quantizeProduct(
  parts: Parts,
  sums: Tensor,
  [sa, sb, sy]: readonly (Tensor | undefined)[],
  zero: Tensor | undefined,
  axis: number,
  alpha = 1,
): void {
  const values = (tensor: Tensor | undefined): ArrayLike<number> => {
    if (!tensor) return [1];
    if (!tensor.data) throw fail(parts.node, `its scale ${tensor.name} must be a constant`);
    return numeric(tensor.data);
  };
  const [left, right] = [f32(alpha * values(sa)[0]), values(sb)];
  const divisor = f32(values(sy)[0]);
  const factors = Float32Array.from(right, (s) => f32(f32(left * s) / divisor));
  const factor = parts.tensor('factor', 'float32', [factors.length], factors);
  parts.add('QuantizeProduct', 'requant', [sums, factor, zero], parts.output, { axis }, 'engine');
}

function qLinearMatMul(parts: Parts): void {
  const [a, sa, za, b, sb, zb, sy, zy] = parts.inputs;
  const { shape } = parts.output;
  const sums = matMulInteger(parts, parts.tensor('sum', 'int32', shape), [a, b, za, zb]);
  quantizeProduct(parts, sums, [sa, sb, sy], zy, shape.length - 1);
}

function qLinearConv(parts: Parts): void {
  const [x, sx, zx, w, sw, zw, sy, zy, bias] = parts.inputs;
  const sums = convInteger(parts, parts.tensor('sum', 'int32', parts.output.shape), [x, w, zx, zw], bias);
  quantizeProduct(parts, sums, [sx, sw, sy], zy, 1);
}

function qGemm(parts: Parts): void {
  const { node, inputs, output } = parts;
  const [a, sa, za, b, sb, zb, c, sy, zy] = inputs;
  const columns = numberAttribute(node, 'transB', 0) !== 0 ? b.shape.length - 2 : b.shape.length - 1;
  const operands = [
    withoutZero(parts, 'a', a, za, a.shape.length - 1),
    withoutZero(parts, 'b', b, zb, columns),
    c,
  ];
  const { transA = 0, transB = 0 } = node.attributes;
  const sums = parts.add('Gemm', 'sum', operands, parts.tensor('sum', 'int32', output.shape), {
    transA,
    transB,
  });
  const alpha = numberAttribute(node, 'alpha', 1);
  quantizeProduct(parts, sums, [sa, sb, sy], zy, output.shape.length - 1, alpha);
}

const DECOMPOSITIONS: Readonly<Record<string, (parts: Parts) => void>> = {
  ConvInteger: (parts) => void convInteger(parts, parts.output, parts.inputs),
  MatMulInteger: (parts) => void matMulInteger(parts, parts.output, parts.inputs),
  QGemm: qGemm,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
  RequantizedAdd: requantizedAdd,
  RequantizedConv: (parts) => {
    const { inputs } = parts;
    const operands = inputs.length === 5 ? 3 : 2;
    const [mul, add] = inputs.slice(operands);
    const sums = parts.sum('Conv', inputs.slice(0, operands));
    parts.add('RequantShift', 'requant', [sums, mul, add], parts.output, requantAttributes(parts.node));
  },
  RequantizedGemm: (parts) => {
    const [a, b, add, mul] = parts.inputs;
    const sums = parts.sum('Gemm', [a, b]);
    parts.add('RequantShift', 'requant', [sums, mul, add], parts.output, requantAttributes(parts.node));
  },
  RequantizediGELU: activation('iGELU'),
  RequantizediHardswish: activation('iHardswish'),
};

/** The network in plain operators. @throws DeployError naming the node whose parameters do not allow that */
export function decompose(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.flatMap((node) => {
    if (!Object.hasOwn(DECOMPOSITIONS, node.op)) return [node];
    const parts = new Parts(node, tensors);
    DECOMPOSITIONS[node.op](parts);
    return parts.nodes;
  });
  return { ...graph, nodes, tensors };
}
