/** The network as every deployment stage sees it: named tensors and nodes in topological order. */

export type ElementType = 'int8' | 'uint8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64' | 'bool';

export type TensorData =
  Int8Array | Uint8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** A value flowing between nodes. `shape` is row-major; constants carry `data` of as many elements. */
export interface Tensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data?: TensorData;
}

export type Attribute = number | string | readonly number[] | Tensor;

export interface Node {
  readonly name: string;
  readonly op: string;
  /** ONNX operator set the op belongs to; empty for the default one. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly name: string;
  /** Names of the tensors fed from outside, in order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly Node[];
  /** Free-text facts that travel with the file (ONNX metadata_props): which weights, seed, calibration. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Number of elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
