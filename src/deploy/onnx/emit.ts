/** Writes a graph as an ONNX file (onnx.proto3, IR version 8). */
import type { Attribute, Graph, Node, Tensor } from '../graph/graph.ts';
import {
  ATTRIBUTE_TYPE,
  DATA_TYPE,
  MODEL,
  type ATTRIBUTE,
  type GRAPH,
  type MessageOf,
  type NODE,
  type TENSOR,
  type VALUE_INFO,
} from './schema.ts';
import { emitTensor } from './tensor.ts';
import { encode } from './wire.ts';

const IR_VERSION = 8;
/** Operator set versions written; other domains get version 1. */
const DEFAULT_OPSET = 17;

// Fields that are not written are undefined in a decoded message; here they are simply absent.
const proto = <M>(fields: Partial<MessageOf<M>>): MessageOf<M> => fields as MessageOf<M>;

/** The graph as the bytes of an `.onnx` file: constants as initializers with raw data, metadata as metadata_props. */
export function emitOnnx(graph: Graph): Uint8Array {
  const described = (name: string): MessageOf<typeof VALUE_INFO> => {
    const tensor = graph.tensors.get(name);
    if (!tensor) throw new Error(`graph ${graph.name}: ${name} has no type and shape`);
    return valueInfo(tensor);
  };
  const domains = new Set(graph.nodes.map((node) => node.domain));
  domains.delete('');
  return encode(MODEL, {
    ir_version: IR_VERSION,
    producer_name: 'octet',
    opset_import: [
      { domain: '', version: DEFAULT_OPSET },
      ...[...domains].map((domain) => ({ domain, version: 1 })),
    ],
    metadata_props: Object.entries(graph.metadata).map(([key, value]) => ({ key, value })),
    graph: proto<typeof GRAPH>({
      name: graph.name,
      node: graph.nodes.map(nodeProto),
      initializer: [...graph.tensors.values()]
        .filter((t) => t.data)
        .map((t) => proto<typeof TENSOR>(emitTensor(t))),
      input: graph.inputs.map(described),
      output: graph.outputs.map(described),
    }),
  });
}

function valueInfo({ name, type, shape }: Tensor): MessageOf<typeof VALUE_INFO> {
  const dim = shape.map((dim_value) => ({ dim_value, dim_param: undefined }));
  return { name, type: { tensor_type: { elem_type: DATA_TYPE[type], shape: { dim } } } };
}

function nodeProto(node: Node): MessageOf<typeof NODE> {
  return {
    name: node.name,
    op_type: node.op,
    domain: node.domain,
    input: node.inputs,
    output: node.outputs,
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function attributeProto(name: string, value: Attribute): MessageOf<typeof ATTRIBUTE> {
  const of = (field: keyof typeof ATTRIBUTE_TYPE, stored: unknown): MessageOf<typeof ATTRIBUTE> =>
    proto<typeof ATTRIBUTE>({ name, type: ATTRIBUTE_TYPE[field], [field]: stored });
  if (typeof value === 'string') return of('s', value);
  if (typeof value === 'number') return Number.isInteger(value) ? of('i', value) : of('f', value);
  if ('shape' in value) return of('t', emitTensor(value));
  return value.every((v) => Number.isInteger(v)) ? of('ints', value) : of('floats', value);
}
