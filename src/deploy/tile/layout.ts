/**
 * Where the bytes of an activation lie in DRAM: row-major; rows and row length padded to whole accelerator tiles where a
 * step with tiles touches it.
 */
import { DeployError } from '../../errors.ts';
import { elementBytes } from '../graph/elements.ts';
import { elements, type ElementType, type Tensor } from '../graph/graph.ts';
import { TILE } from '../passes/assign.ts';
import type { Program } from '../passes/steps.ts';

/** Rounds up to a multiple of `to`. */
export const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Number of 64-element tiles covering `size` elements. */
export const tilesOf = (size: number): number => Math.ceil(size / TILE);

export interface Layout {
  /** Of the elements in memory: int64 is held as int32, bool as uint8. */
  readonly type: ElementType;
  /** Rows that carry data. */
  readonly rows: number;
  /** Elements per row that carry data. */
  readonly columns: number;
  readonly elementBytes: 1 | 2 | 4;
  /** Bytes from one row to the next. */
  readonly pitch: number;
  readonly bytes: number;
  /** The source network's tensor this is the transpose of. */
  readonly transposeOf?: string;
}

/** Whether padded rows of a tensor lie further apart than dense ones. */
export const isPitched = ({ type, shape }: Tensor): boolean =>
  type === 'int8' && (shape.at(-1) ?? 1) % TILE !== 0;

/** A tensor without gaps. */
export function denseLayout({ type, shape, name }: Tensor): Layout {
  const columns = shape.at(-1) ?? 1;
  const rows = elements(shape.slice(0, -1));
  const held = type === 'int64' ? 'int32' : type === 'bool' ? 'uint8' : type;
  const width = elementBytes(held);
  if (width !== 1 && width !== 2 && width !== 4) {
    throw new DeployError(`the tensor ${name} is ${type}, which the harts do not compute with`);
  }
  return {
    type: held,
    rows,
    columns,
    elementBytes: width,
    pitch: columns * width,
    bytes: rows * columns * width,
  };
}

/** int8 matrices of steps with tiles are padded to whole tiles in both directions; int32 vectors are dense. */
export function layoutOf(tensor: Tensor, transposeOf?: string): Layout {
  const plain = denseLayout(tensor);
  if (tensor.type !== 'int8') return plain;
  const pitch = roundUp(plain.columns, TILE);
  return { ...plain, pitch, bytes: roundUp(plain.rows, TILE) * pitch, transposeOf };
}

/** Layouts of every tensor that lies in DRAM by name: graph inputs, the outputs of all steps, and their views. */
export function layouts(program: Program): Map<string, Layout> {
  const { inputs, steps, views, tensors, padded, outputs } = program;
  const named = (name: string, transposeOf?: string): [string, Layout] => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`network ${program.name} has no tensor ${name}`);
    return [name, padded.has(name) ? layoutOf(tensor, transposeOf) : denseLayout(tensor)];
  };
  return new Map([
    ...inputs.map((name) => named(name)),
    ...steps.map((step) =>
      named(
        step.output,
        step.kind === 'linear' && step.transposed ? step.output.replace(/\.transposed$/, '') : undefined,
      ),
    ),
    ...[...views.keys()].map((name) => named(name)),
    ...outputs.filter((name) => elements(tensors.get(name)?.shape ?? []) === 0).map((name) => named(name)),
  ]);
}
