/** Constant folding: what a network works out from constants and shapes alone is worked out before anything else. */
import { DeployError } from '../../errors.ts';
import { ARRAY, fromNumbers } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { inferOutputs } from '../graph/shapes.ts';
import { evaluateOutputs } from '../reference/integer.ts';
import { MOVEMENT } from '../reference/movement.ts';
import { valueOf } from '../reference/value.ts';

/** Operators that are folded: exporters compute shapes with them. Scales and weights stay what the file says. */
const FOLDED = new Set([...Object.keys(MOVEMENT), 'Split', 'Add', 'Cast', 'Div', 'Mul', 'Sub']);

/** Constants beyond this many elements are not made of smaller ones; a table that large belongs in the file. */
const MOST_ELEMENTS = 1 << 16;

/** Whether every output of the node follows from constants and shapes. */
function isConstant(node: Node, outputs: readonly Tensor[], tensors: ReadonlyMap<string, Tensor>): boolean {
  const largest = Math.max(
    MOST_ELEMENTS,
    ...node.inputs.map((name) => elements(tensors.get(name)?.shape ?? [0])),
  );
  if (!FOLDED.has(node.op) || outputs.some(({ shape }) => elements(shape) > largest)) return false;
  return node.op === 'Shape' || node.inputs.every((name) => name === '' || tensors.get(name)?.data);
}

function evaluated(node: Node, outputs: readonly Tensor[], tensors: ReadonlyMap<string, Tensor>): Tensor[] {
  const values = evaluateOutputs(node, (name) => {
    const tensor = tensors.get(name) as Tensor;
    // Shape looks at the shape only.
    return valueOf({ ...tensor, data: tensor.data ?? new ARRAY[tensor.type](0) });
  });
  return outputs.map((tensor, i) => {
    const { data } = values[i];
    const bad = tensor.type === 'int64' ? data.findIndex((x) => !Number.isInteger(x)) : -1;
    if (bad >= 0) {
      throw new DeployError(
        `node ${node.name} (${node.op}): element ${bad} of its constant result is ${data[bad]}, which is no int64`,
      );
    }
    return { ...tensor, data: fromNumbers(tensor.type, data) };
  });
}

/**
 * The network without the nodes whose results are constants; those become constants. A graph output stays a node.
 * @throws DeployError like `inferShapes`
 */
export function foldConstants(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const wanted = new Set(graph.outputs);
  const constants = new Map<string, Tensor>();
  const nodes = graph.nodes.filter((node) => {
    const outputs = inferOutputs(node, tensors);
    const fold = !node.outputs.some((name) => wanted.has(name)) && isConstant(node, outputs, tensors);
    for (const tensor of fold ? evaluated(node, outputs, tensors) : outputs) {
      tensors.set(tensor.name, tensor);
      if (fold) constants.set(tensor.name, tensor);
    }
    return !fold;
  });
  if (constants.size === 0) return graph;
  const read = new Set([
    ...graph.inputs,
    ...graph.outputs,
    ...nodes.flatMap((node) => [...node.inputs, ...node.outputs]),
  ]);
  const kept = [...graph.tensors, ...constants].filter(([name]) => read.has(name));
  return { ...graph, nodes, tensors: new Map(kept) };
}
