/** Calls of hart kernels (firmware/kernels): the vocabulary in which operators state their arguments. */
import { DeployError } from '../../errors.ts';
import { elementBytes, fromNumbers, isFloat, numeric } from '../graph/elements.ts';
import { elements, type ElementType, type Node, type Tensor } from '../graph/graph.ts';

/** Types of the constants beside the network in weights.S. */
export type ConstantType = 'int8_t' | 'uint8_t' | 'int16_t' | 'int32_t' | 'int64_t' | 'float';

/** A constant array that only a kernel needs. Equal keys are equal constants. */
export interface ConstantArray {
  readonly key: string;
  readonly ctype: ConstantType;
  readonly data: ArrayBufferView;
  readonly doc: string;
}

/** The value of one field of a kernel's struct. */
export type Argument =
  | number
  | bigint
  | boolean
  /** A C name, such as an enumerator or NULL. */
  | { readonly name: string }
  /** The address of an activation. */
  | { readonly tensor: string }
  | { readonly constant: ConstantArray }
  | { readonly float: number }
  | { readonly list: readonly Argument[] }
  | { readonly struct: Fields };

export type Fields = Readonly<Record<string, Argument>>;

/** One call: the kernel's name is also that of its struct. */
export interface KernelCall {
  readonly kernel: string;
  /** Header of the kernel, without `.h`. */
  readonly header: string;
  readonly fields: Fields;
  /** Needs what the calls before it in the same step wrote. */
  readonly ordered?: boolean;
}

/** A node with its tensors, as the rows of the kernel tables see it. */
export interface Operation {
  readonly node: Node;
  /** Omitted optional inputs are undefined. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** The requantisation that the kernel does on the way out, and then writes what this node would. */
  readonly requant?: Operation;
  /** A requantisation whose result is clipped at 0 as well. */
  readonly relu?: boolean;
}

/** How an operator becomes calls of kernels: for output `index` of the node. */
export type Lowering = (operation: Operation, index: number) => readonly KernelCall[];

export const unsupported = (node: Node, reason: string): DeployError =>
  new DeployError(`node ${node.name} (${node.op}): ${reason}`);

export const name = (text: string): Argument => ({ name: text });
export const ints = (values: readonly number[]): Argument => ({ list: values });

/** The C type an element is held in; int64 is held in 32 bits, booleans in bytes. */
export const HELD: Readonly<Record<ElementType, ConstantType | undefined>> = {
  int8: 'int8_t',
  uint8: 'uint8_t',
  bool: 'uint8_t',
  int16: 'int16_t',
  int32: 'int32_t',
  int64: 'int32_t',
  float32: 'float',
  float64: undefined,
};

/** Bytes of an element in the firmware. */
export const heldBytes = (type: ElementType): number => (type === 'int64' ? 4 : elementBytes(type));

const ELEMENT: Readonly<Record<ConstantType, string>> = {
  int8_t: 'ELEMENT_INT8',
  uint8_t: 'ELEMENT_UINT8',
  int16_t: 'ELEMENT_INT16',
  int32_t: 'ELEMENT_INT32',
  int64_t: 'none',
  float: 'ELEMENT_FLOAT32',
};

/** The C type of a tensor's elements. @throws DeployError when the harts have none for it */
export function heldType(node: Node, tensor: Tensor): ConstantType {
  const ctype = HELD[tensor.type];
  if (ctype) return ctype;
  throw unsupported(node, `its tensor ${tensor.name} is ${tensor.type}, which the harts do not compute with`);
}

export const elementOf = (node: Node, tensor: Tensor): Argument => name(ELEMENT[heldType(node, tensor)]);

/** The elements of a constant in the type the firmware holds it in. */
export function heldData({ type, data, name: own }: Tensor): ArrayBufferView {
  if (!data) throw new Error(`${own} is no constant`);
  if (type !== 'int64') return data;
  const values = numeric(data);
  const wide = values.find((x) => x !== (x | 0));
  if (wide !== undefined)
    throw new DeployError(`the constant ${own} holds ${wide}, which needs more than 32 bits`);
  return Int32Array.from(values);
}

/** The address of a tensor that is read: an activation, or a constant beside the network. */
export function address(node: Node, tensor: Tensor): Argument {
  if (!tensor.data) return { tensor: tensor.name };
  return {
    constant: {
      key: tensor.name,
      ctype: heldType(node, tensor),
      data: heldData(tensor),
      doc: `${tensor.name}: ${tensor.type} [${tensor.shape.join(', ')}]`,
    },
  };
}

const NOTHING: Argument = { struct: { data: name('NULL'), element: name('ELEMENT_INT32') } };

/** Initialiser of struct source; NULL for an input that is not there. */
export const source = (node: Node, tensor: Tensor | undefined): Argument =>
  tensor ? { struct: { data: address(node, tensor), element: elementOf(node, tensor) } } : NOTHING;

/** Initialiser of struct result. */
export const result = (node: Node, tensor: Tensor): Argument => ({
  struct: { data: { tensor: tensor.name }, element: elementOf(node, tensor) },
});

/** A constant of a kernel's own, from numbers. */
export function constantOf(
  node: Node,
  role: string,
  type: 'int32' | 'int64' | 'float32',
  values: ArrayLike<number>,
): Argument {
  const numbers = Array.from(values);
  const wide =
    type === 'float32'
      ? undefined
      : numbers.find(
          (x) => !Number.isInteger(x) || (type === 'int32' ? x !== (x | 0) : !Number.isSafeInteger(x)),
        );
  if (wide !== undefined)
    throw unsupported(node, `its ${role} holds ${wide}, which is no integer of ${type.slice(3)} bits`);
  const data = fromNumbers(type, numbers);
  return {
    constant: {
      key: `${node.outputs[0]}/${role}`,
      ctype: type === 'int64' ? 'int64_t' : type === 'int32' ? 'int32_t' : 'float',
      data,
      doc: `${role} of ${node.name}: ${type} [${numbers.length}]`,
    },
  };
}

/** An integer attribute or parameter that must fit 32 bits. */
export function int32(node: Node, role: string, value: number): number {
  if (value === (value | 0)) return value;
  throw unsupported(node, `its ${role} is ${value}, expected an integer of 32 bits`);
}

/** The values of an input that must be constant, as numbers. */
export function valuesOf(node: Node, tensor: Tensor): ArrayLike<number> {
  if (!tensor.data) throw unsupported(node, `its input ${tensor.name} must be a constant`);
  return numeric(tensor.data);
}

/** The single value of a constant, or `fallback` where it is not there. */
export function valueOf(node: Node, tensor: Tensor | undefined, fallback: number): number {
  if (!tensor) return fallback;
  const values = valuesOf(node, tensor);
  if (values.length !== 1)
    throw unsupported(node, `its input ${tensor.name} has ${values.length} values, expected one`);
  return values[0];
}

/** Refuses tensors of real numbers: the harts compute with integers. */
export function requireIntegers({ node, inputs, outputs }: Operation): void {
  const real = [...inputs, ...outputs].find((tensor) => tensor && isFloat(tensor.type));
  if (real) {
    throw unsupported(
      node,
      `${real.name} is ${real.type}; networks of real numbers are evaluated by the reference and not deployed`,
    );
  }
}

export const countOf = (tensor: Tensor): number => elements(tensor.shape);
