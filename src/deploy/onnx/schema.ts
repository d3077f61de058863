/** The part of the ONNX file format octet reads and writes, as a field table (onnx.proto3, IR version 10). */

/**
 * How a field's value is stored. `int64` reads as a number and is refused beyond 2^53; `clamped` is an int64 that is
 * drawn to ±(2^53 - 1), for those that mean "to the end".
 */
export type Scalar = 'int64' | 'clamped' | 'int32' | 'float' | 'double' | 'string' | 'bytes';

/** Repeated numbers in bulk, millions of them: held in a typed array, as narrow as their values allow. */
export type Bulk = 'int32s' | 'int64s' | 'floats' | 'doubles';

export type Kind = Scalar | Bulk | Message;

export interface Field<K extends Kind = Kind, R extends boolean = boolean> {
  readonly number: number;
  readonly kind: K;
  readonly repeated: R;
}

export interface Message<F extends Readonly<Record<string, Field>> = Readonly<Record<string, Field>>> {
  readonly name: string;
  readonly fields: F;
}

// Written out kind by kind: a conditional type over `Message` would not see the fields of nested messages.
type ValueOf<K> = K extends { readonly fields: infer F }
  ? Decoded<F>
  : K extends 'int64' | 'clamped' | 'int32' | 'float' | 'double'
    ? number
    : K extends 'int64s'
      ? ArrayLike<bigint>
      : K extends Bulk
        ? ArrayLike<number>
        : K extends 'bytes'
          ? Uint8Array
          : string;

/** The value of a message: repeated fields are arrays, a single field that the file omits is undefined. */
export type Decoded<F> = {
  [N in keyof F]: F[N] extends Field<infer K, infer R>
    ? true extends R
      ? readonly ValueOf<K>[]
      : ValueOf<K> | undefined
    : never;
};

/** The value of a message type, for declarations: `MessageOf<typeof NODE>`. */
export type MessageOf<M> = M extends Message<infer F> ? Decoded<F> : never;

const one = <K extends Kind>(number: number, kind: K): Field<K, false> => ({ number, kind, repeated: false });
const many = <K extends Kind>(number: number, kind: K): Field<K, true> => ({ number, kind, repeated: true });

const message = <F extends Readonly<Record<string, Field>>>(name: string, fields: F): Message<F> => ({
  name,
  fields,
});

export const ENTRY = message('StringStringEntryProto', { key: one(1, 'string'), value: one(2, 'string') });

export const OPSET = message('OperatorSetIdProto', { domain: one(1, 'string'), version: one(2, 'int64') });

export const TENSOR = message('TensorProto', {
  dims: many(1, 'int64'),
  data_type: one(2, 'int32'),
  float_data: one(4, 'floats'),
  int32_data: one(5, 'int32s'),
  int64_data: one(7, 'int64s'),
  name: one(8, 'string'),
  raw_data: one(9, 'bytes'),
  double_data: one(10, 'doubles'),
  external_data: many(13, ENTRY),
  data_location: one(14, 'int32'),
});

const DIMENSION = message('TensorShapeProto.Dimension', {
  dim_value: one(1, 'int64'),
  dim_param: one(2, 'string'),
});
const SHAPE = message('TensorShapeProto', { dim: many(1, DIMENSION) });
const TENSOR_TYPE = message('TypeProto.Tensor', { elem_type: one(1, 'int32'), shape: one(2, SHAPE) });
const TYPE = message('TypeProto', { tensor_type: one(1, TENSOR_TYPE) });

export const VALUE_INFO = message('ValueInfoProto', { name: one(1, 'string'), type: one(2, TYPE) });

export const ATTRIBUTE = message('AttributeProto', {
  name: one(1, 'string'),
  f: one(2, 'float'),
  i: one(3, 'clamped'),
  s: one(4, 'string'),
  t: one(5, TENSOR),
  g: one(6, 'bytes'),
  floats: many(7, 'float'),
  ints: many(8, 'clamped'),
  type: one(20, 'int32'),
});

export const NODE = message('NodeProto', {
  input: many(1, 'string'),
  output: many(2, 'string'),
  name: one(3, 'string'),
  op_type: one(4, 'string'),
  attribute: many(5, ATTRIBUTE),
  domain: one(7, 'string'),
});

export const GRAPH = message('GraphProto', {
  node: many(1, NODE),
  name: one(2, 'string'),
  initializer: many(5, TENSOR),
  input: many(11, VALUE_INFO),
  output: many(12, VALUE_INFO),
  value_info: many(13, VALUE_INFO),
  sparse_initializer: many(15, 'bytes'),
});

export const MODEL = message('ModelProto', {
  ir_version: one(1, 'int64'),
  producer_name: one(2, 'string'),
  producer_version: one(3, 'string'),
  graph: one(7, GRAPH),
  opset_import: many(8, OPSET),
  metadata_props: many(14, ENTRY),
});

/** `TensorProto.DataType`: the codes octet holds, and the names of the others for messages. */
export const DATA_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
} as const;

export const OTHER_DATA_TYPES: Readonly<Record<number, string>> = {
  0: 'undefined',
  4: 'uint16',
  8: 'string',
  10: 'float16',
  12: 'uint32',
  13: 'uint64',
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  21: 'uint4',
  22: 'int4',
};

/** `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPE = { f: 1, i: 2, s: 3, t: 4, floats: 6, ints: 7 } as const;
