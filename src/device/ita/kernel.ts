/**
 * The accelerator's datapath on the machine's memory: scratch buffers, and the WebAssembly functions that fill them
 * (specs/ita.md §2.3). Nothing here allocates per job.
 */
import { firstDifference } from '../../memory/compare.ts';
import type { Memory } from '../../memory/memory.ts';
import { BUFFER_BYTES, type Buffers, TILE_BYTES } from './kernel-buffers.ts';
import { emitKernel } from './kernel-code.ts';
import { activate, type ActivationConstants, type SoftmaxShift, unpackBias } from './reference.ts';

const QUARTER_BYTES = 1024;
const PACKED_QUARTER_BYTES = BUFFER_BYTES.weights / 4;
const BIASES = 64;
/** Bytes of 64 packed biases. */
export const BIAS_BYTES = 3 * BIASES;
/** From this shift on the product is requantised in two parts (see `emitRequantize`). */
const WIDE_SHIFT = 22;
const INT32_MAX = 0x7fff_ffff;

/** What a job leaves behind for the next: everything in scratch but the widened input. */
const KEPT = ['weights', 'partial', 'output', 'rowMax', 'rowSum', 'probability'] as const;

/** Contents of the buffers that outlive a job, by name. */
export type KernelState = Readonly<Record<(typeof KEPT)[number], Uint8Array>>;

type TileFunctions = Readonly<
  Record<
    | 'widen'
    | 'widenProbabilities'
    | 'pack'
    | 'multiply'
    | 'requantizeNarrow'
    | 'requantizeWide'
    | 'activate'
    | 'statistics'
    | 'invert',
    (...args: number[]) => void
  >
>;

/** One accelerator's tile arithmetic. Operand addresses are byte offsets in linear memory (`memory.u8`). */
export class Kernel {
  readonly #memory: Memory;
  readonly #at: Buffers;
  /** int32 [64] each: biases by column and by row, and zeros for the direction not in use. */
  readonly #bias: number;
  readonly #zeros: number;
  readonly #softmaxShift: SoftmaxShift;
  #functions: TileFunctions | undefined;
  /** The last snapshot. */
  #taken: KernelState | undefined;
  /** The constants the activation table was built for; NaN when none. */
  #tabulated = [NaN, NaN, NaN, NaN, NaN, NaN];

  constructor(memory: Memory, softmaxShift: SoftmaxShift) {
    this.#memory = memory;
    const at: Record<string, number> = {};
    for (const [name, bytes] of Object.entries(BUFFER_BYTES)) at[name] = memory.reserve(bytes);
    this.#at = at as Record<keyof Buffers, number>;
    this.#bias = memory.reserve(4 * BIASES);
    this.#zeros = memory.reserve(4 * BIASES);
    this.#softmaxShift = softmaxShift;
  }

  /** The functions, compiled when the first job runs: programs without jobs start faster. */
  get #run(): TileFunctions {
    if (this.#functions) return this.#functions;
    const { wasm } = this.#memory;
    const code = emitKernel(this.#at, this.#softmaxShift, wasm.buffer.byteLength / 65536);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { octet: { memory: wasm } });
    return (this.#functions = instance.exports as TileFunctions);
  }

  /** Reads the signed input tile. */
  readInput(from: number): void {
    this.#run.widen(from);
  }

  /** Reads the input tile as logits of the current row group and turns them into probabilities. */
  readLogits(from: number): void {
    this.#run.widenProbabilities(from);
  }

  /** Reads quarters first … 3 of the weight tile at `tile`. */
  readWeights(tile: number, first: 0 | 1): void {
    this.#run.pack(tile + first * QUARTER_BYTES, this.#at.weights + first * PACKED_QUARTER_BYTES, 4 - first);
  }

  /** Reads quarter 0 of the next job's weight tile. */
  readNextWeights(tile: number): void {
    this.#run.pack(tile, this.#at.weights, 1);
  }

  /** Reads 64 packed biases. */
  readBias(from: number): void {
    const { i32, u8 } = this.#memory;
    for (let n = 0; n < BIASES; n++) i32[(this.#bias >> 2) + n] = unpackBias(u8, from + 3 * n);
  }

  /** partial = input * weights, plus the old partial if `more`. */
  multiply(more: boolean): void {
    this.#run.multiply(more ? 1 : 0);
  }

  /** output = requantised (partial + bias). `shift` is at most 35. */
  requantize(mult: number, shift: number, add: number, bias: 'none' | 'column' | 'row'): void {
    const column = bias === 'column' ? this.#bias : this.#zeros;
    const row = bias === 'row' ? this.#bias : this.#zeros;
    if (shift >= WIDE_SHIFT) {
      this.#run.requantizeWide(column, row, mult, 0, 2 ** (shift - 9), shift - 8, add);
    } else {
      const limit = mult === 0 ? INT32_MAX : Math.ceil(2 ** (shift + 9) / mult);
      this.#run.requantizeNarrow(column, row, mult, limit, shift === 0 ? 0 : 2 ** (shift - 1), shift, add);
    }
  }

  /** output = activation of output. The unit maps one byte to one byte, so it is tabulated once per set of constants. */
  activate(activation: number, constants: ActivationConstants): void {
    const { b, c, mult, shift, add } = constants;
    const [a0, b0, c0, mult0, shift0, add0] = this.#tabulated;
    if (a0 !== activation || b0 !== b || c0 !== c || mult0 !== mult || shift0 !== shift || add0 !== add) {
      const { i8 } = this.#memory;
      for (let y = -128; y < 128; y++)
        i8[this.#at.activation + (y & 0xff)] = activate(y, activation, constants);
      this.#tabulated = [activation, b, c, mult, shift, add];
    }
    this.#run.activate();
  }

  /** Feeds the output tile to the softmax statistics of 64 rows; `first` restarts them. */
  statistics(first: boolean): void {
    this.#run.statistics(first ? 1 : 0);
  }

  /** Inverts the denominators, after the last column tile of a row group. */
  invert(): void {
    this.#run.invert();
  }

  /** Writes the output tile. */
  writeOutput(to: number): void {
    this.#memory.u8.copyWithin(to, this.#at.output, this.#at.output + TILE_BYTES);
  }

  /** Buffers that are as in the last snapshot are the same objects as there. */
  snapshot(): KernelState {
    const copy = (name: keyof KernelState): Uint8Array => {
      const present = this.#memory.u8.subarray(this.#at[name], this.#at[name] + BUFFER_BYTES[name]);
      const last = this.#taken?.[name];
      return last && firstDifference(last, present) === last.length ? last : present.slice();
    };
    return (this.#taken = Object.fromEntries(KEPT.map((name) => [name, copy(name)])) as KernelState);
  }

  restore(state: KernelState): void {
    this.#tabulated.fill(NaN);
    for (const name of KEPT) this.#memory.u8.set(state[name], this.#at[name]);
  }
}
