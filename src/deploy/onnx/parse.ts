/** Reads an ONNX file into a graph (onnx.ai/onnx/repo-docs/IR.html): nodes ordered, constants folded in, shapes static. */
import { InputError } from '../../errors.ts';
import { check, GRAPH_INVARIANTS } from '../graph/check.ts';
import type { Attribute, Graph, Node, Tensor } from '../graph/graph.ts';
import { topological } from '../graph/topological.ts';
import { MODEL, type ATTRIBUTE, type GRAPH, type MessageOf, type NODE, type VALUE_INFO } from './schema.ts';
import { elementType, parseTensor, shapeOf } from './tensor.ts';
import { decode } from './wire.ts';

type GraphProto = MessageOf<typeof GRAPH>;
type NodeProto = MessageOf<typeof NODE>;

/** Default-domain operator sets octet knows the meaning of. */
const OPSETS = { least: 7, most: 23 } as const;

/** A graph with what the file says about itself. */
export interface OnnxModel {
  readonly graph: Graph;
  readonly irVersion: number;
  /** Version of each imported operator set; the default one under the empty name. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Program that wrote the file, as it names itself. */
  readonly producer: string;
}

/**
 * Parses an ONNX model. Integers that the file stores as float32 stay float32.
 * @param file name of the file, for messages
 * @throws InputError naming the file and the byte, field, tensor or node at fault
 */
export const parseOnnx = (bytes: Uint8Array, file: string): Graph => parseOnnxModel(bytes, file).graph;

/** Like `parseOnnx`, with the versions and the producer that the file states. */
export function parseOnnxModel(bytes: Uint8Array, file: string): OnnxModel {
  const model = decode(MODEL, bytes, file);
  if (!model.graph) throw new InputError(`${file}: there is no graph in it; is it an ONNX model?`);
  if (model.opset_import.length === 0) throw new InputError(`${file}: names no operator set (truncated?)`);
  const opsets = new Map(model.opset_import.map(({ domain, version }) => [domain ?? '', version ?? 0]));
  const version = opsets.get('') ?? opsets.get('ai.onnx');
  if (version !== undefined && (version < OPSETS.least || version > OPSETS.most)) {
    throw new InputError(
      `${file}: uses operator set ${version} of the default domain, supported are ${OPSETS.least} to ${OPSETS.most}`,
    );
  }
  const metadata = Object.fromEntries(model.metadata_props.map(({ key, value }) => [key ?? '', value ?? '']));
  return {
    graph: parseGraph(model.graph, metadata, version ?? OPSETS.most, file),
    irVersion: model.ir_version ?? 0,
    opsets,
    producer: [model.producer_name, model.producer_version].filter(Boolean).join(' '),
  };
}

function parseGraph(
  proto: GraphProto,
  metadata: Readonly<Record<string, string>>,
  version: number,
  file: string,
): Graph {
  if (proto.sparse_initializer.length > 0)
    throw new InputError(`${file}: sparse initializers are not supported`);
  const tensors = new Map<string, Tensor>();
  const addConstant = (tensor: Tensor): void => {
    if (tensors.has(tensor.name))
      throw new InputError(`${file}: the constant ${tensor.name} is defined twice`);
    tensors.set(tensor.name, tensor);
  };
  proto.initializer.forEach((initializer, i) => {
    const name = named(initializer.name, `initializer ${i}`, file);
    addConstant(parseTensor(initializer, name, `${file}: initializer ${name}`));
  });

  const nodes: Node[] = [];
  for (const node of withNames(proto.node, file)) {
    const constant = node.op === 'Constant' ? constantOf(node, file) : undefined;
    if (constant) addConstant(constant);
    else nodes.push(withDefaults(node, version));
  }

  // Files of IR version 3 list every initializer as an input too; those are not fed from outside.
  const inputs = proto.input
    .map((value, i) => valueInfo(value, `input ${i}`, file))
    .filter((t) => !tensors.has(t.name));
  const outputs = proto.output.map((value, i) => valueInfo(value, `output ${i}`, file));
  unique(inputs, 'input', file);
  unique(outputs, 'output', file);
  for (const tensor of [...inputs, ...outputs])
    if (!tensors.has(tensor.name)) tensors.set(tensor.name, tensor);

  const names = inputs.map((t) => t.name);
  const constants = [...tensors.values()].filter((t) => t.data).map((t) => t.name);
  const graph: Graph = {
    name: proto.name ?? '',
    inputs: names,
    outputs: outputs.map((t) => t.name),
    tensors,
    nodes: topological(nodes, new Set([...names, ...constants]), file),
    metadata,
  };
  const produced = new Set([...names, ...constants, ...nodes.flatMap((n) => n.outputs)]);
  const orphan = graph.outputs.find((name) => !produced.has(name));
  if (orphan !== undefined) throw new InputError(`${file}: no node produces the graph output ${orphan}`);
  return check(graph, GRAPH_INVARIANTS);
}

/** The node with defaults written out that later operator sets changed. */
function withDefaults(node: Node, version: number): Node {
  if (node.op !== 'Softmax' || node.domain !== '' || version >= 13 || 'axis' in node.attributes) return node;
  return { ...node, attributes: { ...node.attributes, axis: 1 } };
}

function named(name: string | undefined, what: string, file: string): string {
  if (name) return name;
  throw new InputError(`${file}: ${what} has no name`);
}

function unique(tensors: readonly Tensor[], role: string, file: string): void {
  const seen = new Set<string>();
  for (const { name } of tensors) {
    if (seen.has(name)) throw new InputError(`${file}: the graph ${role} ${name} is listed twice`);
    seen.add(name);
  }
}

/** Nodes as the graph holds them. Node names are optional in the format: missing or repeated ones are numbered. */
function withNames(protos: readonly NodeProto[], file: string): Node[] {
  const used = new Set<string>();
  return protos.map((proto, i) => {
    const op = named(proto.op_type, `the operator of node ${i} (${proto.name || 'unnamed'})`, file);
    let name = proto.name || `${op}_${i}`;
    while (used.has(name)) name = `${name}_${i}`;
    used.add(name);
    if (proto.output.every((output) => output === '')) {
      throw new InputError(`${file}: node ${name} (${op}) has no named output`);
    }
    const attributes = proto.attribute.map((a, j) => {
      const key = named(a.name, `attribute ${j} of node ${name}`, file);
      return [key, attribute(a, `${file}: attribute ${key} of node ${name}`)] as const;
    });
    const domain = proto.domain === 'ai.onnx' ? '' : (proto.domain ?? '');
    return {
      name,
      op,
      domain,
      inputs: proto.input,
      outputs: proto.output,
      attributes: Object.fromEntries(attributes),
    };
  });
}

/** The value of an attribute; files before IR version 2 omit its type, so the field that is present decides. */
function attribute(proto: MessageOf<typeof ATTRIBUTE>, where: string): Attribute {
  if (proto.g) throw new InputError(`${where}: subgraphs are not supported`);
  if (proto.t) return parseTensor(proto.t, proto.t.name ?? '', where);
  if (proto.floats.length > 0) return proto.floats;
  if (proto.ints.length > 0) return proto.ints;
  const scalar = proto.s ?? proto.i ?? proto.f;
  if (scalar !== undefined) return scalar;
  // proto3 writers leave out zeros and empty lists: the type says which is meant.
  if (proto.type === 1 || proto.type === 2) return 0;
  if (proto.type === 3) return '';
  if (proto.type === 6 || proto.type === 7) return [];
  throw new InputError(`${where}: attribute type ${proto.type ?? 0} is not supported`);
}

function constantOf(node: Node, file: string): Tensor {
  const name = node.outputs[0];
  const {
    value,
    value_int: int,
    value_ints: ints,
    value_float: float,
    value_floats: floats,
  } = node.attributes;
  if (typeof value === 'object' && 'data' in value) return { ...value, name };
  if (typeof int === 'number') return { name, type: 'int64', shape: [], data: BigInt64Array.of(BigInt(int)) };
  if (typeof float === 'number') return { name, type: 'float32', shape: [], data: Float32Array.of(float) };
  if (Array.isArray(ints)) {
    return { name, type: 'int64', shape: [ints.length], data: BigInt64Array.from(ints as number[], BigInt) };
  }
  if (Array.isArray(floats)) {
    return { name, type: 'float32', shape: [floats.length], data: Float32Array.from(floats as number[]) };
  }
  throw new InputError(`${file}: node ${node.name} (Constant) has no value of a supported kind`);
}

function valueInfo(proto: MessageOf<typeof VALUE_INFO>, what: string, file: string): Tensor {
  const name = named(proto.name, what, file);
  const where = `${file}: ${what} ${name}`;
  const tensor = proto.type?.tensor_type;
  if (!tensor) throw new InputError(`${where}: is not declared as a tensor`);
  const type = elementType(tensor.elem_type, where);
  if (!tensor.shape) throw new InputError(`${where}: has no shape; export the model with static shapes`);
  const dims = tensor.shape.dim.map(({ dim_value, dim_param }, axis) => {
    if (dim_param !== undefined || dim_value === undefined) {
      throw new InputError(
        `${where}: dimension ${axis} is symbolic (${dim_param || 'unnamed'}); export the model with static shapes`,
      );
    }
    return dim_value;
  });
  return { name, type, shape: shapeOf(dims, where) };
}
