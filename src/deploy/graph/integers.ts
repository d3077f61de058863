/**
 * Networks whose files store integers as float32, as the exporters of the PULP dialect do: constants become integer
 * tensors by the range of their values, inputs and activations integer types, rounding a part of the addends.
 */
import { ARRAY, fromNumbers, isFloat, numeric } from './elements.ts';
import type { Attribute, ElementType, Graph, Node, Tensor, TensorData } from './graph.ts';
import { requantRounding } from './requant.ts';
import { fail } from './rule.ts';
import { inferOutputs, OPERATORS, requireDeclared } from './shapes.ts';

/** The integer types and their bounds, narrowest first. */
const RANGES: readonly (readonly [type: ElementType, least: number, most: number])[] = [
  ['int8', -128, 127],
  ['uint8', 0, 255],
  ['int16', -32768, 32767],
  ['int32', -(2 ** 31), 2 ** 31 - 1],
  ['int64', -(2 ** 53), 2 ** 53],
];

/**
 * The narrowest integer type that holds every value, int8 before uint8; undefined when one is no integer.
 * @param wide leaves out the types narrower than int32
 */
export function integerTypeOf(data: TensorData, wide = false): ElementType | undefined {
  let least = 0;
  let most = 0;
  for (const x of numeric(data)) {
    if (!Number.isInteger(x)) return undefined;
    if (x < least) least = x;
    else if (x > most) most = x;
  }
  return RANGES.find(
    ([type, low, high]) => least >= low && most <= high && !(wide && ARRAY[type].BYTES_PER_ELEMENT < 4),
  )?.[0];
}

const isPulp = (node: Node): boolean =>
  Object.hasOwn(OPERATORS, node.op) && OPERATORS[node.op].set === 'PULP';

/** Whether a network holds operators of the PULP dialect, so that the integers in its floats are meant as integers. */
export const isIntegerNetwork = (graph: Graph): boolean =>
  graph.nodes.some((node) => isPulp(node) && node.op !== 'Quant');

/** Inputs that are as wide as the sums they are added to or multiplied with, not as their values happen to need. */
const WIDE: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    Conv: [2],
    Gemm: [2],
    RequantShift: [1, 2],
    RequantizedConv: [2, 3, 4],
    RequantizedGemm: [2, 3],
    RequantizediGELU: [1, 2],
    iLayerNorm: [1, 2],
    iNoNorm: [1, 2],
    iRMSNorm: [1],
  }),
);

/** Attributes as exporters store them, a number as a tensor of one element, become plain numbers. */
function plainAttributes(node: Node): Record<string, Attribute> {
  return Object.fromEntries(
    Object.entries(node.attributes).map(([name, value]) =>
      typeof value === 'object' && 'data' in value && value.data?.length === 1
        ? [name, numeric(value.data)[0]]
        : [name, value],
    ),
  );
}

/**
 * The network in integers, with the type and shape of every tensor; a network of real numbers only gets those.
 *
 * An operator of the PULP dialect takes integers, and so does any other whose inputs from the network are integers; what
 * comes of `Quant` and `QuantizeLinear` is integer, what comes of `Dequant` and `DequantizeLinear` real.
 * @param types types of graph inputs that the file declares as floats; int8 for those of an integer network otherwise
 * @throws DeployError when a constant among integers holds a fraction, and like `inferShapes`
 */
export function integerise(graph: Graph, types: ReadonlyMap<string, ElementType> = new Map()): Graph {
  const tensors = new Map(graph.tensors);
  const quantisedHere = new Set(graph.nodes.flatMap((n) => (n.op.startsWith('Quant') ? n.inputs : [])));
  for (const name of graph.inputs) {
    const tensor = tensors.get(name) as Tensor;
    const assumed = isIntegerNetwork(graph) && !quantisedHere.has(name) ? 'int8' : tensor.type;
    if (isFloat(tensor.type)) tensors.set(name, { ...tensor, type: types.get(name) ?? assumed });
  }
  const nodes = graph.nodes.map((original): Node => {
    const inputs = original.inputs.map((name) => tensors.get(name));
    const flowing = inputs.filter((tensor) => tensor && !tensor.data);
    const row = Object.hasOwn(OPERATORS, original.op) ? OPERATORS[original.op] : undefined;
    const integer =
      original.op !== 'Quant' &&
      !row?.scales &&
      (isPulp(original) || (flowing.length > 0 && flowing.every((t) => t && !isFloat(t.type))));
    const node = integer ? withIntegers(original, tensors) : original;
    for (const inferred of inferOutputs(node, tensors)) {
      if (inferred.name === '') continue;
      requireDeclared(node, inferred, graph.tensors.get(inferred.name));
      tensors.set(inferred.name, inferred);
    }
    return node;
  });
  const used = new Set([
    ...graph.inputs,
    ...graph.outputs,
    ...nodes.flatMap((n) => [...n.inputs, ...n.outputs]),
  ]);
  return { ...graph, nodes, tensors: new Map([...tensors].filter(([name]) => used.has(name))) };
}

/** The node with integer constants in place of its float ones; those are added to `tensors`. */
function withIntegers(node: Node, tensors: Map<string, Tensor>): Node {
  const rounding = node.op === 'RequantShift' ? requantRounding(node) : 0;
  const { rounding: _, ...attributes } = plainAttributes(node);
  const inputs = node.inputs.map((name, i) => {
    const tensor = tensors.get(name);
    const addend = rounding !== 0 && i === 2;
    if (!tensor?.data) {
      if (addend) throw fail(node, `its addend ${name} must be a constant`);
      return name;
    }
    if (addend) return roundedAddend(node, tensor, Math.floor(rounding), tensors);
    if (!isFloat(tensor.type)) return name;
    return integerConstant(node, tensor, WIDE.get(node.op)?.includes(i) ?? false, tensors);
  });
  return { ...node, inputs, attributes };
}

function integerConstant(node: Node, tensor: Tensor, wide: boolean, tensors: Map<string, Tensor>): string {
  const data = numeric(tensor.data as TensorData);
  const type = integerTypeOf(data, wide);
  if (!type) {
    const at = data.findIndex((x) => !Number.isSafeInteger(x));
    throw fail(
      node,
      `its constant ${tensor.name} holds ${data[at]} (element ${at}), but the operator works on integers`,
    );
  }
  tensors.set(tensor.name, { ...tensor, type, data: fromNumbers(type, data) });
  return tensor.name;
}

/** The addend with the half that rounds added to it. */
function roundedAddend(node: Node, tensor: Tensor, half: number, tensors: Map<string, Tensor>): string {
  const sums = Float64Array.from(numeric(tensor.data as TensorData), (x) => x + half);
  const type = integerTypeOf(sums, true);
  if (!type) throw fail(node, `its addend ${tensor.name} holds values that are no integers`);
  let name = `${node.name}/addend`;
  while (tensors.has(name)) name = `${name}/rounded`;
  tensors.set(name, { ...tensor, name, type, data: fromNumbers(type, sums) });
  return name;
}
