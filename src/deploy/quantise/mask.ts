/**
 * Masked attention for an accelerator without a mask: a constant added to the logits that takes keys out of the softmax
 * becomes part of the product. Queries and keys get further columns, a constant c in every query and -d in the masked keys,
 * so that the masked logits fall below all others by n · c · d for n columns, and the int8 logits to -128.
 */
import { numeric } from '../graph/elements.ts';
import { elements, type Graph, type Node, type Tensor } from '../graph/graph.ts';
import { unsupported, valuesBehind } from './operators.ts';
import { KEEPS_UNITS, operands, scalarOf, tensorOf, Uses } from './scales.ts';
import type { Statistics } from './statistics.ts';

/** What a mask adds at least to count as one: a probability of e^-20 is nothing. */
const LEAST_DROP = 20;
/** Edge of the accelerator's tile: columns up to a multiple of it cost nothing. */
const TILE = 64;
/** Octaves between the masked logits and the others, with what the others spread, in real units. */
const WANTED_DROP = 24;

/** One masked product of queries and keys. */
export interface MaskedAttention {
  readonly product: Node;
  /** The Add of the mask. */
  readonly add: Node;
  /** Queries [.., rows, width] and the keys before they are transposed. */
  readonly query: string;
  readonly key: string;
  readonly transpose: Node;
  /** Factor of the product before the mask is added. */
  readonly factor: number;
  /** Which keys are masked. */
  readonly masked: readonly boolean[];
}

/** The masked products of a graph. Throws DeployError naming a mask that differs by query or is no mask. */
export function maskedAttention(graph: Graph): MaskedAttention[] {
  const uses = new Uses(graph);
  return graph.nodes.flatMap((softmax) => {
    const add = softmax.op === 'Softmax' ? uses.producer(softmax.inputs[0]) : undefined;
    if (add?.op !== 'Add') return [];
    const [logits, mask] = operands(graph, add);
    if (mask === undefined) return [];
    let factor = 1;
    let at = uses.producer(logits);
    while (at && (at.op === 'Mul' || at.op === 'Div')) {
      const [flowing, constant] = operands(graph, at);
      const one = constant === undefined ? undefined : scalarOf(graph, constant);
      if (one === undefined) return [];
      factor *= at.op === 'Mul' ? one : 1 / one;
      at = uses.producer(flowing);
    }
    const transpose = at && uses.producer(at.inputs[1]);
    if (at?.op !== 'MatMul' || transpose?.op !== 'Transpose') return [];
    const masked = maskOf(graph, add, mask);
    return [{ product: at, add, query: at.inputs[0], key: transpose.inputs[0], transpose, factor, masked }];
  });
}

function maskOf(graph: Graph, add: Node, name: string): boolean[] {
  const { data, shape } = tensorOf(graph, name) as Required<Tensor>;
  const values = numeric(data);
  const keys = shape[shape.length - 1];
  return Array.from({ length: keys }, (_, k) => {
    for (let i = k; i < values.length; i += keys) {
      if (values[i] !== values[k]) throw unsupported(add, `its mask ${name} differs between queries`);
    }
    if (values[k] !== 0 && values[k] > -LEAST_DROP) {
      throw unsupported(add, `its mask ${name} adds ${values[k]}, expected 0 or ${-LEAST_DROP} and less`);
    }
    return values[k] !== 0;
  });
}

/** The graph with every mask in the product in front of it; real values stay what they were. */
export function widenMasked(graph: Graph, masks: readonly MaskedAttention[], statistics: Statistics): Graph {
  const uses = new Uses(graph);
  const tensors = new Map(graph.tensors);
  const replaced = new Map<Node, readonly Node[]>();
  const renamed = new Map<string, string>();
  for (const mask of masks) {
    const { product, add, query, key, transpose } = mask;
    const [c, d] = [statistics.range(query), statistics.range(key)];
    const shape = tensorOf(graph, key).shape;
    const width = shape[shape.length - 1];
    const drop = c * d * Math.abs(mask.factor);
    const least = Math.ceil((WANTED_DROP + spread(mask, statistics)) / Math.max(drop, 1e-9));
    const columns = Math.ceil((width + least) / TILE) * TILE - width;
    const wide = { columns, width };
    const [q, moreQuery] = widened(graph, uses, tensors, query, wide, c);
    const [k, moreKey] = widened(graph, uses, tensors, key, wide);
    const constant = (name: string, dims: readonly number[], value: (i: number) => number): string => {
      tensors.set(name, {
        name,
        type: 'float32',
        shape: dims,
        data: Float32Array.from({ length: elements(dims) }, (_, i) => value(i)),
      });
      return name;
    };
    const flowing = (name: string, of: string): string => {
      const dims = tensorOf(graph, of).shape;
      tensors.set(name, { name, type: 'float32', shape: [...dims.slice(0, -1), width + columns] });
      return name;
    };
    const own = width + columns;
    const isExtra = (i: number): boolean => i % own >= width;
    // A bias of the queries takes up the constant.
    const hasBias = uses.producer(query)?.op === 'Add';
    const queries: Node = {
      name: `${query}/constant_columns`,
      op: 'Add',
      domain: '',
      attributes: {},
      inputs: [q, constant(`${query}/constant_columns/value`, [own], (i) => (isExtra(i) ? c : 0))],
      outputs: [flowing(`${query}/with_mask`, query)],
    };
    const keys: Node = {
      name: `${key}/mask_columns`,
      op: 'Add',
      domain: '',
      attributes: { [KEEPS_UNITS]: 1 },
      inputs: [
        k,
        constant(`${key}/mask_columns/value`, [mask.masked.length, own], (i) =>
          isExtra(i) && mask.masked[Math.floor(i / own)] ? -d : 0,
        ),
      ],
      outputs: [flowing(`${key}/with_mask`, key)],
    };
    const swapped = tensorOf(graph, transpose.outputs[0]).shape.slice();
    swapped[swapped.length - 2] = own;
    const turned = `${transpose.outputs[0]}/with_mask`;
    tensors.set(turned, { name: turned, type: 'float32', shape: swapped });
    for (const [node, nodes] of [...moreQuery, ...moreKey]) replaced.set(node, nodes);
    replaced.set(product, [
      ...(hasBias ? [] : [queries]),
      keys,
      { ...transpose, inputs: keys.outputs, outputs: [turned] },
      { ...product, inputs: [hasBias ? q : queries.outputs[0], turned] },
    ]);
    for (const [node, nodes] of wideValues(graph, uses, tensors, mask, wide)) replaced.set(node, nodes);
    replaced.set(transpose, []);
    replaced.set(add, []);
    renamed.set(add.outputs[0], operands(graph, add)[0]);
  }
  const nodes = graph.nodes
    .flatMap((node) => replaced.get(node) ?? [node])
    .map((node) => ({ ...node, inputs: node.inputs.map((name) => renamed.get(name) ?? name) }));
  return { ...graph, nodes, tensors };
}

/**
 * Values as wide as queries and keys, which a head of the accelerator needs: further columns of zeros, and further rows of
 * zeros in the projection behind. Where something else than a projection reads the context, values stay as they are.
 */
function wideValues(
  graph: Graph,
  uses: Uses,
  tensors: Map<string, Tensor>,
  { add }: MaskedAttention,
  wide: { readonly columns: number; readonly width: number },
): ReadonlyMap<Node, readonly Node[]> {
  const softmax = uses.onlyReader(add.outputs[0]);
  const values = softmax && valuesBehind(graph, uses, softmax);
  const product = softmax && uses.onlyReader(softmax.outputs[0]);
  const projection = product && uses.onlyReader(product.outputs[0]);
  if (values === undefined || !product || projection?.op !== 'MatMul') return new Map();
  const weight = tensorOf(graph, projection.inputs[1]);
  const { shape } = tensorOf(graph, values);
  if (!weight.data || weight.shape.length !== 2 || shape[1] !== wide.width) return new Map();
  const [v, more] = widened(graph, uses, tensors, values, wide);
  const [context] = product.outputs;
  tensors.set(context, {
    name: context,
    type: 'float32',
    shape: [softmaxRows(graph, softmax), wide.width + wide.columns],
  });
  const rows = new Float32Array((wide.width + wide.columns) * weight.shape[1]);
  rows.set(numeric(weight.data));
  const name = `${weight.name}/widened`;
  tensors.set(name, {
    name,
    type: 'float32',
    shape: [wide.width + wide.columns, weight.shape[1]],
    data: rows,
  });
  return new Map([
    ...more,
    [product, [{ ...product, inputs: [product.inputs[0], v] }]],
    [projection, [{ ...projection, inputs: [projection.inputs[0], name] }]],
  ]);
}

const softmaxRows = (graph: Graph, softmax: Node): number => tensorOf(graph, softmax.outputs[0]).shape[0];

/** How far real logits reach on the calibration rows: the largest |q| · |k|. */
function spread({ query, key, factor }: MaskedAttention, statistics: Statistics): number {
  const longest = (name: string): number =>
    Math.sqrt(
      statistics.rows(name).reduce(
        (m, row) =>
          Math.max(
            m,
            row.reduce((s, v) => s + v * v, 0),
          ),
        0,
      ),
    );
  return longest(query) * longest(key) * Math.abs(factor);
}

/** A linear layer with further columns of zeros, or of `biased` where it has a bias; returns its output and the nodes to replace. */
function widened(
  graph: Graph,
  uses: Uses,
  tensors: Map<string, Tensor>,
  name: string,
  { columns, width }: { columns: number; width: number },
  biased = 0,
): [string, Map<Node, readonly Node[]>] {
  const nodes = new Map<Node, readonly Node[]>();
  const wider = (constant: string, fill: number): string => {
    const { data, shape } = tensorOf(graph, constant) as Required<Tensor>;
    const values = numeric(data);
    const own = width + columns;
    const rows = elements(shape) / width;
    const wide = new Float32Array(rows * own).fill(fill);
    for (let r = 0; r < rows; r++) wide.set(values.subarray(r * width, (r + 1) * width), r * own);
    const result = `${constant}/widened`;
    tensors.set(result, { name: result, type: 'float32', shape: [...shape.slice(0, -1), own], data: wide });
    return result;
  };
  const visit = (tensor: string): string => {
    const node = uses.producer(tensor);
    const constant = node?.inputs[1];
    const fits =
      node &&
      constant !== undefined &&
      tensorOf(graph, constant).data &&
      tensorOf(graph, constant).shape.at(-1) === width;
    if (!fits || !uses.onlyReader(tensor) || !(node.op === 'MatMul' || node.op === 'Add')) {
      throw unsupported(
        node ?? graph.nodes[0],
        `the masked attention takes ${name}, which is not the output of a linear layer of its own`,
      );
    }
    const wide = `${tensor}/widened`;
    const { shape } = tensorOf(graph, tensor);
    const inputs = [
      node.op === 'Add' ? visit(node.inputs[0]) : node.inputs[0],
      wider(constant, node.op === 'Add' ? biased : 0),
    ];
    tensors.set(wide, { name: wide, type: 'float32', shape: [...shape.slice(0, -1), width + columns] });
    nodes.set(node, [{ ...node, inputs, outputs: [wide] }]);
    return wide;
  };
  return [visit(name), nodes];
}
