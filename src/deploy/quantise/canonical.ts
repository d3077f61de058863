/**
 * Brings a real-valued network into the few forms that quantisation knows. Exporters write GELU and layer normalisation
 * as chains of elementary operators, and linear layers as Gemm; here each becomes one operator, or MatMul and Add.
 */
import { numberAttribute } from '../graph/attributes.ts';
import { numeric } from '../graph/elements.ts';
import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { inferShapes } from '../graph/shapes.ts';

/** The same function with fewer kinds of nodes, and the type and shape of every tensor. */
export function canonical(graph: Graph): Graph {
  return inferShapes(normalisations(gelus(gemms(graph))));
}

/** Finds nodes behind tensors; constants by their one value. */
class Finder {
  readonly #producers: ReadonlyMap<string, Node>;
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#producers = new Map(
      graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)),
    );
  }

  /** The producer of a tensor when it is of this operator. */
  node(name: string | undefined, op: string): Node | undefined {
    const node = name === undefined ? undefined : this.#producers.get(name);
    return node?.op === op ? node : undefined;
  }

  scalar(name: string): number | undefined {
    const data = this.#graph.tensors.get(name)?.data;
    return data?.length === 1 ? numeric(data)[0] : undefined;
  }

  /** The other input of a commutative node whose one input is a constant near `value`. */
  besides(node: Node | undefined, value: number): string | undefined {
    if (node?.inputs.length !== 2) return undefined;
    const at = node.inputs.findIndex(
      (name) => Math.abs((this.scalar(name) ?? NaN) - value) < 1e-3 * Math.abs(value),
    );
    return at < 0 ? undefined : node.inputs[1 - at];
  }

  isConstant(name: string): boolean {
    return this.#graph.tensors.get(name)?.data !== undefined;
  }
}

/** The graph with some nodes replaced, and without those whose results nothing reads any more. */
function rewritten(
  graph: Graph,
  replace: (node: Node) => readonly Node[] | undefined,
  more: readonly Tensor[] = [],
): Graph {
  const nodes = graph.nodes.flatMap((node) => replace(node) ?? [node]);
  const needed = new Set(graph.outputs);
  const kept: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const name of node.inputs) needed.add(name);
    kept.unshift(node);
  }
  const tensors = new Map(graph.tensors);
  for (const tensor of more) tensors.set(tensor.name, tensor);
  return { ...graph, nodes: kept, tensors };
}

/** Gemm with a constant matrix and without factors becomes MatMul and Add. */
function gemms(graph: Graph): Graph {
  const added: Tensor[] = [];
  return rewritten(
    graph,
    (node) => {
      const [a, b, c] = node.inputs;
      const matrix = node.op === 'Gemm' ? graph.tensors.get(b) : undefined;
      const plain = ['alpha', 'beta'].every((name) => numberAttribute(node, name, 1) === 1);
      if (!matrix?.data || !plain || numberAttribute(node, 'transA', 0) !== 0) return undefined;
      const weight = numberAttribute(node, 'transB', 0) === 0 ? b : `${node.name}/transposed`;
      if (weight !== b) added.push(transposed(weight, matrix as Required<Tensor>));
      const [output] = node.outputs;
      const product = c ? `${output}/product` : output;
      const matMul: Node = { ...node, op: 'MatMul', inputs: [a, weight], outputs: [product], attributes: {} };
      if (!c) return [matMul];
      return [
        matMul,
        { ...node, name: `${node.name}/bias`, op: 'Add', inputs: [product, c], attributes: {} },
      ];
    },
    added,
  );
}

function transposed(name: string, { type, shape: [rows, columns], data }: Required<Tensor>): Tensor {
  const values = numeric(data);
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
  return { name, type, shape: [columns, rows], data: turned };
}

/** x / 2 · (1 + erf(x / √2)), its factors in any order, becomes Gelu. */
function gelus(graph: Graph): Graph {
  const find = new Finder(graph);
  const one = (name: string | undefined): string | undefined => {
    const erf = find.node(find.besides(find.node(name, 'Add'), 1), 'Erf');
    const divided = find.node(erf?.inputs[0], 'Div');
    if (divided && Math.abs((find.scalar(divided.inputs[1]) ?? 0) - Math.SQRT2) < 1e-3)
      return divided.inputs[0];
    return find.besides(find.node(erf?.inputs[0], 'Mul'), Math.SQRT1_2);
  };
  /** The x of a product of x, a half and 1 + erf(x / √2). */
  const geluOf = (node: Node): string | undefined => {
    if (node.op !== 'Mul') return undefined;
    const half = find.besides(node, 0.5);
    const outer = half === undefined ? undefined : find.node(half, 'Mul');
    for (const [a, b] of [
      node.inputs,
      node.inputs.toReversed(),
      outer?.inputs ?? [],
      outer?.inputs.toReversed() ?? [],
    ]) {
      if (a === undefined) continue;
      // The half may stand outside, at x, or at the sum.
      for (const [x, sum] of [
        [a, b],
        [find.besides(find.node(a, 'Mul'), 0.5), b],
        [a, find.besides(find.node(b, 'Mul'), 0.5)],
      ]) {
        const halved = outer?.inputs.includes(a) ?? (x !== a || sum !== b);
        if (halved && x !== undefined && one(sum) === x) return x;
      }
    }
    return undefined;
  };
  return rewritten(graph, (node) => {
    const x = geluOf(node);
    return x === undefined
      ? undefined
      : [{ ...node, op: 'Gelu', domain: 'com.microsoft', inputs: [x], attributes: {} }];
  });
}

/** (x - mean) / √(mean((x - mean)²) + ε) · weight + bias becomes LayerNormalization. */
function normalisations(graph: Graph): Graph {
  const find = new Finder(graph);
  const squared = (name: string | undefined): string | undefined => {
    const power = find.node(name, 'Pow');
    if (power) return find.scalar(power.inputs[1]) === 2 ? power.inputs[0] : undefined;
    const product = find.node(name, 'Mul');
    return product && product.inputs[0] === product.inputs[1] ? product.inputs[0] : undefined;
  };
  return rewritten(graph, (node) => {
    const bias = node.op === 'Add' ? node.inputs.find((name) => find.isConstant(name)) : undefined;
    const scaled =
      bias === undefined
        ? undefined
        : find.node(
            node.inputs.find((name) => name !== bias),
            'Mul',
          );
    const weight = scaled?.inputs.find((name) => find.isConstant(name));
    const quotient =
      weight === undefined
        ? undefined
        : find.node(
            scaled?.inputs.find((name) => name !== weight),
            'Div',
          );
    const centred = find.node(quotient?.inputs[0], 'Sub');
    const sum = find.node(find.node(quotient?.inputs[1], 'Sqrt')?.inputs[0], 'Add');
    const epsilonName = sum?.inputs.find((name) => find.isConstant(name));
    const variance = find.node(
      sum?.inputs.find((name) => name !== epsilonName),
      'ReduceMean',
    );
    const mean = find.node(centred?.inputs[1], 'ReduceMean');
    if (!centred || !mean || bias === undefined || weight === undefined || epsilonName === undefined)
      return undefined;
    const [x] = centred.inputs;
    const square = find.node(squared(variance?.inputs[0]), 'Sub');
    if (mean.inputs[0] !== x || square?.inputs[0] !== x) return undefined;
    const epsilon = find.scalar(epsilonName);
    if (epsilon === undefined) return undefined;
    return [
      { ...node, op: 'LayerNormalization', inputs: [x, weight, bias], attributes: { axis: -1, epsilon } },
    ];
  });
}
