/** Orders nodes so that each comes after the producers of its inputs (ONNX IR specification, "Graphs"). */
import { InputError } from '../../errors.ts';
import type { Node } from './graph.ts';

/**
 * Returns the nodes in an order of execution. Nodes already in order keep their places.
 * @param available names of the tensors that need no producer: graph inputs and constants
 * @param where prefix of error messages: the file or the graph's name
 * @throws InputError when two nodes produce one tensor, a tensor has no producer, or nodes form a cycle
 */
export function topological(nodes: readonly Node[], available: ReadonlySet<string>, where: string): Node[] {
  const producer = producers(nodes, available, where);
  const order: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();

  for (const root of nodes) {
    // An explicit stack: networks may be deeper than the call stack of the host.
    const path: { node: Node; next: number }[] = [];
    const open = (node: Node): void => {
      state.set(node, 'open');
      path.push({ node, next: 0 });
    };
    if (!state.has(root)) open(root);
    while (path.length > 0) {
      const top = path[path.length - 1];
      if (top.next === top.node.inputs.length) {
        state.set(top.node, 'done');
        order.push(top.node);
        path.pop();
        continue;
      }
      const input = top.node.inputs[top.next++];
      if (input === '' || available.has(input)) continue;
      const before = producer.get(input);
      if (before === undefined) {
        throw new InputError(
          `${where}: node ${top.node.name} (${top.node.op}) reads ${input}, which no node produces and which is neither a graph input nor a constant`,
        );
      }
      if (state.get(before) === 'open') {
        const loop = path.slice(path.findIndex((p) => p.node === before)).map((p) => p.node.name);
        throw new InputError(`${where}: the nodes ${[...loop, loop[0]].join(' ← ')} form a cycle`);
      }
      if (!state.has(before)) open(before);
    }
  }
  return order;
}

function producers(nodes: readonly Node[], available: ReadonlySet<string>, where: string): Map<string, Node> {
  const producer = new Map<string, Node>();
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      const other = producer.get(output);
      if (other)
        throw new InputError(`${where}: both ${other.name} and ${node.name} produce the tensor ${output}`);
      if (available.has(output)) {
        throw new InputError(
          `${where}: node ${node.name} produces ${output}, which is a graph input or constant already`,
        );
      }
      producer.set(output, node);
    }
  }
  return producer;
}
