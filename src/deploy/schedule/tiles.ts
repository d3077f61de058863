/**
 * The words of the pipelined schedule: 64x64 tiles, the accelerator jobs that read and write them, and the stream of jobs
 * that a run of steps becomes (accelerator specification §2.3, §4.1).
 */
import type { ConstantType } from '../kernels/call.ts';
import { BIAS_BYTES, TILE_BYTES } from '../tile/linear.ts';

/** A slot in TCDM takes a tile and the 64 biases that may follow it. */
export const SLOT_BYTES = TILE_BYTES + BIAS_BYTES;

/** Constants of a stream: tiles in the order its jobs want them, packed when the firmware is written. */
export interface StreamConstant {
  readonly key: string;
  readonly ctype: ConstantType;
  readonly doc: string;
  pack(): Int8Array | Uint8Array;
}

/** Where in DRAM a tile lies: an activation's part, or a constant's. */
export interface Home {
  readonly of: { readonly tensor: string } | { readonly constant: StreamConstant };
  /** From the start of the tensor or constant, bytes. */
  readonly offset: number;
  /** Bytes from one row of the tile to the next; 64: the tile is contiguous. */
  readonly pitch: number;
}

/** A tile of 64x64 int8 that jobs read or write. */
export interface Tile {
  /** For people: `layer_00/ffn_0/up[1, 3]`. */
  readonly name: string;
  /** Absent for what only lives in TCDM: the logits of an attention head. */
  readonly home?: Home;
  /** Bytes that are fetched: TILE_BYTES, or SLOT_BYTES with the biases of its channels behind it. */
  readonly bytes: number;
  /** Whether its home must hold it when the stream ends. */
  readonly kept: boolean;
}

/** The accelerator's constants of a layer, as its registers hold them (accelerator specification §3.2). */
export interface LayerRegisters {
  readonly tiles: number;
  readonly mult: readonly [number, number];
  readonly shift: readonly [number, number];
  readonly add: readonly [number, number];
  readonly engine: number;
  readonly activation: number;
}

/** One accelerator job. */
export interface TileJob {
  /** Index of its step in the program. */
  readonly step: number;
  readonly input: Tile;
  readonly weight: Tile;
  /** Behind which operand's tile its biases lie. */
  readonly bias?: 'input' | 'weight';
  /** Absent for all inner tiles but the last. */
  readonly output?: Tile;
  readonly layer: LayerRegisters;
}

/** Order of a step's output tiles: all rows for one column of tiles before the next, or the other way round. */
export type LoopOrder = 'columns' | 'rows';

/** 64 bytes from row to row: a tile in one piece. */
export const isContiguous = ({ pitch }: Home): boolean => pitch === 64;
