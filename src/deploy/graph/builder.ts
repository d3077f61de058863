/** Builds graphs node by node, inferring each output's type and shape at once; used by model builders and tests. */
import { ARRAY } from './elements.ts';
import {
  elements,
  type Attribute,
  type ElementType,
  type Graph,
  type Node,
  type Tensor,
  type TensorData,
} from './graph.ts';
import { inferNode } from './shapes.ts';

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Operator set; the default one unless given. */
  readonly domain?: string;
  /** Name of the output tensor; the node's own name unless given. */
  readonly output?: string;
}

export class GraphBuilder {
  readonly #tensors = new Map<string, Tensor>();
  readonly #nodes: Node[] = [];
  readonly #inputs: string[] = [];
  readonly #outputs: string[] = [];

  get tensors(): ReadonlyMap<string, Tensor> {
    return this.#tensors;
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Declares a tensor fed from outside; returns its name. */
  input(name: string, type: ElementType, shape: readonly number[]): string {
    this.#inputs.push(this.#add({ name, type, shape }));
    return name;
  }

  /** Adds a constant; plain numbers are stored in the array of `type`. Returns its name. */
  constant(
    name: string,
    type: ElementType,
    shape: readonly number[],
    data: TensorData | readonly number[],
  ): string {
    const stored = Array.isArray(data) ? fill(type, data as readonly number[]) : (data as TensorData);
    if (stored.length !== elements(shape)) {
      throw new Error(`constant ${name} has ${stored.length} elements for the shape [${shape.join(', ')}]`);
    }
    return this.#add({ name, type, shape, data: stored });
  }

  /** Adds a node of one output; returns the output's name. Throws DeployError when the inputs do not fit the operator. */
  node(op: string, name: string, inputs: readonly string[], options: NodeOptions = {}): string {
    const { attributes = {}, domain = '', output = name } = options;
    const node: Node = { name, op, domain, inputs, outputs: [output], attributes };
    this.#add(inferNode(node, this.#tensors));
    this.#nodes.push(node);
    return output;
  }

  /** Declares a graph output. */
  output(name: string): void {
    this.#outputs.push(name);
  }

  build(name: string, metadata: Readonly<Record<string, string>> = {}): Graph {
    return {
      name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      tensors: this.#tensors,
      nodes: this.#nodes,
      metadata,
    };
  }

  #add(tensor: Tensor): string {
    if (this.#tensors.has(tensor.name)) throw new Error(`tensor ${tensor.name} exists already`);
    this.#tensors.set(tensor.name, tensor);
    return tensor.name;
  }
}

function fill(type: ElementType, values: readonly number[]): TensorData {
  if (type === 'int64') return BigInt64Array.from(values, BigInt);
  return (ARRAY[type] as Int8ArrayConstructor).from(values);
}
