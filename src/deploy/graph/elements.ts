/** Element types: the array that holds each, its width, and the conversions between arrays and types. */
import type { ElementType, TensorData } from './graph.ts';

type ArrayClass =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Int16ArrayConstructor
  | Int32ArrayConstructor
  | BigInt64ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor;

/** The typed array of each element type; booleans are bytes. */
export const ARRAY: Readonly<Record<ElementType, ArrayClass>> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
  bool: Uint8Array,
};

/** Bytes of one element. */
export const elementBytes = (type: ElementType): number => ARRAY[type].BYTES_PER_ELEMENT;

export const isFloat = (type: ElementType): boolean => type === 'float32' || type === 'float64';

/** A typed array whose elements are numbers: everything but int64. */
export type NumericData = Exclude<TensorData, BigInt64Array>;

/** The elements as numbers; int64 becomes float64, exact up to 2^53. */
export const numeric = (data: TensorData): NumericData =>
  data instanceof BigInt64Array ? Float64Array.from(data, Number) : data;

/** The values as an array of `type`; what the type cannot hold wraps or rounds as in a typed array. */
export function fromNumbers(type: ElementType, values: ArrayLike<number>): TensorData {
  const Class = ARRAY[type];
  return Class === BigInt64Array
    ? BigInt64Array.from(Array.from(values, BigInt))
    : (Class as Exclude<ArrayClass, BigInt64ArrayConstructor>).from(values);
}
