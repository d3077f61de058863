/** A network as a Graphviz drawing: nodes with their operator, edges with type and shape of what flows. */
import type { Graph, Tensor } from '../graph/graph.ts';

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const kind = (tensor: Tensor | undefined): string =>
  tensor ? `${tensor.type} [${tensor.shape.join(', ')}]` : '';

/** The text of a `.dot` file. Constants stand in the node that reads them; inputs and outputs are ellipses. */
export function emitDot(graph: Graph): string {
  const { nodes, tensors } = graph;
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node.name])));
  const lines = [`digraph ${quoted(graph.name)} {`, '  node [shape=box];'];
  for (const name of graph.inputs)
    lines.push(`  ${quoted(`in ${name}`)} [label=${quoted(name)}, shape=ellipse];`);
  for (const node of nodes) {
    const constants = node.inputs.flatMap((name) => {
      const tensor = tensors.get(name);
      return tensor?.data ? [`${name}: ${kind(tensor)}`] : [];
    });
    const label = [node.op, node.name, ...constants].map((line) => quoted(line).slice(1, -1)).join('\\n');
    lines.push(`  ${quoted(node.name)} [label="${label}"];`);
  }
  const edge = (name: string, to: string): string => {
    const from = producers.get(name) ?? `in ${name}`;
    return `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(kind(tensors.get(name)))}];`;
  };
  for (const node of nodes) {
    const flowing = node.inputs.filter((name) => name !== '' && !tensors.get(name)?.data);
    lines.push(...flowing.map((name) => edge(name, node.name)));
  }
  for (const name of graph.outputs) {
    lines.push(
      `  ${quoted(`out ${name}`)} [label=${quoted(name)}, shape=ellipse];`,
      edge(name, `out ${name}`),
    );
  }
  return `${[...lines, '}'].join('\n')}\n`;
}
