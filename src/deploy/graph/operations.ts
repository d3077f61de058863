/** How much arithmetic a network is: the multiply-adds of its products, whatever machine computes them. */
import { elements, type Graph, type Node, type Tensor } from './graph.ts';
import { convLayout, gemmLayout } from './shapes-linear.ts';

export interface Operations {
  readonly macs: number;
  /** Two for each multiply-add: the usual unit of rates and efficiencies. */
  readonly operations: number;
}

/** Axes of `rows` entries of which the first `valid` are the network's and the others padding. */
interface Padding {
  readonly rows: number;
  readonly valid: number;
}

/** The sizes whose product is the number of multiply-adds of a node. */
type Sizes = (node: Node, inputs: readonly Tensor[], output: Tensor) => readonly number[];

/** A product of matrices: the result's sizes, each entry a sum over the inner one. */
const matrices: Sizes = (_, [a], output) => [...output.shape, a.shape.at(-1) ?? 1];

const gemm =
  (second: 1 | 3): Sizes =>
  (node, inputs) => {
    const { batch, rows, inner, columns } = gemmLayout(node, inputs[0], inputs[second]);
    return [...batch, rows, inner, columns];
  };

/** Every output is a sum over its window; what of the window lies in the border counts too, as is usual. */
const convolution =
  (second: 1 | 3): Sizes =>
  (node, inputs, output) => {
    const { inputs: channels, window } = convLayout(node, inputs[0], inputs[second]);
    return [...output.shape, channels, ...window.map((axis) => axis.kernel)];
  };

const PRODUCTS: Readonly<Record<string, Sizes>> = {
  MatMul: matrices,
  MatMulInteger: matrices,
  QLinearMatMul: matrices,
  Linear: (_, [x, w]) => [...x.shape.slice(0, -1), ...w.shape],
  Gemm: gemm(1),
  QGemm: gemm(3),
  RequantizedGemm: gemm(1),
  Conv: convolution(1),
  ConvInteger: convolution(1),
  QLinearConv: convolution(3),
  RequantizedConv: convolution(1),
};

/**
 * The multiply-adds of a network whose shapes are known (`inferShapes`): of its products of matrices and convolutions;
 * element-wise arithmetic, normalisations and softmaxes are not counted, as publications do.
 * @param padding axes of products that were lengthened count with their valid part only
 */
export function operationsOf(graph: Graph, padding?: Padding): Operations {
  const valid = (size: number): number => (padding && size === padding.rows ? padding.valid : size);
  let macs = 0;
  for (const node of graph.nodes) {
    if (!Object.hasOwn(PRODUCTS, node.op)) continue;
    const tensors = node.inputs.map((name) => graph.tensors.get(name) as Tensor);
    const output = graph.tensors.get(node.outputs[0]) as Tensor;
    macs += elements(PRODUCTS[node.op](node, tensors, output).map(valid));
  }
  return { macs, operations: 2 * macs };
}
