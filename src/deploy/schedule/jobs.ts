/** From steps to accelerator jobs: which tiles each reads and writes, in the order of accelerator specification §13. */
import type { Tensor } from '../graph/graph.ts';
import type { AcceleratorRequant } from '../passes/requant.ts';
import type { AttentionStep, LinearStep, Program, Step, SumStep } from '../passes/steps.ts';
import { TILE } from '../passes/assign.ts';
import { type Layout, roundUp, tilesOf } from '../tile/layout.ts';
import { TILE_BYTES } from '../tile/linear.ts';
import { diagonalConstant, linearConstant, termConstant, weightTile } from './constants.ts';
import { type DiagonalSum, diagonalSum } from './diagonal.ts';
import {
  type Home,
  type LayerRegisters,
  type LoopOrder,
  SLOT_BYTES,
  type StreamConstant,
  type Tile,
  type TileJob,
} from './tiles.ts';

/** Steps the accelerator can compute tile by tile. */
export type StreamedStep = LinearStep | AttentionStep | SumStep;

/** Codes of CTRL_ENGINE (accelerator specification §2.1). */
const LAYER = { linear: 2, attention: 3 } as const;
const RELU = 2 << 2;
/** Largest pitch a transfer of a stream can state, bytes. */
const MOST_PITCH = 0xffff;

/** Makes the jobs of a network's steps; tiles of one tensor are the same objects for all of them. */
export class JobMaker {
  readonly #program: Program;
  readonly #layouts: ReadonlyMap<string, Layout>;
  readonly #sums = new Map<SumStep, DiagonalSum | undefined>();
  readonly #tiles = new Map<string, Tile>();
  readonly #constants = new Map<string, StreamConstant>();
  /** Tensors that only jobs of one stream touch; their tiles lie in one piece each. */
  #inner: ReadonlySet<string> = new Set();

  constructor(program: Program, layouts: ReadonlyMap<string, Layout>) {
    this.#program = program;
    this.#layouts = layouts;
  }

  /** Begins another stream. @param inner tensors that nothing outside the stream touches */
  enter(inner: ReadonlySet<string>): void {
    this.#inner = inner;
    this.#tiles.clear();
  }

  /** Whether the accelerator can compute a step tile by tile from and to whole tiles. */
  takes(step: Step): step is StreamedStep {
    if (step.kind === 'linear') return [step.input, step.output].every((name) => this.#inTiles(name));
    if (step.kind === 'attention')
      return [step.q, step.k, step.v, step.output].every((name) => this.#inTiles(name));
    if (step.kind !== 'sum') return false;
    return (
      [step.output, ...step.terms].every(
        (name) => this.#constant(name) !== undefined || this.#inTiles(name),
      ) && this.#sum(step) !== undefined
    );
  }

  /** Whether the order of a step's output tiles makes a difference: it has several rows and columns of them. */
  hasOrder(step: StreamedStep): boolean {
    if (step.kind === 'attention') return false;
    const { rows, pitch } = this.#layout(step.output);
    return rows > TILE && pitch > TILE;
  }

  jobs(step: StreamedStep, index: number, order: LoopOrder): TileJob[] {
    if (step.kind === 'linear') return this.#linear(step, index, order);
    if (step.kind === 'attention') return this.#attention(step, index);
    return this.#additions(step, index, order);
  }

  #held(name: string): string {
    return this.#program.views.get(name) ?? name;
  }

  #layout(name: string): Layout {
    const layout = this.#layouts.get(name);
    if (!layout) throw new Error(`${name} has no layout`);
    return layout;
  }

  #constant(name: string): Tensor | undefined {
    const tensor = this.#program.tensors.get(name);
    return tensor?.data ? tensor : undefined;
  }

  #sum(step: SumStep): DiagonalSum | undefined {
    if (!this.#sums.has(step)) this.#sums.set(step, diagonalSum(step));
    return this.#sums.get(step);
  }

  /** Whether a tensor is int8 in whole tiles, and no other shape of what is held. */
  #inTiles(name: string): boolean {
    const { type, rows, pitch, bytes, elementBytes } = this.#layout(name);
    const held = this.#layout(this.#held(name));
    return (
      type === 'int8' &&
      elementBytes === 1 &&
      pitch % TILE === 0 &&
      pitch <= MOST_PITCH &&
      bytes >= roundUp(rows, TILE) * pitch &&
      held.rows === rows &&
      held.pitch === pitch
    );
  }

  #tile(name: string, make: () => Tile): Tile {
    const known = this.#tiles.get(name);
    if (known) return known;
    const tile = make();
    this.#tiles.set(name, tile);
    return tile;
  }

  /** Tile (r, c) of an activation. */
  #activation(name: string, r: number, c: number): Tile {
    const tensor = this.#held(name);
    return this.#tile(`${tensor}[${r}, ${c}]`, () => {
      const { pitch } = this.#layout(tensor);
      const inner = this.#inner.has(tensor);
      const home: Home = inner
        ? { of: { tensor }, offset: ((r * pitch) / TILE + c) * TILE_BYTES, pitch: TILE }
        : { of: { tensor }, offset: r * TILE * pitch + c * TILE, pitch };
      return { name: `${tensor}[${r}, ${c}]`, home, bytes: TILE_BYTES, kept: !inner };
    });
  }

  /** A tile of a constant. */
  #fixed(made: StreamConstant, label: string, offset: number, bytes: number): Tile {
    const constant = this.#constants.get(made.key) ?? made;
    this.#constants.set(made.key, constant);
    return this.#tile(`${made.key} at ${offset}`, () => ({
      name: `${made.key}${label}`,
      home: { of: { constant }, offset, pitch: TILE },
      bytes,
      kept: false,
    }));
  }

  #linear(step: LinearStep, index: number, order: LoopOrder): TileJob[] {
    const [inner, outputs] = step.weight.shape.map(tilesOf);
    const rows = tilesOf(this.#layout(step.input).rows);
    const constant = linearConstant(step);
    const biased = step.bias !== undefined;
    const layer = linearRegisters(step.requant, inner, step.relu);
    return grid(rows, outputs, order).flatMap(([r, n]) =>
      Array.from({ length: inner }, (_, k): TileJob => {
        const { offset, bytes } = weightTile(n, k, inner, biased);
        const weight = this.#fixed(constant, `[${n}, ${k}]`, offset, bytes);
        const x = this.#activation(step.input, r, k);
        const last = k === inner - 1;
        const side = step.transposed ? 'input' : 'weight';
        return {
          step: index,
          input: step.transposed ? weight : x,
          weight: step.transposed ? x : weight,
          ...(last && biased && { bias: side }),
          ...(last && {
            output: step.transposed
              ? this.#activation(step.output, n, r)
              : this.#activation(step.output, r, n),
          }),
          layer,
        };
      }),
    );
  }

  #additions(step: SumStep, index: number, order: LoopOrder): TileJob[] {
    const sum = this.#sum(step);
    if (!sum) throw new Error(`${step.name} is no sum for the accelerator`);
    const { rows, columns, pitch } = this.#layout(step.output);
    const diagonal = diagonalConstant(step, sum, columns);
    const layer = linearRegisters(sum.requant, step.terms.length, false);
    const across = pitch / TILE;
    return grid(tilesOf(rows), across, order).flatMap(([r, c]) => {
      const n = sum.weight.length === 1 ? 0 : c;
      const weight = this.#fixed(diagonal, `[${n}]`, n * SLOT_BYTES, SLOT_BYTES);
      return step.terms.map((term, t): TileJob => {
        const tensor = this.#constant(term);
        const input = tensor
          ? this.#fixed(termConstant(tensor), `[${r}, ${c}]`, (r * across + c) * TILE_BYTES, TILE_BYTES)
          : this.#activation(term, r, c);
        const last = t === step.terms.length - 1;
        return {
          step: index,
          input,
          weight,
          ...(last && { bias: 'weight' as const, output: this.#activation(step.output, r, c) }),
          layer,
        };
      });
    });
  }

  #attention(step: AttentionStep, index: number): TileJob[] {
    const { rows, columns } = this.#layout(step.q);
    const [sequence, width] = [tilesOf(rows), tilesOf(columns)];
    const layer = attentionRegisters(step, sequence, width);
    return places(sequence).flatMap((r) => {
      const logits = places(sequence).map((c): Tile => ({
        name: `${step.output}/logits[${r}, ${c}]`,
        bytes: TILE_BYTES,
        kept: false,
      }));
      return [
        ...logits.flatMap((output, c) =>
          places(width).map((k): TileJob => ({
            step: index,
            input: this.#activation(step.q, r, k),
            weight: this.#activation(step.k, c, k),
            ...(k === width - 1 && { output }),
            layer,
          })),
        ),
        ...places(width).flatMap((c) =>
          logits.map((input, k): TileJob => ({
            step: index,
            input,
            weight: this.#activation(step.v, c, k),
            ...(k === sequence - 1 && { output: this.#activation(step.output, r, c) }),
            layer,
          })),
        ),
      ];
    });
  }
}

/** Places of a matrix of tiles in the given order. */
function grid(rows: number, columns: number, order: LoopOrder): [row: number, column: number][] {
  return Array.from({ length: rows * columns }, (_, i) =>
    order === 'columns' ? [i % rows, Math.floor(i / rows)] : [Math.floor(i / columns), i % columns],
  );
}

const places = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const byte = (value: number): number => value & 0xff;

/** Bytes 3 and 4 of a pair of registers. */
const middle = (third: number, fourth: number): [number, number] => [(byte(third) << 24) >>> 0, byte(fourth)];

/** Each output tile is a linear layer run of its own. */
function linearRegisters(
  { mult, shift, add }: AcceleratorRequant,
  inner: number,
  relu: boolean,
): LayerRegisters {
  return {
    tiles: 1 | (inner << 4) | (1 << 8) | (1 << 12),
    mult: [mult, 0],
    shift: [shift, 0],
    add: [byte(add), 0],
    engine: LAYER.linear | (relu ? RELU : 0),
    activation: 1, // multiplied by 1, not shifted
  };
}

/** Requantisation 3 is that of the logits, 4 that of the output. */
function attentionRegisters(
  { logits, values }: AttentionStep,
  sequence: number,
  width: number,
): LayerRegisters {
  return {
    tiles: sequence | (1 << 4) | (width << 8) | (1 << 12),
    mult: middle(logits.mult, values.mult),
    shift: middle(logits.shift, values.shift),
    add: middle(logits.add, values.add),
    engine: LAYER.attention,
    activation: 1,
  };
}
