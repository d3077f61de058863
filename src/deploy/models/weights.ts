/**
 * Integer parameters from a file the user names, and the file that holds a built network's own parameters.
 *
 * The file is an `.npz` whose arrays carry the names of the network's tensors; every linear layer computes x · W + b
 * with W as [inputs, outputs], the transpose of PyTorch's `nn.Linear.weight`:
 *
 *     <layer>/weight      int8 [inputs, outputs]     embedding/dense, layer_NN/bottleneck/{input,attention,output}/dense,
 *     <layer>/bias        int32 [outputs]            layer_NN/attention/head_H/{query,key,value,projection},
 *                                                    layer_NN/ffn_I/{up,down}; projection has a bias in head_0 only
 *     <layer>/requantize  int32 [3]                  multiplier 0..255, shift 0..35, addend -128..127; also of
 *                                                    head_H/{logits,context} and layer_NN/attention/heads
 *     <norm>/norm/weight  int8 [width]               embedding/output, layer_NN/bottleneck/{input,attention},
 *     <norm>/norm/bias    int32 [width]              layer_NN/attention/output, layer_NN/ffn_I/output, layer_NN/output
 *     <norm>/norm/scale   int32 [2]                  multiplier 1..255, shift 0..30
 *     embedding/word/weight int8 [vocabulary, embedding], embedding/position/weight int8 [sequence or more, hidden],
 *     embedding/token_type/weight int8 [token types, hidden]
 *
 * The rows of embedding/dense/weight follow the trigram: left neighbour, the token itself, right neighbour (the public
 * Hugging Face checkpoints have right, itself, left). Other integer types are taken where the values fit.
 */
import { InputError } from '../../errors.ts';
import { numberAttribute } from '../graph/attributes.ts';
import { numeric, type NumericData } from '../graph/elements.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { emitNpz, parseNpz, type NpyArray } from '../npz.ts';
import type { ParametersFor } from './parameters.ts';
import { ownRequantization, partOf } from './parts.ts';

/**
 * A source that reads every parameter from an `.npz` archive.
 * @throws InputError naming the file and the array that is missing, misshapen or out of range
 */
export function fileParameters(bytes: Uint8Array, file: string): ParametersFor {
  const arrays = parseNpz(bytes, file);
  const find = (name: string, shape: readonly number[]): NpyArray => {
    const array = arrays.get(name);
    if (!array)
      throw new InputError(`${file}: there is no array ${name}; expected one of shape (${shape.join(', ')})`);
    // Position tables may be longer than the sequence: their first rows are used.
    const rowsToo = name === 'embedding/position/weight' && array.shape[0] >= shape[0] ? 1 : 0;
    const fits =
      array.shape.length === shape.length &&
      shape.slice(rowsToo).every((d, i) => d === array.shape[i + rowsToo]);
    if (!fits) {
      throw new InputError(
        `${file}: array ${name} has shape (${array.shape.join(', ')}), expected (${shape.join(', ')})`,
      );
    }
    return array;
  };
  const integers = (name: string, shape: readonly number[], bits: 8 | 32): NumericData => {
    const limit = 2 ** (bits - 1);
    const count = shape.reduce((n, d) => n * d, 1);
    const values = numeric(find(name, shape).data).subarray(0, count);
    const bad = values.findIndex((v) => !Number.isInteger(v) || v < -limit || v >= limit);
    if (bad >= 0) {
      throw new InputError(
        `${file}: array ${name}, element ${bad} is ${values[bad]}, expected an integer of ${bits} bits`,
      );
    }
    return values;
  };
  return () => ({
    metadata: { weights: file },
    weight: (name, shape) => Int8Array.from(integers(name, shape, 8)),
    bias: (name, count) => Int32Array.from(integers(name, [count], 32)),
    requantization: (name) => {
      const [mult, shift, addend] = integers(name, [3], 32);
      return { mult, shift, addend };
    },
    normScale: (name) => {
      const [mul, shift] = integers(name, [2], 32);
      return { mul, shift };
    },
    settle: () => {},
  });
}

/** The parameters of a built network as the `.npz` file that `fileParameters` reads. */
export function exportParameters(graph: Graph): Uint8Array {
  const arrays = new Map<string, NpyArray>();
  const integers = (name: string, values: readonly number[]): void => {
    arrays.set(name, { type: 'int32', shape: [values.length], data: Int32Array.from(values) });
  };
  for (const { name, type, shape, data } of graph.tensors.values()) {
    if (!data || !/\/(weight|bias)$/.test(name)) continue;
    const heads = headsOf(name, graph);
    if (!heads) arrays.set(name, { type, shape, data });
    heads?.names.forEach((own, index) => {
      // The projection's bias is added once, by the first head.
      if (index > 0 && own.endsWith('/projection/bias')) return;
      const axis = heads.columns ? shape.length - 1 : 0;
      const part = partOf(numeric(data), shape, { axis, index, of: heads.names.length });
      const inner = heads.columns ? shape[0] : shape[1];
      arrays.set(own, {
        type,
        shape: own.endsWith('/bias') ? [part.length] : [inner, part.length / inner],
        data: part,
      });
    });
  }
  for (const node of graph.nodes) {
    if (node.op === 'RequantShift') {
      const names = headsOf(node.name, graph)?.names ?? [node.name];
      names.forEach((own, head) => integers(own, requantizationOf(node, graph, head / names.length)));
    }
    if (node.op === 'iNoNorm') {
      integers(`${node.name}/scale`, [numberAttribute(node, 'mul'), Math.log2(numberAttribute(node, 'D'))]);
    }
  }
  return emitNpz(arrays);
}

/** Parts of the attention, and whether their parameters hold one head after the other in the columns. */
const IN_COLUMNS: Readonly<Record<string, boolean>> = {
  query: true,
  key: true,
  value: true,
  logits: false,
  context: false,
  projection: false,
};

/** The names in the file of a parameter that the network holds for all heads; undefined for any other parameter. */
function headsOf(
  name: string,
  graph: Graph,
): { readonly names: readonly string[]; readonly columns: boolean } | undefined {
  const [, at = '', role = '', rest = ''] = /^(layer_\d+\/attention)\/([a-z]+)\/(.*)$/.exec(name) ?? [];
  if (!Object.hasOwn(IN_COLUMNS, role)) return undefined;
  const heads = graph.tensors.get(`${at}/logits/requantize/mul`)?.data?.length ?? 1;
  const names = Array.from({ length: heads }, (_, h) => `${at}/head_${h}/${role}/${rest}`);
  return { names, columns: IN_COLUMNS[role] };
}

/** The constants of a RequantShift node at a share of the way through its list of them: its first, or those of a head. */
function requantizationOf(node: Node, graph: Graph, share: number): number[] {
  const [mul, add] = node.inputs.slice(1).map((name) => {
    const data = numeric(graph.tensors.get(name)?.data ?? new Int32Array());
    return data[Math.floor(share * data.length)];
  });
  const { mult, shift, addend } = ownRequantization(
    mul,
    add,
    numberAttribute(node, 'div'),
    `node ${node.name}`,
  );
  return [mult, shift, addend];
}
