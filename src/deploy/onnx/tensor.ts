/** Tensors of an ONNX file: element types, and data in any of the fields the format allows (onnx.proto3, TensorProto). */
import { endianness } from 'node:os';
import { InputError } from '../../errors.ts';
import { ARRAY, elementBytes } from '../graph/elements.ts';
import { elements, type ElementType, type Tensor, type TensorData } from '../graph/graph.ts';
import { DATA_TYPE, OTHER_DATA_TYPES, type MessageOf, type TENSOR } from './schema.ts';

type TensorProto = MessageOf<typeof TENSOR>;

const TYPE_OF = new Map(
  Object.entries(DATA_TYPE).map(([type, code]) => [code as number, type as ElementType]),
);

/** The element type of a `TensorProto.DataType` code. Throws InputError for those octet does not hold. */
export function elementType(code: number | undefined, where: string): ElementType {
  const type = TYPE_OF.get(code ?? 0);
  if (type) return type;
  const name = OTHER_DATA_TYPES[code ?? 0] ?? 'unknown';
  throw new InputError(
    `${where}: element type ${code ?? 0} (${name}) is not supported; supported are ${[...TYPE_OF.values()].join(', ')}`,
  );
}

/** The dimensions as a shape. Throws InputError when one is negative or there are 2^31 elements or more. */
export function shapeOf(dims: readonly number[], where: string): readonly number[] {
  const bad = dims.find((d) => d < 0);
  if (bad !== undefined) throw new InputError(`${where}: dimension ${bad} is negative`);
  if (!(elements(dims) < 2 ** 31)) {
    throw new InputError(
      `${where}: shape [${dims.join(', ')}] has ${elements(dims)} elements, the limit is 2^31 - 1`,
    );
  }
  return dims;
}

/**
 * Turns a TensorProto into a constant. `raw_data` stays a view into the file where its alignment allows.
 * @param where file and tensor, the prefix of error messages
 * @throws InputError when the element type is unsupported or the data does not fill the shape
 */
export function parseTensor(proto: TensorProto, name: string, where: string): Tensor {
  const type = elementType(proto.data_type, where);
  const shape = shapeOf(proto.dims, where);
  if (proto.data_location === 1 || proto.external_data.length > 0) {
    throw new InputError(
      `${where}: its data lies in another file (external_data), which is not supported; store it inside`,
    );
  }
  const data = proto.raw_data ? rawData(proto.raw_data, type, shape, where) : typedData(proto, type);
  if (data.length !== elements(shape)) {
    throw new InputError(
      `${where}: holds ${data.length} elements, but its shape [${shape.join(', ')}] has ${elements(shape)}`,
    );
  }
  return { name, type, shape, data };
}

function rawData(raw: Uint8Array, type: ElementType, shape: readonly number[], where: string): TensorData {
  const bytes = elementBytes(type);
  if (raw.length !== elements(shape) * bytes) {
    throw new InputError(
      `${where}: raw_data has ${raw.length} bytes, but shape [${shape.join(', ')}] of ${type} needs ${elements(shape) * bytes}`,
    );
  }
  const aligned = raw.byteOffset % bytes === 0 ? raw : new Uint8Array(raw);
  if (endianness() === 'BE')
    throw new InputError(`${where}: raw_data is little-endian, this host is big-endian`);
  return new ARRAY[type](aligned.buffer as ArrayBuffer, aligned.byteOffset, raw.length / bytes);
}

function typedData(proto: TensorProto, type: ElementType): TensorData {
  if (type === 'float32') return held(type, proto.float_data);
  if (type === 'float64') return held(type, proto.double_data);
  if (type === 'int64') return held(type, proto.int64_data);
  return held(type, proto.int32_data);
}

/** The numbers in the array of `type`; they stay where they are when it is that array already. */
function held(type: ElementType, values: ArrayLike<number> | ArrayLike<bigint> | undefined): TensorData {
  const Class = ARRAY[type];
  if (values instanceof Class) return values;
  return (Class as Int32ArrayConstructor).from((values ?? []) as ArrayLike<number>);
}

/** Turns a constant into a TensorProto with `raw_data`. */
export function emitTensor(tensor: Tensor): Partial<TensorProto> {
  const { name, type, shape, data } = tensor;
  if (!data) throw new Error(`tensor ${name} has no data to write`);
  const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims: shape, data_type: DATA_TYPE[type], raw_data };
}
