/** Every operator the harts execute, with the kernel that does it: one row each. */
import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { type KernelCall, type Lowering, type Operation, unsupported } from './call.ts';
import { ELEMENTWISE_KERNELS } from './elementwise.ts';
import { MOVEMENTS } from './movement.ts';
import { PRODUCTS } from './products.ts';
import { REAL_KERNELS } from './real.ts';
import { RESCALING } from './rescaling.ts';
import { ROW_KERNELS } from './rows.ts';

export const KERNELS: Readonly<Record<string, Lowering>> = {
  ...ELEMENTWISE_KERNELS,
  ...MOVEMENTS,
  ...PRODUCTS,
  ...REAL_KERNELS,
  ...RESCALING,
  ...ROW_KERNELS,
};

/** A node with its tensors. */
export function operationOf(graph: Graph, node: Node): Operation {
  const tensor = (name: string): Tensor => {
    const found = graph.tensors.get(name);
    if (!found) throw new Error(`graph ${graph.name} has no tensor ${name}`);
    return found;
  };
  const inputs = node.inputs.map((name) => (name === '' ? undefined : tensor(name))) as Tensor[];
  return { node, inputs, outputs: node.outputs.map((name) => (name === '' ? UNUSED : tensor(name))) };
}

const UNUSED: Tensor = { name: '', type: 'int8', shape: [0] };

/**
 * The kernel calls that compute output `index` of a node.
 * @throws DeployError naming the node when the harts have no kernel for it
 */
export function callsOf(operation: Operation, index: number): readonly KernelCall[] {
  const { node } = operation;
  if (!Object.hasOwn(KERNELS, node.op)) {
    const types = operation.inputs.map((tensor) => (tensor ? `${tensor.name} ${tensor.type}` : 'none'));
    throw unsupported(node, `is not deployed: no kernel computes it (on ${types.join(', ')})`);
  }
  return KERNELS[node.op](operation, index);
}
