/** Where the bytes of an activation lie in DRAM: row-major, rows and row length padded to whole accelerator tiles. */
import type { Tensor } from '../graph/graph.ts';
import { TILE } from '../passes/assign.ts';
import type { Program } from '../passes/steps.ts';

/** Rounds up to a multiple of `to`. */
export const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Number of 64-element tiles covering `size` elements. */
export const tilesOf = (size: number): number => Math.ceil(size / TILE);

export interface Layout {
  /** Rows that carry data. */
  readonly rows: number;
  /** Elements per row that carry data. */
  readonly columns: number;
  readonly elementBytes: 1 | 4;
  /** Bytes from one row to the next. */
  readonly pitch: number;
  readonly bytes: number;
  /** The source network's tensor this is the transpose of. */
  readonly transposeOf?: string;
}

/** int8 matrices are padded to whole tiles in both directions; int32 vectors are dense. */
export function layoutOf(tensor: Tensor, transposeOf?: string): Layout {
  const columns = tensor.shape.at(-1) ?? 1;
  const rows = tensor.shape.slice(0, -1).reduce((n, d) => n * d, 1);
  if (tensor.type === 'int32') {
    return { rows, columns, elementBytes: 4, pitch: columns * 4, bytes: rows * columns * 4 };
  }
  const pitch = roundUp(columns, TILE);
  return { rows, columns, elementBytes: 1, pitch, bytes: roundUp(rows, TILE) * pitch, transposeOf };
}

/** Layouts of every tensor that lies in DRAM by name: graph inputs and the outputs of all steps. */
export function layouts(program: Program): Map<string, Layout> {
  const named = (name: string, transposeOf?: string): [string, Layout] => {
    const tensor = program.tensors.get(name);
    if (!tensor) throw new Error(`network ${program.name} has no tensor ${name}`);
    return [name, layoutOf(tensor, transposeOf)];
  };
  return new Map([
    ...program.inputs.map((name) => named(name)),
    ...program.steps.map((step) =>
      named(
        step.output,
        step.kind === 'linear' && step.transposed ? step.output.replace(/\.transposed$/, '') : undefined,
      ),
    ),
  ]);
}
