/**
 * Type and shape inference for the operators of the flow, all shapes static: one table per family, in shapes-*.ts.
 * Standard operators follow the ONNX operator reference, the others the PULP integer dialect. Where a file stores
 * integers as float32, the inferred type stays float32.
 */
import { DeployError } from '../../errors.ts';
import { elements, type Graph, type Node, type Tensor } from './graph.ts';
import { fail, text, type Described, type OperatorRow, type OperatorTable } from './rule.ts';
import { ELEMENTWISE_SHAPES } from './shapes-elementwise.ts';
import { LINEAR_SHAPES } from './shapes-linear.ts';
import { MOVEMENT_SHAPES } from './shapes-movement.ts';
import { OWN_SHAPES } from './shapes-own.ts';
import { PULP_SHAPES } from './shapes-pulp.ts';

export { axisOf, constantIntegers } from './rule.ts';
export { sliceRanges, type SliceRange } from './shapes-movement.ts';

/** Every operator shape inference knows, by name. */
export const OPERATORS: OperatorTable = {
  ...MOVEMENT_SHAPES,
  ...LINEAR_SHAPES,
  ...ELEMENTWISE_SHAPES,
  ...PULP_SHAPES,
  ...OWN_SHAPES,
};

const BY_NAME = new Map(Object.entries(OPERATORS));

/** Elements no tensor may have; a shape beyond is a mistake that would only exhaust the host. */
const MOST_ELEMENTS = 2 ** 31;
/** Dimensions no tensor may have, as in the frameworks that write the files. */
const MOST_DIMENSIONS = 64;

function requireCount(
  node: Node,
  what: string,
  found: number,
  [least, most]: readonly [number, number],
): void {
  if (found >= least && found <= most) return;
  const expected = least === most ? least : most === Infinity ? `${least} or more` : `${least} to ${most}`;
  throw fail(node, `has ${found} ${what}, expected ${expected}`);
}

function rowOf(node: Node): OperatorRow {
  const row = BY_NAME.get(node.op);
  if (row) return row;
  const domain = node.domain === '' ? '' : ` of domain ${node.domain}`;
  throw new DeployError(
    `node ${node.name}: operator ${node.op}${domain} is not supported; supported are ${[...BY_NAME.keys()].sort().join(', ')}`,
  );
}

/**
 * The types and shapes of a node's outputs.
 * @throws DeployError naming the node when the operator is unsupported or its inputs do not fit it
 */
export function inferOutputs(node: Node, tensors: ReadonlyMap<string, Tensor>): Tensor[] {
  const row = rowOf(node);
  // Trailing inputs that are left empty are not there.
  const names = node.inputs.slice(0, node.inputs.findLastIndex((name) => name !== '') + 1);
  requireCount(node, 'inputs', names.length, row.inputs);
  const [least, most] = row.inputs;
  const needed = most === Infinity ? names.length : least;
  const missing = names.findIndex((name, i) => name === '' && i < needed && !row.gaps?.includes(i));
  if (missing >= 0) throw fail(node, `leaves its input ${missing} empty`);
  requireCount(node, 'outputs', node.outputs.length, row.outputs ?? [1, 1]);
  const inputs = names.map((name) => {
    const tensor = tensors.get(name);
    if (!tensor && name !== '') throw fail(node, `its input ${name} has no type and shape`);
    return tensor;
  });
  const described = row.rule(node, inputs as Tensor[]);
  const list: readonly Described[] = 'shape' in described ? [described] : described;
  return list.map(({ type, shape }, i) => {
    if (!(elements(shape) < MOST_ELEMENTS) || shape.some((d) => !(d < MOST_ELEMENTS))) {
      throw fail(node, `its result ${text(shape)} has ${elements(shape)} elements, the limit is 2^31 - 1`);
    }
    if (shape.length > MOST_DIMENSIONS) {
      throw fail(node, `its result has ${shape.length} dimensions, the limit is ${MOST_DIMENSIONS}`);
    }
    return { name: node.outputs[i], type, shape };
  });
}

/**
 * The type and shape of the output of a node that has one.
 * @throws DeployError like `inferOutputs`, and when there are several outputs
 */
export function inferNode(node: Node, tensors: ReadonlyMap<string, Tensor>): Tensor {
  const outputs = inferOutputs(node, tensors);
  requireCount(node, 'outputs', outputs.length, [1, 1]);
  return outputs[0];
}

/** Refuses a shape that the file declares otherwise. */
export function requireDeclared(node: Node, inferred: Tensor, declared: Tensor | undefined): void {
  if (declared && text(declared.shape) !== text(inferred.shape)) {
    throw fail(
      node,
      `produces ${text(inferred.shape)}, but ${inferred.name} is declared as ${text(declared.shape)}`,
    );
  }
}

/**
 * Completes the graph with the type and shape of every tensor.
 * @throws DeployError when a node is unsupported, or a shape the file declares disagrees with the inferred one
 */
export function inferShapes(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  for (const node of graph.nodes) {
    for (const inferred of inferOutputs(node, tensors)) {
      if (inferred.name === '') continue;
      requireDeclared(node, inferred, tensors.get(inferred.name));
      tensors.set(inferred.name, inferred);
    }
  }
  return { ...graph, tensors };
}
